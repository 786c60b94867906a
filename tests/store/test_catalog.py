"""The catalog says what the folders say, can be deleted, and never locks a reader out."""

import errno
import json
import shutil

import pytest

from engine.errors import DiskError, FewbitsError
from engine.spec import ModelSpec, RunSpec
from engine.store import catalog, folders, scaling

MACHINE = {"hardware": "a machine, 2 cores"}


def row(metric, value, k=None, query_bits=None, threads=None, batch=None, low=None, high=None):
    return {"index": "flat", "query_bits": query_bits, "threads": threads, "batch": batch, "metric": metric, "k": k,
            "value": value, "unit": "share", "low": low, "high": high}  # fmt: skip


def finished(root, seed, recall=0.2):
    """Write a committed run with recall, latency and memory."""
    folder = folders.create(root, RunSpec(dataset="demo", bits=4, quantizer="uniform", model=ModelSpec(seed=seed)))
    folder.begin()
    rows = [row("bytes_per_item", 34.0)]
    for bits in (32, 4):
        rows += [row("recall", recall, 20, bits, low=recall - 0.01, high=recall + 0.01),
                 row("recall", recall / 2, 10, bits),
                 row("latency_p50_us", 12.5, 20, bits, 1, 1), row("throughput_qps", 5e4, 20, bits, 1, 64),
                 row("throughput_qps", 9e4, 20, bits, 2, 64)]  # fmt: skip
    folder.commit({
        "run_id": folder.run_id, "measurements": rows, "machine": MACHINE, "checkpoint": "model-x", "notes": [],
        "split": {"key": "split-demo"}, "started_ns": 10**18, "finished_ns": 10**18,
    })  # fmt: skip
    return folder


def everything(root):
    tables = catalog.runs(root).sort_values("run_id"), catalog.measurements(root), catalog.points(root)
    return [table.to_json(date_format="iso") for table in tables]


def test_before_the_first_snapshot_the_error_says_how_to_get_one(root):
    with pytest.raises(FewbitsError, match="engine serve"):
        catalog.runs(root)


def test_a_snapshot_with_damage_inside_is_a_sentence(root):
    for seed in range(3):
        finished(root, seed)
    catalog.Catalog(root, []).refresh()
    path = root / "catalog" / catalog.snapshot_id(root)
    content = bytearray(path.read_bytes())
    for place in range(3 * 4096 + 64, len(content), 512):  # behind the file's headers
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(FewbitsError, match="engine runs --rebuild"):
        catalog.points(root)


def test_an_empty_catalog_has_no_runs_and_no_points(root):
    catalog.Catalog(root, []).refresh()
    assert catalog.runs(root).empty
    assert catalog.points(root).empty


def test_points_are_wide_with_intervals_one_row_for_each_query_precision(root):
    finished(root, 0)
    catalog.Catalog(root, []).refresh()
    points = catalog.points(root).set_index("query_bits")
    assert points.loc[32, "recall@20"] == 0.2
    assert (points.loc[4, "recall@20_low"], points.loc[4, "recall@20_high"]) == (0.2 - 0.01, 0.2 + 0.01)
    assert points.loc[4, "latency_p50_us"] == 12.5
    assert points.loc[4, "throughput_qps"] == 5e4, "a point's throughput is that of one thread"
    assert points.loc[4, "hardware"] == MACHINE["hardware"]


def test_what_holds_for_the_index_stands_on_each_of_its_points(root):
    finished(root, 0)
    catalog.Catalog(root, []).refresh()
    points = catalog.points(root)
    assert sorted(points["query_bits"]) == [4, 32]
    assert points["bytes_per_item"].tolist() == [34.0, 34.0]


def test_deleting_and_rebuilding_gives_the_same_rows(root):
    for seed in range(5):
        finished(root, seed)
    folders.create(root, RunSpec(dataset="demo"))
    catalog.Catalog(root, []).refresh()
    before = everything(root)
    assert catalog.rebuild(root, []) == 6
    assert everything(root) == before


def test_a_snapshot_is_published_only_when_something_changed(root):
    finished(root, 0)
    writer = catalog.Catalog(root, [])
    writer.refresh()
    first = catalog.snapshot_id(root)
    writer.refresh()
    assert catalog.snapshot_id(root) == first
    finished(root, 1)
    assert len(writer.refresh()) == 2
    assert catalog.snapshot_id(root) != first


def test_what_a_full_disk_cut_off_is_cleared_away(root, monkeypatch):
    finished(root, 0)
    catalog.Catalog(root, []).refresh()
    before = sorted(path.name for path in (root / "catalog").iterdir())
    monkeypatch.setattr(catalog.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(DiskError, match="the disk is full"):
        catalog.Catalog(root, [])._publish()
    assert sorted(path.name for path in (root / "catalog").iterdir()) == before


def test_a_catalog_that_is_deleted_while_the_engine_idles_is_published_again_under_another_name(root):
    """A reader keeps tables by the snapshot's name: it must never meet another content under it."""
    writer = catalog.Catalog(root, [])
    writer.refresh()
    first = catalog.snapshot_id(root)
    shutil.rmtree(root / "catalog")
    writer.refresh()
    assert catalog.runs(root).empty and catalog.snapshot_id(root) != first
    (root / "catalog" / catalog.snapshot_id(root)).unlink()
    writer.refresh()
    assert catalog.runs(root).empty


def test_a_reader_keeps_its_snapshot_while_many_newer_ones_are_published(root):
    finished(root, 0)
    writer = catalog.Catalog(root, [])
    writer.refresh()
    with catalog.reading(root) as connection:
        for seed in range(1, 9):
            finished(root, seed)
            writer.refresh()
        assert connection.execute("select count(*) from runs").fetchone() == (1,)
    assert len(catalog.runs(root)) == 9
    assert len(list((root / "catalog").glob("*.duckdb"))) == catalog.KEPT


def test_snapshots_are_opened_read_only(root):
    catalog.Catalog(root, []).refresh()
    with catalog.reading(root) as connection, pytest.raises(Exception, match="read-only"):
        connection.execute("delete from runs")


def test_values_are_bound_and_not_pasted_into_sql(root):
    finished(root, 0)
    catalog.Catalog(root, []).refresh()
    assert catalog.measurements(root, ["' or true --"]).empty


def test_a_run_that_is_queued_again_loses_its_points(root):
    folder = finished(root, 0)
    writer = catalog.Catalog(root, [])
    writer.refresh()
    folder.queue()
    assert writer.refresh() == {folder.run_id: "queued"}
    assert catalog.points(root).empty


def scale(folder, items=10**6, p50=500.0):
    """Write what a run measured at a larger catalogue."""
    rows = [row("index_bytes", 5.0 * items), row("latency_p50_us", p50, 20, 4, 1, 1, p50 - 1, p50 + 1)]
    entry = {"rows": rows, "machine": {"hardware": "another"}, "notes": [], "finished_ns": 10**18}
    scaling.add_result(folder, items, entry)


def test_a_larger_catalogue_is_a_table_of_its_own_and_leaves_the_points_alone(root):
    folder = finished(root, 0)
    catalog.Catalog(root, []).refresh()
    assert catalog.scaled_points(root).empty
    before = catalog.points(root)
    scale(folder)
    scale(folder, 10**7, 5000.0)
    catalog.Catalog(root, []).refresh()
    points = catalog.scaled_points(root).set_index("items")
    assert points.loc[10**6, "latency_p50_us"] == 500.0 and points.loc[10**7, "index_bytes"] == 5e7
    assert points.loc[10**6, "latency_p50_us_low"] == 499.0
    assert set(points["hardware"]) == {"another"} and set(points["query_bits"]) == {4}
    assert catalog.points(root).equals(before)


def test_a_finished_run_is_read_again_once_it_was_measured_at_another_size(root):
    folder = finished(root, 0)
    writer = catalog.Catalog(root, [])
    writer.refresh()
    scale(folder)
    writer.refresh()
    assert len(catalog.scaled_points(root)) == 1
    folder.file("manifest.json").write_text("{")
    writer.refresh()
    assert catalog.scaled_points(root).empty, "a run that was cut off has no points at any size"


def test_methods_survive_a_rebuild_by_one_who_does_not_know_them(root):
    method = {"kind": "quantizer", "name": "sign", "description": json.dumps({"name": "sign", "bits": [1]})}
    catalog.Catalog(root, [method]).refresh()
    catalog.rebuild(root)
    assert catalog.methods(root, "quantizer") == [{"name": "sign", "bits": [1]}]


def test_an_orphaned_run_says_what_is_known_of_it(root):
    folders.create(root, RunSpec(dataset="demo")).begin()
    catalog.Catalog(root, []).refresh()
    row = catalog.runs(root).iloc[0]
    assert row["state"] == "orphaned"
    assert "1 of 3 attempts" in row["error"]
