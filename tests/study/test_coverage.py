"""How much of the study has been run is counted against its plan, stage by stage and data set by data set."""

import json

import pandas as pd
import pytest

from engine.spec import parse_spec
from engine.store import reference
from engine.study import coverage
from engine.study.plan import STAGES, plan
from tests.study.shipped_rows import HARDWARE, ship


def counted(runs: pd.DataFrame) -> dict[str, list[str]]:
    return {stage: cells for stage, _, *cells in coverage.rows(runs)}


def test_a_stage_that_was_run_is_whole_and_others_are_counted_as_missing(tmp_path):
    ship(tmp_path, ["gowalla"], ["core", "layers"])
    found = counted(reference.runs(tmp_path))
    assert list(found) == list(STAGES)
    assert (found["core"], found["layers"]) == (["48 of 48"], ["18 of 18"])
    assert (found["mf"], found["seeds"], found["dimensions"]) == (["0 of 24"], ["0 of 24"], ["0 of 72"])


def test_seeds_and_data_sets_are_counted_apart(tmp_path):
    ship(tmp_path, ["my-shop", "ml-1m"], ["core"], seeds=[1])
    runs = reference.runs(tmp_path)
    runs = runs[(runs["dataset"] == "ml-1m") | (runs["form"] == "itq 1 bit")]
    assert coverage.datasets(runs) == ["ml-1m", "my-shop"], "the study's own come first"
    assert counted(runs)["core"] == ["16 of 48", "1 of 48"]


def test_a_run_whose_users_were_searched_otherwise_is_not_the_study_s(tmp_path):
    """It lacks what the study compares: coded users here."""
    ship(tmp_path, ["gowalla"], ["core"])
    runs = reference.runs(tmp_path)
    alone = runs["spec"].str.replace('"query_bits":[32,4]', '"query_bits":[32]')
    assert (alone != runs["spec"]).sum() == 6 and counted(runs.assign(spec=alone))["core"] == ["42 of 48"]


@pytest.mark.parametrize("change", [{"state": "failed"}, {"form": "itq 1 bit, scale=none"}])
def test_a_run_that_failed_or_is_of_no_form_of_the_study_is_not_counted(tmp_path, change):
    ship(tmp_path, ["gowalla"], ["core"])
    assert counted(reference.runs(tmp_path).assign(**change))["core"] == ["0 of 48"]


def test_a_form_on_another_model_is_not_the_study_s(tmp_path):
    ship(tmp_path, ["gowalla"], ["core"])
    runs = reference.runs(tmp_path)
    longer = runs["spec"].str.replace('"dim":64', '"dim":48')
    assert (longer != runs["spec"]).all() and counted(runs.assign(spec=longer))["core"] == ["0 of 48"]


def test_what_is_missing_is_what_has_no_row_and_the_rest_of_a_model_that_another_machine_measured(tmp_path):
    ship(tmp_path, ["gowalla"], ["core"], seeds=[1])
    runs, asked = reference.runs(tmp_path), plan(["gowalla"], [1, 2], ["core", "mf"])
    here = coverage.missing(asked, runs, HARDWARE)
    assert {(run.stage, run.spec.model.seed) for run in here} == {("core", 2), ("mf", 1), ("mf", 2)}
    assert coverage.missing(plan(["gowalla"], [1], ["core"]), runs, "Another CPU") == [], "nothing lacks a row"

    itq = runs[runs["form"] != "itq 1 bit"]
    (lacking,) = coverage.missing(plan(["gowalla"], [1], ["core"]), itq, HARDWARE)
    assert lacking.form == "itq 1 bit"
    again = coverage.missing(plan(["gowalla"], [1], ["itq"]), itq, "Another CPU")
    assert again == plan(["gowalla"], [1], ["core"]), "or the other machine's rows would be lost when it is collected"


def test_what_failed_is_missing_and_seeds_of_no_plan_can_be_asked_for(tmp_path):
    ship(tmp_path, ["gowalla"], ["core"], failed=[("itq 1 bit", "no reason")])
    asked = plan(["gowalla"], [0, 7], ["core"])
    found = coverage.missing(asked, reference.runs(tmp_path), HARDWARE)
    assert {run.form for run in found if run.spec.model.seed == 0} == {"itq 1 bit"}
    assert [run for run in found if run.spec.model.seed == 7] == [r for r in asked if r.spec.model.seed == 7]


def test_a_seed_of_no_plan_takes_the_place_of_one_that_is_missing(tmp_path):
    """Such as where another machine measured the seeds of the plan in part, and its models cannot be had again."""
    ship(tmp_path, ["gowalla"], ["core"], seeds=[0, 6, 7, 8])
    runs = reference.runs(tmp_path)
    few = runs[(runs["form"] != "itq 1 bit") | runs["seed"].isin([0, 6])]
    assert counted(few)["core"] == ["47 of 48"], "no form counts more seeds than are planned of it"
    assert counted(few)["seeds"] == ["12 of 24"], "its headline forms have one seed more than core takes"
    found = coverage.missing(plan(["gowalla"], only=["core"]), few, HARDWARE)
    assert [(run.form, run.spec.model.seed) for run in found] == [("itq 1 bit", 2)]
    asked = plan(["gowalla"], [1], ["itq"])
    assert coverage.missing(asked, few, HARDWARE) == []
    assert coverage.missing(asked, few, HARDWARE, very_seeds=True) == asked, "who asks for a seed gets it"


def test_a_seed_without_float32_takes_no_place(tmp_path):
    """What its forms keep is not known."""
    ship(tmp_path, ["gowalla"], ["core"], seeds=[6])
    runs = reference.runs(tmp_path)
    assert counted(runs)["core"] == ["16 of 48"]
    assert counted(runs[runs["quantizer"] != "float32"])["core"] == ["0 of 48"]


def test_a_seed_of_another_model_takes_no_place(tmp_path):
    ship(tmp_path, ["gowalla"], ["core"], seeds=[6, 7, 8])
    runs = reference.runs(tmp_path)
    wider = runs.assign(spec=runs["spec"].str.replace('"dim":64', '"dim":128'))
    found = counted(wider)
    assert (found["core"], found["dimensions"]) == (["0 of 48"], ["24 of 72"])


def test_the_shipped_runs_are_all_of_the_plan():
    runs = reference.runs(reference.FOLDER)
    if runs.empty:
        pytest.skip("no rows are shipped")
    names, seeds = coverage.datasets(runs), sorted(set(runs["seed"]))
    planned = {coverage.key(run.spec, run.form) for run in plan(names, seeds)}
    done = runs[runs["state"] == "done"]
    specs = [parse_spec(json.loads(spec)) for spec in done["spec"]]
    shipped = {coverage.key(spec, form) for spec, form in zip(specs, done["form"], strict=True)}
    assert len(shipped) == len(done) and shipped <= planned

    cells = [cell.split(" of ") for _, _, *cells in coverage.rows(runs) for cell in cells if cell != "–"]
    assert sum(int(count) for count, _ in cells) <= len(done)
    assert sum(int(count) for _, count in cells) == len(plan(names))
