"""The steps of a tuning: what they hold, and how far they have come."""

import tracemalloc

import numpy as np

from engine import encoders, quantizers
from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.spec import ModelSpec, RunSpec
from engine.training import tuning
from engine.training.rules import settled


def begun(data, dim=16, **options):
    """Return the steps that tune HashGNN's codes of a random model."""
    model = settled(ModelSpec(encoder="mf", dim=dim, negatives=32), data)
    encoder = encoders.create(model, data)
    spec = quantizers.resolve(RunSpec(dataset="demo", model=model, quantizer="hashgnn", bits=1, options=options))
    return tuning._begun(spec, data, encoder, encoder.start(np.random.default_rng(0)))


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
