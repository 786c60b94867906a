"""What a newcomer does, in a real browser with the real engine: from first start to files to take home."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dashboard import export
from dashboard.charts import FADED
from engine.frontier import on_frontier
from engine.store import catalog
from tests.children.sitecustomize import FEWER

pytestmark = pytest.mark.timeout(600)
CURVE = ".st-key-t_chart .js-plotly-plot"
SWEEP_MS = 240_000
"""The first run of the demo trains its model; on a busy machine that takes a few times as long as on a quiet one."""


def test_from_first_start_to_files_to_take_home(server: Any, page: Any, picture: Any, tmp_path: Path) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Run the demo sweep").wait_for()
    picture("first-start")
    page.get_by_role("button", name="Run the demo sweep").click()
    page.get_by_text("This page is filled by itself").wait_for()
    picture("watching")
    page.locator(CURVE).wait_for(timeout=SWEEP_MS)  # it appears by itself, without a click or a reload
    page.get_by_text("0 running").wait_for(state="detached", timeout=SWEEP_MS)
    page.get_by_text("points appear here as runs finish").wait_for(state="detached", timeout=SWEEP_MS)
    assert set(catalog.runs(server.root)["state"]) == {"done"}
    assert len(catalog.runs(server.root)) == len(FEWER["dashboard.demo"]["METHODS"])

    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "points.csv")
    assert_equals_catalog(tmp_path / "points.csv", server.root)
    picture("curve")

    frontier_point(page).click(force=True)
    page.get_by_role("button", name="Open run").click()
    page.wait_for_url("**/run?run_id=*")
    run_id = page.url.split("run_id=")[1].split("&")[0]
    points = catalog.points(server.root)
    assert run_id in set(points[on_frontier(points, "bytes_per_item", "recall@20")]["run_id"])
    page.get_by_text(run_id, exact=False).first.wait_for()
    page.get_by_text("Run it again from the command line").click()
    page.get_by_text("python -m engine run").first.wait_for()

    picture("run")
    with page.expect_download() as download:
        page.get_by_role("button", name="Index as zip").click()
    download.value.save_as(tmp_path / "bundle.zip")
    assert_is_the_runs_index(tmp_path / "bundle.zip", server.root / run_id)

    page.get_by_role("link", name="See one user's recommendations").click()
    page.wait_for_url("**/users?run_id=*")
    page.get_by_role("button", name="Random user").click()
    page.wait_for_url("**user=*")
    page.get_by_role("heading", name="Held-out items").wait_for()
    page.get_by_text("left the top 20").wait_for()
    assert page.get_by_test_id("stException").count() == 0


def assert_is_the_runs_index(path: Path, run: Path) -> None:
    """The bundle holds the index byte for byte, and what it takes to search it."""
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        assert bundle.read(f"{run.name}/index.safetensors") == (run / "index.safetensors").read_bytes()
        assert {"manifest.json", "search.py", "TERMS.txt"} <= {Path(name).name for name in bundle.namelist()}


def frontier_point(page: Any) -> Any:
    """Return a marker of the chart that is not faded: a point on the frontier."""
    page.wait_for_timeout(1000)  # plotly draws in steps, and a click between two of them is lost
    return page.locator(f'{CURVE} .scatterlayer .trace:not([style*="opacity: {FADED}"]) .points path.point').first


def assert_equals_catalog(path: Path, root: Path) -> None:
    """The file parses back to the catalog's points: the same columns, the same numbers to the last bit."""
    points = catalog.points(root).sort_values(["run_id", "query_bits"], ignore_index=True)
    read = pd.read_csv(io.StringIO(path.read_text("utf-8")), parse_dates=["finished"])
    assert list(read.columns) == [export.LABEL, *points.columns]
    read = read.drop(columns=export.LABEL).sort_values(["run_id", "query_bits"], ignore_index=True)
    pd.testing.assert_frame_equal(read, points, check_dtype=False, check_exact=True)
