"""About how long a sweep takes: models are trained once, trained quantizers for each run of theirs."""

import pandas as pd
import pytest

from engine.spec import ModelSpec, RunSpec
from engine.sweep import MEASURE_S, TUNE_SHARE, estimate_s, measured_training, measured_tuning, model_key

SIZES = {"demo": (1000, 1000, 100_000)}


def runs(*quantizers: str, encoder: str = "lightgcn") -> list[RunSpec]:
    model = ModelSpec(encoder=encoder, dim=64, layers=2)
    return [RunSpec(dataset="demo", model=model, quantizer=q, bits=4) for q in quantizers]


def estimate(specs, tuned=("hqgnn",), **known):
    """The estimate without the seconds that measuring takes."""
    known = {"measured": {("demo", "lightgcn", 64): 100.0}} | known
    measuring = estimate_s(specs, SIZES, {model_key(s) for s in specs})
    assert measuring >= MEASURE_S * len(specs)
    return estimate_s(specs, SIZES, tuned=tuned, **known) - measuring


def test_a_model_is_trained_once_for_all_its_runs():
    assert estimate(runs("uniform", "pq", "sign")) == pytest.approx(100)


def test_a_trained_quantizer_adds_a_share_of_its_models_training():
    assert estimate(runs("uniform", "hqgnn")) == pytest.approx(100 * (1 + TUNE_SHARE))
    assert estimate(runs("uniform", "hqgnn"), tuned=()) == pytest.approx(100)


def test_its_tuning_is_needed_although_the_model_is_there():
    there = {model_key(s) for s in runs("hqgnn")}
    assert estimate(runs("hqgnn"), trained=there) == pytest.approx(100 * TUNE_SHARE)


def test_ten_times_the_steps_take_ten_times_as_long():
    (spec,) = runs("hqgnn")
    longer = spec.model_copy(update={"options": {"steps": 6000}})
    assert estimate([longer]) == pytest.approx(100 * (1 + 10 * TUNE_SHARE))


def test_what_tuning_took_here_before_is_better_than_the_rule():
    seen = {("demo", "hqgnn", "lightgcn", 64): 7.0}
    assert estimate(runs("hqgnn"), measured_tuning=seen) == pytest.approx(107)


def test_one_training_that_slept_for_hours_does_not_make_the_next_seem_long_however_many_runs_share_it():
    took = [("a", 7.0), ("b", 8.0), *((f"slept-{run}", 7200.0) for run in range(16))]
    points = pd.DataFrame(took, columns=["run_id", "train_s"]).assign(
        dataset="demo", quantizer="hqgnn", encoder="lightgcn", dim=64, tune_s=lambda points: points["train_s"]
    )
    assert measured_training(points) == {("demo", "lightgcn", 64): 8.0}
    assert measured_tuning(points) == {("demo", "hqgnn", "lightgcn", 64): 8.0}


def test_popularity_trains_nothing():
    assert estimate(runs("hqgnn", encoder="popularity")) == 0


def test_without_any_measurement_larger_data_takes_longer():
    assert estimate_s(runs("float32"), {"demo": (1000, 1000, 200_000)}) > estimate_s(runs("float32"), SIZES)
