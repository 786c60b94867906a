"""A file of one's own, from the template to a data set that runs can be asked for."""

from pathlib import Path
from typing import Any

from engine.data import own
from tests.browser.conftest import Server


def test_the_template_becomes_a_data_set_to_run_on(server: Server, page: Any, picture: Any, tmp_path: Path) -> None:
    page.goto(f"{server.url}/data_sets")
    with page.expect_download() as download:
        page.get_by_role("button", name="Template", exact=True).click()
    template = tmp_path / download.value.suggested_filename
    download.value.save_as(template)
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(template)
    page.get_by_role("button", name="Add data set").wait_for()
    picture("looked-at")
    name = page.get_by_role("textbox", name="Name of the data set")
    name.fill("readers")
    name.press("Enter")
    page.get_by_role("button", name="Add data set").click()
    page.get_by_text("readers was added in").wait_for()
    assert own.names(server.root) == ["readers"]
    picture("added")
    page.get_by_test_id("stMainBlockContainer").get_by_role("link", name="New run").first.click()
    page.wait_for_url("**/new_run")
    page.get_by_role("combobox", name="Data sets").fill("readers")
    page.get_by_role("option", name="readers (your own)").wait_for()
