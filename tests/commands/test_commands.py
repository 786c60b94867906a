"""The command line, as a script uses it: JSON on standard output, progress and sentences on standard error."""

import csv
import io
import json
import os
import shutil
import signal

import pandas as pd
import pytest

from engine.__main__ import commands
from engine.commands import looking
from engine.spec import parse_spec
from engine.store import folders, inbox
from engine.store.status import engine_pid, start_engine
from tests.commands.conftest import QUICK, process


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a runs folder that the tests of this file share: the later ones reuse the first one's runs."""
    return tmp_path_factory.mktemp("commands") / "runs"


@pytest.fixture(scope="module")
def first(root):
    return process(root, "run", *QUICK, "--quantizer", "uniform", "--bits", "4", "--json")


def test_run_prints_one_json_object_and_tells_its_progress_elsewhere(first):
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)
    assert list(result) == ["run_id", "spec", "measurements"]
    assert result["spec"]["bits"] == 4
    row = next(r for r in result["measurements"] if r["metric"] == "latency_p50_us")
    assert set(row) == {"index", "query_bits", "threads", "batch", "metric", "k", "value", "unit", "low", "high"}
    assert result["run_id"] in first.stderr


def test_a_run_that_is_done_is_not_repeated(engine, root, first):
    run_id = json.loads(first.stdout)["run_id"]
    manifest = folders.run_folder(root, run_id).file("manifest.json")
    before = manifest.stat().st_mtime_ns
    again = engine(root, "run", *QUICK, "--quantizer", "uniform", "--bits", "4", "--option", "scale=row", "--json")
    assert json.loads(again.stdout) == json.loads(first.stdout), "a default that is written out is the same run"
    assert manifest.stat().st_mtime_ns == before


def test_a_sweep_runs_what_is_missing_and_the_frontier_follows(engine, root, first):
    manifest = folders.run_folder(root, json.loads(first.stdout)["run_id"]).file("manifest.json")
    before = manifest.stat().st_mtime_ns
    sweep = engine(root, "sweep", *QUICK, "--quantizers", "uniform,sign", "--bits", "4,1")
    assert sweep.returncode == 0, sweep.stderr
    assert "recall@20" in sweep.stdout
    assert [f.state() for f in folders.run_folders(root)] == ["done"] * 3
    assert manifest.stat().st_mtime_ns == before, "one of the three was there"
    printed = engine(
        root, "frontier", "--dataset", "demo", "--y", "recall@20", "--x", "bytes_per_item", "--format", "csv"
    )
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert rows
    costs, gains = [float(r["bytes_per_item"]) for r in rows], [float(r["recall@20"]) for r in rows]
    assert costs == sorted(costs)
    assert gains == sorted(gains)
    as_json = json.loads(
        engine(root, "frontier", "--dataset", "demo", "--x", "latency_p50_us", "--format", "json").stdout
    )
    assert {"run_id", "recall@20", "latency_p50_us"} <= set(as_json[0])


def test_a_frontier_is_of_one_split_and_where_time_counts_of_one_machine(engine, root, first, monkeypatch):
    other = engine(root, "run", *QUICK, "--quantizer", "uniform", "--bits", "4", "--split-seed", "1", "--json")
    assert other.returncode == 0, other.stderr
    refused = engine(root, "frontier", "--dataset", "demo")
    assert refused.returncode == 1 and "several splits: choose one with --split: split-demo-" in refused.stderr
    points = looking._points(root)
    (own, *_) = points.loc[points["run_id"] == json.loads(first.stdout)["run_id"], "split"]
    shown = engine(root, "frontier", "--dataset", "demo", "--split", own, "--all", "--format", "json")
    shutil.rmtree(root / json.loads(other.stdout)["run_id"])  # the other tests count what is there
    assert json.loads(first.stdout)["run_id"] in {row["run_id"] for row in json.loads(shown.stdout)}

    points = points[points["split"] == own]
    two = pd.concat([points, points.assign(hardware="another machine")], ignore_index=True)
    monkeypatch.setattr(looking, "_points", lambda _: two)
    for x, y in (("bytes_per_item", "throughput_qps"), ("train_s", "recall@20"), ("latency_p50_us", "recall@20")):
        told = engine(root, "frontier", "--dataset", "demo", "--x", x, "--y", y)
        assert told.returncode == 1 and "several machines: choose one with --hardware" in told.stderr, (x, y)
    assert engine(root, "frontier", "--dataset", "demo", "--x", "bytes_per_item").returncode == 0


def test_what_is_kept_is_of_the_same_trained_model():
    rows = [("float32", "model-a", 0.2), ("sign", "model-a", 0.1), ("float32", "model-b", 0.4),
            ("sign", "model-b", 0.1), ("sign", "model-c", 0.1)]  # fmt: skip
    points = pd.DataFrame(rows, columns=["quantizer", "checkpoint", "recall@20"])
    assert looking.kept_share(points).fillna(-1).tolist() == [1.0, 0.5, 1.0, 0.25, -1.0]


def test_show_and_runs_tell_what_there_is(engine, root, first):
    run_id = json.loads(first.stdout)["run_id"]
    shown = json.loads(engine(root, "show", run_id, "--json", "--verify").stdout)
    assert (shown["state"], shown["run_id"]) == ("done", run_id)
    listed = json.loads(engine(root, "runs", "--json").stdout)
    assert all(run["submitted"].endswith("Z") for run in listed), "UTC, and it says so"
    assert run_id in {r["run_id"] for r in listed}


def test_measure_times_a_finished_run_again_and_stores_nothing(engine, root, first, few_samples):
    run_id = json.loads(first.stdout)["run_id"]
    folder = folders.run_folder(root, run_id)
    before = {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir() if path.name != "lock"}
    again = engine(root, "measure", run_id, "--json")
    assert again.returncode == 0, again.stderr
    rows = {(r["metric"], r["query_bits"], r["batch"]): r for r in json.loads(again.stdout)}
    then = next(r for r in json.loads(first.stdout)["measurements"] if r["metric"] == "latency_p50_us")
    row = rows["latency_p50_us", then["query_bits"], 1]
    assert row["then"] == then["value"] and row["now"] > 0
    assert row["change_%"] == pytest.approx(100 * (row["now"] / row["then"] - 1))
    assert {path.name: path.stat().st_mtime_ns for path in folder.path.iterdir() if path.name != "lock"} == before


def test_scale_stores_a_larger_catalogue_beside_the_run_and_show_tells_of_it(engine, root, first, few_samples):
    run_id = json.loads(first.stdout)["run_id"]
    done = engine(root, "scale", run_id, "--items", "5000,4000", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {r["items"] for r in rows} == {4000, 5000}
    bytes_of = {r["items"]: r["value"] for r in rows if r["metric"] == "index_bytes"}
    assert bytes_of[5000] == pytest.approx(1.25 * bytes_of[4000], rel=0.03)
    shown = json.loads(engine(root, "show", run_id, "--json", "--verify").stdout)
    assert shown["scaled"] == rows
    text = engine(root, "show", run_id).stdout
    assert "at larger catalogues" in text and "5,000" in text
    refused = engine(root, "scale", run_id, "--items", "2000000000")
    assert refused.returncode == 1 and "do not fit in memory" in refused.stderr and "at most" in refused.stderr
    small = engine(root, "scale", run_id, "--items", "3000")
    assert small.returncode == 1 and "demo has 3,000 itself" in small.stderr


def test_export_writes_a_bundle_or_the_recommendations_alone(engine, root, first, tmp_path):
    run_id = json.loads(first.stdout)["run_id"]
    told = json.loads(engine(root, "export", run_id, "--to", str(tmp_path / "home"), "--json").stdout)
    assert {path.name for path in (tmp_path / "home").iterdir()} == {*told["files"], "manifest.json"}
    shown = engine(root, "export", run_id, "--to", str(tmp_path / "new" / "home.zip"), "--queries")
    assert "queries_32.safetensors" in shown.stdout and "free of any terms" in shown.stderr
    lists = json.loads(engine(root, "export", run_id, "--to", str(tmp_path / "all.parquet"), "--json").stdout)
    assert lists == {"rows": 200_000, "bytes": (tmp_path / "all.parquet").stat().st_size}
    again = engine(root, "export", run_id, "--to", str(tmp_path / "home"))
    assert again.returncode == 1 and "is there already: choose another name" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["measure", "demo-float32-000000000000"], ["no run", "engine runs"]),
        (["export", "demo-float32-000000000000", "--to", "x.zip"], ["no run", "engine runs"]),
        (["scale", "demo-float32-000000000000", "--items", "10000"], ["no run", "engine runs"]),
        (["run", "--dataset", "movielens"], ["unknown data set 'movielens'", "ml-100k"]),
        (["run", "--dataset", "demo", "--quantizer", "hqgn"], ["unknown quantizer 'hqgn'", "uniform"]),
        (["run", "--dataset", "demo", "--quantizer", "uniform", "--bits", "3"], ["got 3 bits", "8, 4, 2, 1"]),
        (["run", "--dataset", "demo", "--quantizer", "uniform"], ["choose one with --bits"]),
        (["run", "--dataset", "demo", "--encoder", "gcn"], ["unknown encoder 'gcn'", "lightgcn"]),
        (["run", "--dataset", "demo", "--encoder", "ngcf", "--quantizer", "l2qgcn"], ["not linear", "rotate=none, or"]),
        (["sweep", "--dataset", "demo", "--encoder", "ngcf", "--quantizers", "sign,l2qgcn"], ["ngcf is not linear"]),
        (["run", "--dataset", "demo", "--loss", "hinge"], ["unknown loss 'hinge'", "softmax"]),
        (["run", "--dataset", "demo", "--dim", "0"], ["model.dim", "got 0"]),
        (["run", "--dataset", "demo", "--temperature", "0.01"], ["0 (by a rule", "at least 0.014", "got 0.01"]),
        (["run", "--dataset", "demo", "--option", "scale"], ["NAME=VALUE"]),
        (["run", "--dataset", "demo", "--quantizer", "sign", "--option", "scale=column"], ["scale", "column"]),
        (["run", "--dataset", "demo", "--quantizer", "sign", "--option", "scael=row"], ["scael", "scale"]),
        (["run", "--dataset", "demo", "--quantizer", "sign", "--option", "sing.scale=row"], ["'sing'", "not chosen"]),
        (["run", "--dataset", "demo", "--quantizer", "sign", "--option", "scale=row,none"], ["one value", "sweep"]),
        (["sweep", "--dataset", "demo", "--quantizers", "sign,itq", "--option", "stesp=1"], ["'stesp'", "scale"]),
        (["run", "--dataset", "demo", "--query-bits", "8"], ["own 32 bits"]),
        (["sweep", "--dataset", "demo", "--quantizers", "uniform", "--bits", "3"], ["no 3 bits", "8, 4, 2, 1"]),
        (
            ["sweep", "--dataset", "demo", "--quantizers", "uniform", "--bits", "four"],
            ["--bits", "four", "whole numbers"],
        ),
        (["frontier", "--dataset", "gowalla"], ["no finished run on gowalla"]),
        (["frontier", "--dataset", "demo", "--y", "recall@21"], ["recall@21", "recall@20"]),
        (["show", "../../etc/passwd"], ["no run id"]),
        (["show", "demo-float32-000000000000"], ["no run", "engine runs"]),
        (["cancel", "demo-float32-000000000000"], ["no run", "engine runs"]),
    ],
)
def test_what_cannot_be_done_is_one_sentence_with_a_way_on(engine, root, first, arguments, words):
    done = engine(root, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr


def test_of_several_runs_none_is_cancelled_where_one_cannot_be(engine, root, first):
    waiting = folders.create(root, parse_spec({"dataset": "demo", "model": {"encoder": "mf", "dim": 8, "seed": 9}}))
    done = engine(root, "cancel", waiting.run_id, json.loads(first.stdout)["run_id"])
    assert done.returncode == 1 and "is done: expected one that is queued or running" in done.stderr
    assert waiting.state() == "queued" and not list(inbox.pending(root))
    assert engine(root, "cancel", waiting.run_id).returncode == 0 and waiting.state() == "cancelled"


def test_a_script_sees_the_sentence_and_the_exit_status(root):
    done = process(root, "run", "--dataset", "movielens")
    assert done.returncode == 1
    assert done.stderr.startswith("error: unknown data set 'movielens'") and "Traceback" not in done.stderr


def test_a_failed_run_ends_with_its_sentence_and_can_be_seen(engine, root, monkeypatch, tmp_path):
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path))
    (tmp_path / "gowalla").mkdir()
    done = engine(root, "run", "--dataset", "gowalla", "--epochs", "1")
    assert done.returncode == 1
    assert "train.txt" in done.stderr
    failed = json.loads(engine(root, "runs", "--state", "failed", "--json").stdout)
    assert "train.txt" in failed[0]["error"]


def test_runs_that_failed_and_are_submitted_to_a_serving_engine_are_waited_for(engine, root, first):
    quick = ["run", *QUICK, "--query-bits", "32"]
    spec = parse_spec({"dataset": "demo", "query_bits": [32], "model": {"encoder": "mf", "dim": 8, "epochs": 1}})
    folder = folders.create(root, spec)
    folder.fail("from an earlier attempt", "user")
    start_engine(root)
    done = engine(root, *quick)
    os.kill(engine_pid(root), signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    assert "an engine is at work here" in done.stderr
    assert folder.state() == "done"


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_helps_with_an_example(name):
    from click.testing import CliRunner

    shown = CliRunner().invoke(commands, [name, "--help"]).output
    assert "Example:" in shown
    assert f"python -m engine {name}" in shown
