"""The dashboard's door to the results: light to import, cached by snapshot, and exported without loss or danger."""

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dashboard import commands, data, demo, export, forms, plan
from engine.errors import FewbitsError
from engine.measure.synthetic import FakeSplit
from engine.quantizers import describe
from engine.spec import ModelSpec, RunSpec, parse_spec
from engine.store import catalog, inbox, prepared
from engine.store.files import write_json
from engine.store.folders import create
from tests.dashboard import make_runs
from tests.dashboard.fake_data import QUANTIZERS

REPOSITORY = Path(__file__).parents[2]


def test_importing_the_dashboard_loads_neither_torch_nor_numba():
    code = "import sys, dashboard.data, dashboard.commands, dashboard.plan, dashboard.charts; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not {"torch", "numba", "llvmlite", "scipy"} & set(done.stdout.split())


def test_before_the_first_snapshot_everything_is_empty(root):
    assert data.snapshot() is None
    assert data.runs().empty and data.points().empty and data.methods("quantizer") == []


def test_a_snapshot_is_read_once_and_a_new_one_anew(root, monkeypatch):
    make_runs.make_runs(root, 1)
    reads = []
    real = catalog.points
    monkeypatch.setattr(catalog, "points", lambda folder: reads.append(folder) or real(folder))
    assert len(data.points()) == len(data.points()) == 1
    assert len(reads) == 1
    make_runs.make_runs(root, 2)
    assert len(data.points()) == 3
    assert len(reads) == 2


def test_what_a_caller_changes_in_a_table_stays_with_the_caller(runs):
    table = data.points()
    table["recall@20"] = 0.0
    assert data.points()["recall@20"].min() > 0


def test_labels_that_a_later_run_brought_are_shown_at_once(root):
    key = prepared.save_split(root, FakeSplit(labelled=False))
    assert data.user_labels(key)[7] is None and pd.isna(data.items(key).loc[3, "label"])
    prepared.save_split(root, FakeSplit())
    assert (data.user_labels(key)[7], data.items(key).loc[3, "label"]) == ("reader-008", "Fake Book No. 3")


def test_an_unknown_run_is_a_sentence(runs):
    with pytest.raises(FewbitsError, match="there is no run 'x'"):
        data.run("x")
    with pytest.raises(FewbitsError, match="is no run id"):
        data.folder("../../etc")


def test_a_run_that_began_after_the_snapshot_is_shown_running(root):
    (run_id, _) = make_runs.waiting(root)
    make_runs.publish(root)
    assert set(data.live_runs()["state"]) == {"queued"}
    data.folder(run_id).begin()
    assert data.run(run_id)["state"] == "running"


def test_the_csv_reads_back_as_the_catalogs_rows(runs, root):
    read = pd.read_csv(io.StringIO(export.to_csv(data.points())), parse_dates=["finished"])
    points = catalog.points(root)
    assert list(read.columns) == [export.LABEL, *points.columns]
    pd.testing.assert_frame_equal(read.drop(columns=export.LABEL), points, check_dtype=False, check_exact=True)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_escaped(runs, text):
    points = data.points().head(1).assign(hardware=text)
    cell = pd.read_csv(io.StringIO(export.to_csv(points)))["hardware"][0]
    assert cell == f"'{text}"


def test_negative_numbers_are_numbers_and_not_escaped(runs):
    points = data.points().head(1).assign(build_s=-1.5)
    assert pd.read_csv(io.StringIO(export.to_csv(points)))["build_s"][0] == -1.5


def test_what_was_not_measured_is_an_empty_cell(runs):
    points = data.points().head(1).assign(throughput_qps=float("nan"))
    assert pd.read_csv(io.StringIO(export.to_csv(points)))["throughput_qps"].isna().all()


def test_the_label_names_the_point_in_words(runs):
    labels = pd.read_csv(io.StringIO(export.to_csv(data.points())))[export.LABEL]
    assert "demo · uniform 4 bit, scale row · LightGCN, 32 dimensions, 2 layers, softmax, seed 0 · 4-bit users" in set(
        labels
    )


def plan_of(quantizers, bits=(), seeds=(0,), datasets=("demo",)):
    models = [ModelSpec(dim=32, layers=2, epochs=8, seed=seed) for seed in seeds]
    return plan.make(QUANTIZERS, datasets, quantizers, bits, models, ["float32", "own"], {})


def test_a_plan_reuses_what_is_done_and_names_what_is_new(runs):
    made = plan_of(["float32", "uniform"], [8, 4], seeds=(0, 7))
    assert len(made.specs) == 6
    assert {s.model.seed for s in made.done} == {0} and {s.model.seed for s in made.new} == {7}
    assert made.models_to_train == 1  # three new runs share one training


def test_what_is_asked_for_and_not_yet_read_by_the_engine_waits(root):
    made = plan_of(["float32"])
    commands.submit(made.new)
    again = plan_of(["float32"])
    assert [s.run_id for s in again.waiting] == [s.run_id for s in made.new] and not again.new


def test_a_failed_run_is_new_again(root):
    spec = plan_of(["float32"]).specs[0]
    create(root, spec).fail("the disk is full", "user")
    make_runs.publish(root)
    made = plan_of(["float32"])
    assert (len(made.new), made.again) == (1, 1)


def test_training_that_was_seen_here_is_used_for_the_estimate(runs):
    assert plan.measured_training(data.points()) == {("demo", "lightgcn", 32): 12.5}


def test_tuning_that_was_seen_here_is_used_for_the_estimate(root):
    make_runs.make_runs(root, 1, formats=[("hqgnn", 4, {}, 0.99)], lists=False)
    assert plan.measured_tuning(data.points()) == {("demo", "hqgnn", "lightgcn", 32): 7.5}


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "many"])
def test_an_option_takes_finite_numbers_only(text):
    assert forms.number(text, float) == text


def test_mf_has_no_layers_so_they_do_not_multiply():
    assert len(plan.models(["mf"], [64], [1, 2, 3], ["softmax"], [0], {})) == 1


@pytest.mark.parametrize("field, values", [("encoder", []), ("dim", [0]), ("dim", ["many"]), ("seed", [-1])])
def test_a_model_out_of_range_names_the_field_and_what_was_got(field, values):
    chosen = {"encoder": ["lightgcn"], "dim": [64], "layers": [3], "loss": ["softmax"], "seed": [0]} | {field: values}
    with pytest.raises(FewbitsError, match=f"{field}"):
        plan.models(*chosen.values(), {})


def test_an_option_that_should_be_a_number_is_refused_before_it_is_submitted():
    method = {**QUANTIZERS[0], "options": [{"name": "rounds", "kind": "int", "default": 50, "choices": []}]}
    with pytest.raises(FewbitsError, match=r"float32.rounds: got 'many', expected a number"):
        plan.make([method], ["demo"], ["float32"], [], [ModelSpec()], ["own"], {"float32": {"rounds": ["many"]}})


def test_a_model_that_cannot_be_turned_is_refused_where_somebody_chose_that_and_else_left_out(root):
    choices = [describe(), ["demo"], ["sign", "l2qgcn"], [], [ModelSpec(encoder="ngcf")], ["own"], {}]
    with pytest.raises(FewbitsError, match="ngcf is not linear: choose rotate=none, or another encoder"):
        plan.make(*choices)
    assert [s.quantizer for s in plan.make(*choices, chosen=False).specs] == ["sign"]


def test_the_demo_is_eight_runs_of_one_model():
    specs = demo.specs()
    assert len({s.run_id for s in specs}) == 8
    assert len({s.model.digest() for s in specs}) == 1
    assert specs[0].quantizer == "float32"  # the reference is there first


def test_commands_reach_the_inbox_and_a_broken_file_disturbs_nobody(root):
    spec = RunSpec(dataset="demo")
    commands.submit([spec])
    commands.cancel(["demo-float32-000000000000"])
    write_json(root / "inbox" / "0.json", ["not", "a", "command"])
    write_json(root / "inbox" / "1.json", {"command": "submit", "spec": {"dataset": 7}})
    assert commands.asked_for() == {spec.run_id: "submit", "demo-float32-000000000000": "cancel"}
    assert len(list(inbox.pending(root))) == 4


def test_the_engine_is_started_once_and_its_failure_is_a_sentence(root, monkeypatch, started):
    def refuse(folder: Path, wait_s: float = 20.0) -> None:
        started.append(folder)
        raise FewbitsError("cannot write to the folder")

    monkeypatch.setattr("engine.store.status.start_engine", refuse)
    states = [commands.engine_state() for _ in range(3)]
    commands._starter(str(root))._thread.join()
    assert states[0][0] in ("starting", "failed")
    assert commands.engine_state() == ("failed", "The engine did not start: cannot write to the folder")
    assert started == [root]
    assert parse_spec({"dataset": "demo"}).dataset == "demo"
