"""The steps of a tuning: what they hold, and how far they have come."""

import tracemalloc

import numpy as np
import pytest

from engine import encoders, quantizers
from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.spec import ModelSpec, RunSpec
from engine.training import loop, tuning
from engine.training.rules import settled


def begun(data, dim=16, **options):
    """Return the steps that tune HashGNN's codes of a random model."""
    model = settled(ModelSpec(encoder="mf", dim=dim, negatives=32), data)
    encoder = encoders.create(model, data)
    spec = quantizers.resolve(RunSpec(dataset="demo", model=model, quantizer="hashgnn", bits=1, options=options))
    arrays = encoder.start(np.random.default_rng(0))
    return tuning._begun(spec, data, encoder, arrays, arrays)


def test_the_mean_length_of_what_is_taught_takes_no_row_for_each_interaction():
    data = split("dense", Reading(two_blocks(users=500, items=100, per_user=80), None))
    begun(data)  # loads torch
    tracemalloc.start()
    steps = begun(data, dim=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * len(data.train.items), "a row of 64 numbers takes 256 bytes"
    rows = steps.teacher.numpy()[data.n_users + data.train.items.astype(np.int64)]
    assert steps.temperature == steps.model.temperature * float(np.linalg.norm(rows, axis=1).mean())


@pytest.fixture
def taken(monkeypatch):
    """Return the list of the progress that steps are taken at, which then learn nothing."""
    found: list[float] = []
    monkeypatch.setattr(tuning._TuningSteps, "_take", lambda self, progress: found.append(progress) or 0.0)
    return found


@pytest.mark.parametrize("count", [2, 57, 110, 139, 600])
def test_the_rate_falls_evenly_to_the_last_step_whatever_their_number(blocks, taken, count):
    steps = begun(blocks, steps=count)
    loop.run(steps, steps.epochs, count, lambda **_: None)
    np.testing.assert_allclose(taken, np.arange(1, count + 1) / count, rtol=1e-12)
    assert max(taken) <= 1
    if count == 600:  # as it always was, to the last bit: the published codes depend on it
        assert taken == [(epoch + number / 100) / 6 for epoch in range(6) for number in range(1, 101)]


def test_steps_that_are_only_tried_are_those_that_are_taken_then(blocks, taken):
    steps = begun(blocks, steps=600)
    steps.probed()
    tried = taken[:]
    loop.run(steps, steps.epochs, 600, lambda **_: None)
    assert len(tried) == tuning.PROBE
    assert taken[tuning.PROBE : 2 * tuning.PROBE] == tried


def test_a_single_step_moves_the_vectors(blocks):
    steps = begun(blocks, steps=1)
    before = steps.arrays()["model/pooled"]
    loop.run(steps, steps.epochs, 1, lambda **_: None)
    assert np.abs(steps.arrays()["model/pooled"] - before).max() > 0
