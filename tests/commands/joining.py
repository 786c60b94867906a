"""What `test_studying` asserts of a study that several machines share: rows of one model are of one machine."""

import json

import pytest

from engine.commands import shipping
from engine.store import reference
from engine.study.plan import Planned
from tests.study.shipped_rows import ship


def joins_what_another_machine_measured(study, to, small):
    """A model's runs are of one machine: those of another seed stay, those of the same model make room."""
    collect = ("collect", "--to", str(to), "--dataset", "demo,gowalla")
    ship(to, ["demo"], ["uniform"], seeds=[7])
    others = len(reference.runs(to))
    joined = study(*collect, "--keep").stdout
    assert f"{others + 2} runs ({others} from before, 0 replaced, 0 dropped), 1 failed" in joined
    points = reference.points(to)
    assert set(points["seed"]) == {0, 7} and points["recall@20"].notna().all()
    again = study(*collect, "--keep").stdout
    _what_is_shipped_is_not_missing(study, to)
    assert f"({others + 1} from before, 2 replaced, 0 dropped), 1 failed" in again, "measured here, it is there once"
    _other_forms_of_a_model_stay_on_the_same_machine_alone(study, to, collect)
    _a_model_of_which_another_machine_has_more_waits(study, to, collect, small)
    _what_failed_here_alone_takes_nothing_away(study, to, collect)
    _rows_are_lost_only_where_that_was_asked(study, to, collect)
    assert "2 runs (0 from before, 2 replaced, 17 dropped), 1 failed" in study(*collect, "--drop").stdout
    assert set(reference.points(to)["seed"]) == {0}
    ship(to, ["ml-1m"], ["itq"])
    assert "5 runs (3 from before, 0 replaced, 0 dropped), 1 failed" in study(*collect).stdout, "other sets' rows stay"
    assert set(reference.runs(to)["dataset"]) == {"demo", "gowalla", "ml-1m"}


def _rows_are_lost_only_where_that_was_asked(study, to, collect):
    """One run of one's own on a set of the study would else take all its shipped rows away."""
    before = {path.name: path.read_bytes() for path in to.iterdir()}
    refused = study(*collect)
    assert refused.returncode == 1 and "17 runs whose rows lie in" in refused.stderr
    assert "got --keep and --drop" in study(*collect, "--keep", "--drop").stderr
    assert {path.name: path.read_bytes() for path in to.iterdir()} == before


def _what_is_shipped_is_not_missing(study, to):
    """The folder of runs may be another: here gowalla's failed run alone is left, on a machine of the same name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWBITS_REFERENCE", str(to))
        told = json.loads(study("reference", "--missing", "--dry-run", "--json").stdout)
    assert [(run["spec"]["dataset"], told["left"]) for run in told["planned"]] == [("gowalla", 1)]


def _other_forms_of_a_model_stay_on_the_same_machine_alone(study, to, collect):
    runs, rows = reference.stored(to)
    sign = next(run for run in runs if run["run_id"].startswith("demo-sign") and run["seed"] == 0)
    another = {**sign, "run_id": "demo-sign1-of-another-form"}
    measured = [{**row, "run_id": another["run_id"]} for row in rows if row["run_id"] == sign["run_id"]]
    for hardware, stays in ((sign["hardware"], True), ("Another CPU, 2 cores", False)):
        reference.write(to, [*runs, {**another, "hardware": hardware}], [*rows, *measured])
        study(*collect, "--keep")
        assert (another["run_id"] in set(reference.runs(to)["run_id"])) is stays
        assert (another["run_id"] in set(reference.rows(to)["run_id"])) is stays


def _a_model_of_which_another_machine_has_more_waits(study, to, collect, small):
    """What is there of it stays whole, what was measured here is not mixed into it."""
    runs, rows = reference.stored(to)
    sign = next(run for run in runs if run["run_id"].startswith("demo-sign") and run["seed"] == 0)
    there = [{**run, "hardware": "Another CPU, 2 cores"} if run["seed"] == 0 else run for run in runs]
    more = {**sign, "run_id": "demo-sign1-of-another-form", "hardware": "Another CPU, 2 cores", "form": "sign 2 bit"}
    measured = [{**row, "run_id": more["run_id"]} for row in rows if row["run_id"] == sign["run_id"]]
    reference.write(to, [*there, more], [*rows, *measured])
    with pytest.MonkeyPatch.context() as patch:
        planned = small()
        planned.append(Planned("core", planned[2].spec, "sign 2 bit", "sign 2"))
        patch.setattr(shipping, "plan", lambda *_: planned)
        told = study(*collect, "--keep").stdout
    assert "2 runs wait: another machine measured more forms of their models" in told
    kept = reference.runs(to)
    assert set(kept[kept["seed"] == 0]["hardware"].dropna()) == {"Another CPU, 2 cores"}
    assert more["run_id"] in set(kept["run_id"])
    reference.write(to, runs, rows)


def _what_failed_here_alone_takes_nothing_away(study, to, collect):
    """Gowalla's run failed here; another machine has it."""
    runs, rows = reference.stored(to)
    failed = next(run for run in runs if run["state"] == "failed")
    done = next(run for run in runs if run["state"] == "done")
    measured = [{**row, "run_id": failed["run_id"]} for row in rows if row["run_id"] == done["run_id"]]
    there = [{**run, "state": "done", "error": None} if run == failed else run for run in runs]
    reference.write(to, there, [*rows, *measured])
    assert "0 failed" in study(*collect, "--keep").stdout
    kept = reference.runs(to).set_index("run_id")["state"]
    assert kept[failed["run_id"]] == "done" and kept.index.is_unique
