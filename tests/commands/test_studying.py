"""``study``: what is missing is run, a failure stops nothing, and what is shipped is what was measured."""

import json
import math

import pandas as pd
import pytest

from engine.commands import shipping, studying
from engine.measure.machine import machine
from engine.spec import RunSpec
from engine.store import catalog, reference
from engine.store.files import write_json
from engine.store.folders import RunFolder, run_folders
from engine.study.plan import Planned
from tests.commands import joining

QUICK = {"encoder": "mf", "dim": 8, "epochs": 1}


def small(*_):
    """Three runs of seconds; the second's data are not there."""
    return [
        Planned(
            "core",
            RunSpec(dataset=name, model=QUICK, quantizer=quantizer, bits=bits),
            f"{quantizer} {bits} bit",
            f"{quantizer} {bits}",
        )
        for name, quantizer, bits in (("demo", "float32", 32), ("gowalla", "float32", 32), ("demo", "sign", 1))
    ]


@pytest.fixture
def study(engine, root, monkeypatch, tmp_path):
    """Return a function that runs a command of `study` on the small plan."""
    (tmp_path / "data" / "gowalla").mkdir(parents=True)
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "data"))
    for commands in (studying, shipping):
        monkeypatch.setattr(commands, "plan", small)
    return lambda *arguments: engine(root, "study", *arguments)


def test_a_failed_run_is_passed_over_and_the_rest_is_shipped_as_it_was_measured(study, root, tmp_path, monkeypatch):
    planned = json.loads(study("reference", "--dry-run", "--json").stdout)
    assert (planned["done"], planned["left"]) == (0, 3)
    assert not list(run_folders(root)), "a dry run makes nothing"

    first = study("reference")
    assert first.returncode == 0, first.stderr
    assert "1 failed" in first.stdout and "lacks" in first.stdout, "the failure is listed with its reason"
    assert "[3/3]" in first.stderr and "0 left" in first.stderr
    done = [f for f in run_folders(root) if f.state() == "done"]
    assert {f.spec().quantizer for f in done} == {"float32", "sign"}

    before = {f.run_id: f.file("manifest.json").stat().st_mtime_ns for f in done}
    again = json.loads(study("reference", "--json").stdout)
    assert (again["done"], again["left"], len(again["failed"])) == (2, 1, 1)
    assert {f.run_id: f.file("manifest.json").stat().st_mtime_ns for f in done} == before, "finished runs stay"

    _a_run_that_met_a_slow_machine_is_made_again_where_that_is_asked(study, done, monkeypatch)
    shipped = tmp_path / "shipped"
    said = study("collect", "--to", str(shipped), "--dataset", "demo,gowalla")
    assert "2 runs, 1 failed" in said.stdout
    _is_what_was_measured(root, shipped)
    monkeypatch.setenv("FEWBITS_REFERENCE", str(shipped))
    _differs_where_it_does(study, done[0], shipped)
    _elsewhere_only_shares_are_compared(study, shipped)
    joining.joins_what_another_machine_measured(study, tmp_path / "joined", small)
    _what_is_counted_from_lists_is_counted_once(study, tmp_path / "again", monkeypatch)
    _the_epoch_that_validation_kept_is_shipped(study, done[0], tmp_path / "tuned")
    _leaves_out_what_is_not_of_the_study(study, tmp_path / "other", monkeypatch)


def _a_run_that_met_a_slow_machine_is_made_again_where_that_is_asked(study, runs, monkeypatch):
    """Its model is not trained again; other finished runs stay as they are."""
    slowed, other = (run.manifest() for run in runs)
    with monkeypatch.context() as patch:
        patch.setattr(studying.samples, "slowed", lambda rows: rows == slowed["measurements"])
        assert json.loads(study("reference", "--dry-run", "--json").stdout)["done"] == 2, "nobody asked"
        assert json.loads(study("reference", "--slowed", "--dry-run", "--json").stdout)["done"] == 1
        assert runs[0].manifest() == slowed, "a dry run makes nothing"
        again = json.loads(study("reference", "--slowed", "--json").stdout)
    assert (again["done"], len(again["failed"])) == (2, 1)
    made, stayed = (run.manifest() for run in runs)
    assert made["measurements"] != slowed["measurements"] and made["checkpoint"] == slowed["checkpoint"]
    assert stayed == other


def _is_what_was_measured(root, shipped):
    points, own = reference.points(shipped), catalog.points(root)
    assert points["form"].tolist() == ["float32 32 bit", "sign 1 bit", "sign 1 bit"]
    same = [c for c in own if c in points]
    assert len(same) > 50
    pd.testing.assert_frame_equal(points[same], own[same], check_exact=True)
    assert points[["recall_head@20", "recall_tail@20"]].notna().all(axis=None), "what the tail loses is shipped as well"
    rows = reference.rows(shipped)
    assert rows[["hardware", "versions", "measured"]].notna().all(axis=None)
    assert {value or None for value in rows["commit"]} == {machine()["commit"]}, "None outside of a checkout"
    runs = reference.runs(shipped).set_index("dataset")
    assert runs.loc["gowalla", "state"] == "failed"
    assert "lacks" in runs.loc["gowalla", "error"] and str(root.parent) not in runs.loc["gowalla", "error"]


def _differs_where_it_does(study, run, shipped):
    """A last bit of one figure is seen, and which one it is."""
    same = json.loads(study("check", "--json").stdout)
    assert (same["runs"], same["equal"], same["differing"]) == (2, same["compared"], [])
    manifest = run.manifest()
    row = next(r for r in manifest["measurements"] if (r["metric"], r["k"]) == ("ndcg", 20))
    row["value"] = math.nextafter(row["value"], 1)
    write_json(run.file("manifest.json"), manifest)
    (other,) = json.loads(study("check", "--json").stdout)["differing"]
    assert (other["run_id"], other["metric"], other["k"], other["here"]) == (run.run_id, "ndcg", 20, row["value"])


def _elsewhere_only_shares_are_compared(study, shipped):
    """Rows of another kind of processor need not be equal; what is kept of float32 is told apart by how much."""
    runs, rows = reference.stored(shipped)
    key = {"query_bits": 32, "metric": "recall", "k": 20}
    for row in rows:
        row["hardware"] = "Another CPU, 2 cores"
        if row["run_id"].startswith("demo-sign") and {name: row[name] for name in key} == key:
            row["value"] *= 1.01
            exact = next(r for r in rows if r["run_id"].startswith("demo-float32") and {n: r[n] for n in key} == key)
            apart = row["value"] / 101 / exact["value"]
    reference.write(shipped, runs, rows)
    told = json.loads(study("check", "--json").stdout)
    assert (told["runs"], told["compared"]) == (0, 0)
    assert (told["elsewhere"]["runs"], told["elsewhere"]["on"]) == (2, ["Another CPU, 2 cores"])
    assert told["elsewhere"]["kept"]["most"] == pytest.approx(apart)
    figures, equal = told["elsewhere"]["compared"], told["elsewhere"]["equal"]
    assert (equal, figures > 10) == (figures - 2, True), "recall made 1 % more, and the last bit of one ndcg"
    said = (
        f"measured on another machine (Another CPU, 2 cores): {equal} of {figures} quality figures of 2 runs are equal"
    )
    assert said in study("check").stdout
    for row in rows:
        row["value"] *= row["metric"] != "recall"
    reference.write(shipped, runs, rows)
    told = json.loads(study("check", "--json").stdout)
    assert told["elsewhere"]["kept"] is None, "of nothing, no share is kept"


def _what_is_counted_from_lists_is_counted_once(study, to, monkeypatch):
    """It takes a second a run: with --keep a run that was collected before is not read for it again."""
    collect = ("collect", "--to", str(to), "--dataset", "demo,gowalla")
    study(*collect)
    before = reference.points(to)
    with monkeypatch.context() as patch:
        patch.setattr("engine.study.collect.share_rows", lambda folder: [])
        study(*collect, "--keep")
        pd.testing.assert_frame_equal(reference.points(to), before, check_exact=True)
        runs, rows = reference.stored(to)
        reference.write(to, [{**run, "finished": run["submitted"]} for run in runs], rows)
        study(*collect, "--keep")
        assert "recall_head@20" not in reference.points(to), "a run that was made again is read again"


def _the_epoch_that_validation_kept_is_shipped(study, run, to):
    """0 as well, and of a tuned run alone."""
    manifest = run.manifest()
    write_json(run.file("manifest.json"), {**manifest, "tuning": {"key": "tuned-0", "best_epoch": 0, "epochs": 6}})
    study("collect", "--to", str(to), "--dataset", "demo,gowalla")
    write_json(run.file("manifest.json"), manifest)
    rows = reference.rows(to)
    (kept,) = rows[rows["metric"] == "kept_epoch"].to_dict("records")
    assert (kept["run_id"], kept["value"], kept["unit"]) == (run.run_id, 0.0, "epoch")
    points = reference.points(to).set_index("run_id")["kept_epoch"]
    assert points[run.run_id] == 0.0 and points.drop(run.run_id).isna().all()


def _leaves_out_what_is_not_of_the_study(study, to, monkeypatch):
    """Another form, split or model of one's own would be averaged with the study's."""
    monkeypatch.setattr(shipping, "plan", lambda *_: small()[:2])
    said = study("collect", "--to", str(to), "--dataset", "demo,gowalla").stdout
    assert "1 run, 1 failed" in said and "; 1 that are not of the study are left out" in said
    assert set(reference.points(to)["form"]) == {"float32 32 bit"}


def test_data_sets_of_one_s_own_stay_here_unless_they_are_named(study, root, tmp_path):
    folder = RunFolder(root / small()[0].spec.run_id)
    folder.path.mkdir(parents=True)
    folder.file("spec.json").write_text(folder_spec := small()[0].spec.model_dump_json())
    assert json.loads(folder_spec)["dataset"] == "demo"
    refused = study("collect", "--to", str(tmp_path / "shipped"))
    assert refused.returncode == 1 and "no run on ml-100k" in refused.stderr
    assert not (tmp_path / "shipped").exists()
