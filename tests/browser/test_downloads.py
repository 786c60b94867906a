"""Charts and bundles as files, in a real browser: the pictures are made there and nowhere else."""

import re
from pathlib import Path
from typing import Any

from tests.browser.actions import saved
from tests.browser.conftest import Server

COLOURS = ("color", "backgroundColor")


def test_a_chart_is_saved_as_png_svg_and_html(filled: Server, page: Any, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(filled.url)
    page.locator(".st-key-t_chart .js-plotly-plot .point").first.wait_for()
    page.get_by_role("button", name="Save this chart").click()
    page.get_by_role("button", name="SVG", exact=True).click(trial=True)  # waits until a press would be heard
    page.get_by_role("button", name="SVG", exact=True).focus()
    page.keyboard.press("Shift+Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")  # without a mouse
    png = Path(download.value.path()).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) > 20_000
    assert int.from_bytes(png[16:20], "big") >= 2000, "twice as many pixels as are seen, so that print is sharp"
    svg = saved(page, "SVG", tmp_path).read_text("utf-8")
    ink, ground = (page.evaluate(f"getComputedStyle(document.querySelector('.stApp')).{c}") for c in COLOURS)
    assert svg.startswith("<svg") and ground == "rgb(23, 22, 20)"
    assert re.search(rf"fill: {re.escape(ink)}[^>]*>Recall@20<", svg), "written as on the page"
    assert f"background: {ground}" in svg or f"fill: {ground}" in svg, "on the page's ground"
    html = saved(page, "HTML", tmp_path)
    page.context.set_offline(True)
    page.goto(html.as_uri())
    page.locator(".js-plotly-plot .point").first.wait_for()


def test_a_file_that_cannot_be_made_says_why(filled: Server, page: Any) -> None:
    run = next(filled.root.glob("demo-uniform4-*"))
    page.goto(f"{filled.url}/run?run_id={run.name}")
    button = page.get_by_role("button", name="Lists as Parquet")
    button.wait_for()
    lists = (run / "lists.parquet").rename(filled.root / "aside")
    try:
        button.click()
        page.get_by_test_id("stToast").get_by_text(
            f"The file {run.name}-recommendations.parquet was not made"
        ).wait_for()
    finally:
        lists.rename(run / "lists.parquet")
