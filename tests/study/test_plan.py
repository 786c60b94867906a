"""The plan of the study: what is in it, and in which order a stop would find it."""

import pytest

from engine import quantizers
from engine.errors import FewbitsError
from engine.spec import ModelSpec, RunSpec
from engine.study import forms
from engine.study.plan import DATASETS, STAGES, Planned, outline, plan, possible
from engine.study.remaining import Remaining

ALL = (
    *forms.CORE, *forms.PEERS, *forms.VARIANTS, *forms.FACTORISED, *forms.LAYERED, *forms.PUBLISHED,
    *forms.LAYERED_PUBLISHED,
)  # fmt: skip


def test_every_quantizer_is_in_the_study_at_every_width_it_has():
    planned = {(form.quantizer, form.bits) for form in ALL}
    assert planned == {(name, bits) for name, method in quantizers.REGISTRY.items() for bits in method.bits}


def test_forms_name_only_options_that_are_not_at_their_default():
    """A form's rows are found by such a text: `engine.study.collect` leaves out what is at its default."""
    for form in ALL:
        fields = quantizers.REGISTRY[form.quantizer].Options.model_fields
        assert {name for name, value in form.options.items() if fields[name].default == value} == set(), form.text


def test_no_form_stands_for_the_same_run_twice():
    runs, unable = possible(plan(), lambda spec: spec if spec.quantizer == "peer" else quantizers.resolve(spec))
    assert not unable
    assert len(runs) == len(plan()), "two forms mean the same run once their options are written out"


def test_a_stop_at_any_time_leaves_the_core_first_and_every_data_set_s_first_seed():
    runs = plan()
    stages = [run.stage for run in runs]
    assert stages == sorted(stages, key=list(STAGES).index)
    for stage in STAGES:
        seeds = [run.spec.model.seed for run in runs if run.stage == stage]
        assert seeds == sorted(seeds)
    first = next(i for i, run in enumerate(runs) if run.spec.model.seed == 1)
    assert {run.spec.dataset for run in runs[:first]} == set(DATASETS)


def test_models_are_trained_as_published_where_that_takes_minutes():
    runs = [run for run in plan([*DATASETS, "my-shop"]) if run.stage == "published"]
    assert {run.spec.dataset for run in runs} == {"ml-100k", "ml-1m"}
    trained = {(m.loss, m.pooling, m.damping, m.batch, m.patience) for m in (run.spec.model for run in runs)}
    assert trained == {("bpr", "all", "none", 2048, 50)}


def test_headline_forms_have_five_seeds_and_others_three():
    seeds: dict[tuple[str, int], set[int]] = {}
    for run in plan(["gowalla"], only=["core", "seeds"]):
        seeds.setdefault((run.spec.quantizer, run.spec.bits), set()).add(run.spec.model.seed)
    assert seeds["uniform", 4] == {0, 1, 2, 3, 4}
    assert seeds["itq", 1] == {0, 1, 2}


def test_seeds_that_are_asked_for_are_those_of_every_form():
    assert {run.spec.model.seed for run in plan(["my-shop"], seeds=[7])} == {7}


def test_any_seeds_of_the_headline_forms_can_be_asked_for_alone():
    runs = plan(["gowalla"], seeds=[3, 7], only=["seeds"])
    assert {run.spec.model.seed for run in runs} == {3, 7}
    assert len(runs) == len(plan(["gowalla"], only=["seeds"]))


def test_a_name_that_is_no_stage_is_refused_with_the_known_ones():
    with pytest.raises(FewbitsError, match=r"unknown stage or quantizer of the study 'cor'.*core"):
        plan(only=["cor"])


def test_stages_and_quantizers_that_are_asked_for_are_both_meant():
    runs = plan(["gowalla"], [0], ["dimensions", "float32", "sign"])
    assert {run.stage for run in runs} == {"dimensions"}
    assert {run.spec.quantizer for run in runs} == {"float32", "sign"}
    assert {run.spec.model.dim for run in plan(["gowalla"], [0], ["sign"])} == {32, 64, 128, 256}, "of all stages"


def test_stages_that_have_nothing_of_these_quantizers_are_refused():
    with pytest.raises(FewbitsError, match="peers, sign"):
        plan(["gowalla"], [0], ["peers", "sign"])


def test_runs_that_cannot_be_run_here_are_counted_under_their_reason():
    def check(spec: RunSpec) -> RunSpec:
        if spec.quantizer == "peer":
            raise FewbitsError("not installed")
        return spec

    runs, unable = possible(plan(["demo"], [0], ["core", "peers"]), check)
    assert {run.stage for run in runs} == {"core"}
    assert len(unable["not installed"]) == len(forms.PEERS)


def test_the_outline_tells_what_is_done_of_each_form():
    runs = plan(["demo", "gowalla"], [0, 1], ["itq"])
    lines = outline(runs, {runs[0].spec.run_id})
    assert lines[0].endswith("4 runs, 1 done")
    assert lines[1] == "  lightgcn d=64 L=3, itq 1 bit: seeds 0, 1 on demo, gowalla; 1 of 4 done"


def test_what_is_left_is_corrected_by_how_long_the_first_runs_took():
    specs = [RunSpec(dataset="demo", model=ModelSpec(seed=seed)) for seed in range(10)]
    remaining = Remaining({"demo": (1000, 1000, 100_000)}, ())
    by_rule = remaining.seconds(specs[3:])
    for spec in specs[:3]:
        remaining.ended(spec, 2 * remaining.seconds([spec]))
    assert remaining.seconds(specs[3:]) == pytest.approx(2 * by_rule)


def test_a_run_that_had_to_wait_for_other_work_changes_nothing_about_what_is_left():
    specs = [RunSpec(dataset="demo", model=ModelSpec(seed=seed)) for seed in range(10)]
    remaining = Remaining({"demo": (1000, 1000, 100_000)}, ())
    by_rule = remaining.seconds(specs[5:])
    for number, spec in enumerate(specs[:5]):
        remaining.ended(spec, remaining.seconds([spec]) * (50 if number == 2 else 1))
    assert remaining.seconds(specs[5:]) == pytest.approx(by_rule)


def test_a_plan_is_made_of_plain_runs():
    run = plan(["demo"], [0], ["itq"])[0]
    assert run == Planned("core", run.spec, "itq 1 bit", "lightgcn d=64 L=3, itq 1 bit")
    assert run.spec.query_bits == (32, 1), "float32 users and coded ones within one run"
