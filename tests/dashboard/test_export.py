"""What is taken away from the dashboard: tables with their types, charts that need no network, a run's own files."""

import errno
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from dashboard import columns, data, downloads, export, failures, run_charts, take_home
from engine.errors import FewbitsError
from engine.store.folders import RunFolder
from tests.dashboard.conftest import texts


@pytest.fixture
def points(runs):
    """Points of which one was timed on one machine alone."""
    return data.points().assign(throughput_qps=lambda t: t["throughput_qps"].where(t.index > 0))


def test_parquet_keeps_the_csvs_columns_with_their_types(points):
    read = pq.read_table(io.BytesIO(export.to_parquet(points)))
    assert read.column_names == pd.read_csv(io.StringIO(export.to_csv(points))).columns.tolist()
    for name in ("recall@20", "bytes_per_item", "query_bits", "run_id"):
        assert read[name].to_pylist() == points[name].tolist()
    assert read["throughput_qps"].null_count == 1, "absent is not measured, never 0"
    assert str(read.schema.field("finished").type) == "timestamp[us, tz=UTC]"
    assert read.schema.field("latency_p50_us").metadata[b"unit"] == "µs".encode()


def test_json_keeps_the_same_columns_and_explains_them(points):
    told = json.loads(export.to_json(points))
    names = [column["name"] for column in told["columns"]]
    assert names == pq.read_schema(io.BytesIO(export.to_parquet(points))).names
    assert all(list(row) == names for row in told["rows"])
    assert [row["recall@20"] for row in told["rows"]] == points["recall@20"].tolist()
    assert told["rows"][0]["throughput_qps"] is None
    assert pd.Timestamp(told["rows"][0]["finished"]) == points["finished"].iloc[0].tz_localize("UTC")
    kinds = {column["name"]: column["type"] for column in told["columns"]}
    assert (kinds["query_bits"], kinds["recall@20"], kinds["finished"], kinds["label"]) == (
        "integer", "number", "time", "text",
    )  # fmt: skip


def test_every_column_says_what_it_means(points):
    of_the_study = ("checkpoint", "chosen", "form", "source", "recall_head@20", "recall_tail@20")
    for name in (*export.labelled(points).columns, *of_the_study):
        assert columns.meaning(name).rstrip(".").lower() != name, f"{name} is not explained"
    assert columns.meaning("recall_tail@20").endswith("nine tenths of the items that are found, in lists of 20.")
    assert columns.unit("latency_p99_us") == "µs" and columns.unit("recall@20_low") == "share"


def test_counts_stay_whole_numbers_where_some_are_missing(runs):
    rows = data.measurements(runs[3])
    assert rows["query_bits"].isna().any()
    assert "32.0" not in set(pd.read_csv(io.StringIO(export.csv_of(rows)), dtype=str)["query_bits"].dropna())
    assert {type(row["k"]) for row in json.loads(export.json_of(rows))["rows"]} == {int, type(None)}


def test_a_chart_as_a_page_needs_no_network_and_runs_nothing_of_ours():
    figure = go.Figure(go.Scatter(x=[1], y=[2], text=["</script><script>alert(1)</script>"]))
    page = export.to_html(figure, "<points>")
    assert "<title>&lt;points&gt;</title>" in page and "alert(1)</script>" not in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page), "everything is inside"
    assert figure.layout.dragmode is None, "the chart on the page is left as it is"
    shown = export.to_html(run_charts.popularity(np.arange(9)), "popularity")
    assert '"paper_bgcolor":"white"' in shown and '"plot_bgcolor":"white"' in shown, "a picture of it has a ground"


def test_a_file_that_was_made_is_open_and_its_folder_gone(tmp_path):
    kept = []
    file = take_home.made(lambda to: kept.append(to) or to.write_bytes(b"x" * 10), "a.zip")
    assert file.read() == b"x" * 10 and kept[0].name == "a.zip" and not kept[0].parent.exists()


@pytest.mark.parametrize(("error", "words"), [
    (FewbitsError("the lists are gone: run it again"), "the lists are gone: run it again."),
    (OSError(errno.ENOSPC, "No space left on device"), "set TMPDIR to another"),
    (ValueError("1"), "a mistake in the dashboard"),
])  # fmt: skip
def test_a_download_that_could_not_be_made_is_told_on_the_page(show, monkeypatch, error, words):
    def broken(_: Path) -> None:
        raise error

    kept: list[str] = []
    with monkeypatch.context() as patch, pytest.raises((FewbitsError, ValueError)):
        patch.setattr(failures.st, "session_state", {failures.KEPT: kept})
        failures.told(lambda: take_home.made(broken, "lists.parquet"), "lists.parquet")()
    app = show("about", {failures.KEPT: kept})
    (notice,) = app.toast
    told = notice.value.replace("\\", "")
    assert told.startswith("The file lists.parquet was not made: ") and words in told
    assert not app.run().toast, "told once"


def with_index(folder):
    """Give a fake run an index file, which it has not by itself."""
    meta = {"format": "fewbits-index-2", "layout": "flat"}
    save_file({"values": np.zeros((150, 32), np.float32)}, folder.file("index.safetensors"), meta)
    content = folder.manifest()
    folder.commit({name: value for name, value in content.items() if name != "files"})


def test_a_run_tells_the_sizes_of_what_it_gives_away(show, runs, root):
    with_index(RunFolder(root / runs[3]))
    app = show("run", run_id=runs[3])
    offered = [b.label for b in app.get("download_button")]
    assert any(label.startswith("Index as zip, about ") for label in offered)
    assert any(label.startswith("Lists as Parquet, about ") for label in offered)
    assert "6,000 rows" in texts(app), "60 users, two ways to search, 50 places"
    assert "Terms of the data: Computed by Fewbits" in texts(app).replace("\\", "")
    assert [label.split(",")[0] for label in offered[-2:]] == ["CSV", "JSON"]


def test_a_run_without_an_index_gives_what_it_has(show, runs):
    app = show("run", run_id=runs[3])
    assert "keeps no index" in texts(app) and not app.error
    assert not any(b.label.startswith("Index") for b in app.get("download_button"))


def test_what_is_too_large_for_a_browser_is_a_command(show, runs, root, monkeypatch):
    with_index(RunFolder(root / runs[3]))
    monkeypatch.setattr(take_home, "MOST", 1000)
    app = show("run", run_id=runs[3])
    assert f"python -m engine export {runs[3]} --to {runs[3]}.zip" in [c.value for c in app.code]
    assert [b.label.split(",")[0] for b in app.get("download_button")] == ["CSV", "JSON"]


def test_the_button_of_a_run_makes_the_whole_bundle(runs, root):
    folder = RunFolder(root / runs[3])
    with_index(folder)
    with take_home.made(lambda to: take_home.bundle.export(folder, to), f"{runs[3]}.zip") as file:
        names = zipfile.ZipFile(io.BytesIO(file.read())).namelist()
    assert {f"{runs[3]}/index.safetensors", f"{runs[3]}/search.py", f"{runs[3]}/items.parquet"} <= set(names)


def test_the_buttons_of_a_table_make_three_files_when_they_are_pressed(points, monkeypatch):
    drawn, asked = {}, []
    monkeypatch.setattr(downloads.st, "download_button", lambda label, make, **look: drawn.update({look["key"]: make}))
    downloads.table(lambda: asked.append(1) or points, "points", "t")
    assert list(drawn) == ["t_csv", "t_parquet", "t_json"] and not asked, "nothing is made before a button is pressed"
    assert drawn["t_csv"]().startswith("label,") and drawn["t_parquet"]()[:4] == b"PAR1"
    assert len(json.loads(drawn["t_json"]())["rows"]) == len(points)
