"""Files of one's own, from the templates to data sets that runs can be asked for."""

from pathlib import Path
from typing import Any

from engine.data import own
from engine.data.split import load_split
from tests.browser.actions import choose, saved
from tests.browser.conftest import Server


def test_the_template_becomes_a_data_set_to_run_on(server: Server, page: Any, picture: Any, tmp_path: Path) -> None:
    page.goto(f"{server.url}/data_sets")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(saved(page, "Template", tmp_path))
    page.get_by_role("button", name="Add data set").wait_for()
    picture("looked-at")
    add(page, "readers")
    assert own.names(server.root) == ["readers"]
    picture("added")
    page.get_by_test_id("stMainBlockContainer").get_by_role("link", name="New run").first.click()
    page.wait_for_url("**/new_run")
    page.get_by_role("combobox", name="Data sets").fill("readers")
    page.get_by_role("option", name="readers (your own)").wait_for()


def test_the_worked_example_of_vectors_of_ones_own_ends_as_it_says(
    server: Server, page: Any, picture: Any, tmp_path: Path
) -> None:
    page.goto(f"{server.url}/data_sets")
    template = saved(page, "Template", tmp_path)
    page.get_by_text("Vectors of your own: what to bring").click()
    vectors = {table: saved(page, f"Template, {table}' vectors", tmp_path) for table in ("users", "items")}
    uploads = page.get_by_test_id("stFileUploaderDropzoneInput")
    uploads.set_input_files(template)
    page.get_by_test_id("stCheckbox").filter(has_text="I have vectors of these users and items").click()
    page.get_by_text("Bring the vectors of the users and those of the items.").wait_for()
    for place, table in enumerate(vectors, 1):
        uploads.nth(place).set_input_files(vectors[table])
        page.get_by_text("5 vectors of 3 numbers").nth(place - 1).wait_for()
    choose(page, "Test", "the last by time")
    picture("vectors-looked-at")
    add(page, "readers")
    split = load_split("readers", server.root)
    assert (split.n_users, split.n_items, split.test.counts().sum()) == (4, 5, 3), "as the worked example says"
    assert split.vectors is not None and split.vectors.items.shape == (5, 3)


def add(page: Any, name: str) -> None:
    """Name the data set and add it."""
    field = page.get_by_role("textbox", name="Name of the data set")
    field.fill(name)
    field.press("Enter")
    page.get_by_role("button", name="Add data set").click()
    page.get_by_text(f"{name} was added in").wait_for()
