"""How much of the item vectors' lengths is kept: by validation, and only where it can tell."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine import encoders, indexes, pipeline, quantizers
from engine.codes import FloatCodes
from engine.data.split import load_split
from engine.encoders.base import damped
from engine.spec import ModelSpec, RunSpec
from engine.training import damping
from engine.training.checkpoints import obtain
from engine.training.trainer import train


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return load_split("demo", tmp_path_factory.mktemp("damping"))


@pytest.fixture(scope="module")
def model(demo):
    spec = ModelSpec(dim=16, layers=1, epochs=4, negatives=256, damping="validation")
    return encoders.create(spec, demo), train(spec, demo, lambda **_: None).arrays


def with_lengths(model, demo, spread):
    """Return the model's vectors with item lengths that mean nothing and are so far apart."""
    encoder, arrays = model
    pooled = encoder.plain_pooled(arrays)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    noise = np.random.default_rng(0).standard_normal((demo.n_items, 1), dtype=np.float32)
    pooled[demo.n_users :] *= np.exp(np.float32(spread) * noise)
    return pooled


def test_lengths_that_drown_everything_are_damped_and_useful_ones_are_left(model, demo):
    assert damping.chosen(demo, with_lengths(model, demo, 1.0)) >= 0.3
    useful = with_lengths(model, demo, 0.0)
    assert damping.chosen(demo, useful) == 0.0, "all lengths are 1: nothing can be told"


def test_the_smallest_damping_that_cannot_be_told_from_the_best_is_taken(demo, monkeypatch):
    ours = {p: np.full(400, 0.2 + p / 100, np.float32) for p in damping.CHOICES}
    noise = np.random.default_rng(0).standard_normal(400).astype(np.float32)
    ours[0.0] = ours[0.0] - 0.1  # clearly behind
    ours[0.2] = ours[0.5] + 0.02 * noise - 0.02 * noise.mean() - np.float32(0.0005)  # behind by half an error
    found = iter(ours.values())
    monkeypatch.setattr(damping, "pooled_ndcgs", lambda *_: next(found))
    assert damping.chosen(demo, np.ones((demo.n_users + demo.n_items, 2), np.float32)) == 0.2


def test_nothing_is_damped_where_nothing_is_held_out(demo, monkeypatch):
    monkeypatch.setattr(damping, "pooled_ndcgs", lambda *_: np.zeros(0, np.float32))
    assert damping.chosen(demo, np.ones((5, 2), np.float32)) == 0.0


def test_layers_are_served_with_item_lengths_to_a_power_and_directions_as_they_were(model, demo):
    encoder, arrays = model
    plain = encoder.plain_layers(arrays)
    served = encoder.layers({**arrays, "damping": np.array([0.25], np.float32)})
    before, after = np.mean(plain, 0), np.mean(served, 0)
    np.testing.assert_array_equal(served[-1][: demo.n_users], plain[-1][: demo.n_users])
    lengths = np.linalg.norm(before[demo.n_users :], axis=1)
    np.testing.assert_allclose(np.linalg.norm(after[demo.n_users :], axis=1), lengths**0.75, rtol=1e-5)
    tensors = damped([torch.from_numpy(x) for x in plain], demo.n_users, 0.25)
    for ours, theirs in zip(served, tensors, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-7)


def test_lengths_are_damped_where_that_is_asked_and_the_loss_leaves_them_free(model, demo):
    assert model[1]["damping"].shape == (1,)
    small = ModelSpec(dim=8, layers=1, epochs=1)
    for change in ({"damping": "none"}, {"loss": "bpr"}):
        spec = small.model_copy(update=change)
        assert "damping" not in train(spec, demo, lambda **_: None).arrays


def test_codes_are_damped_only_where_that_is_better_by_more_than_a_standard_error():
    noise = np.random.default_rng(0).standard_normal(400)
    noise -= noise.mean()
    learned = np.full(400, 0.1)
    for gain, preferred in ((0.2, 0), (0.02, 1), (-0.2, 1)):  # one standard error is 0.05
        assert damping.preferred([learned + noise + gain, learned]) == preferred
    assert damping.preferred([learned]) == 0
    assert damping.preferred([np.zeros(0), np.zeros(0)]) == 1, "nothing is held out"


@pytest.fixture(scope="module")
def harmful(tmp_path_factory):
    """A folder whose model of `QUICK` was found to need more damping than any codes can bear."""
    root = tmp_path_factory.mktemp("harmful")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(damping, "chosen", lambda *_: 6.0)
        obtain(root, QUICK, load_split("demo", root), lambda **_: None)
    return root


QUICK = ModelSpec(dim=16, layers=1, epochs=2, negatives=256)


@pytest.mark.parametrize(
    ("quantizer", "bits", "options", "damped_by"),
    [("float32", 32, {}, 6.0), ("uniform", 4, {}, 0.0), ("hqgnn", 4, {"steps": 0}, 0.0), ("dpq", 8, {"steps": 0}, 0.0)],
)
def test_codes_keep_the_lengths_that_validation_prefers_for_them(harmful, quantizer, bits, options, damped_by):
    """6 makes what nobody likes the best for all. float32 has no choice: its lists are what others compare with."""
    spec = RunSpec(dataset="demo", model=QUICK, quantizer=quantizer, bits=bits, query_bits=(32,), options=options)
    split = load_split("demo", harmful)
    made = pipeline.make_codes(quantizers.resolve(spec), harmful, split, lambda *_, **__: None)
    assert made.damping == damped_by
    assert f"power {6.0}" in pipeline._notes(spec, split, made)[-1]
    assert ("lengths as learned" in pipeline._notes(spec, split, made)[-1]) == (damped_by == 0)


def test_a_look_at_the_other_form_of_the_model_is_not_counted_as_quantizing(harmful, monkeypatch):
    look, now = pipeline._valid_ndcgs, [0.0]

    def tick():
        now[0] += 1
        return now[0]

    def slow(*args):
        now[0] += 100
        return look(*args)

    monkeypatch.setattr(pipeline, "time", SimpleNamespace(perf_counter=tick))
    monkeypatch.setattr(pipeline, "_valid_ndcgs", slow)
    spec = quantizers.resolve(RunSpec(dataset="demo", model=QUICK, quantizer="sign", bits=1))
    made = pipeline.make_codes(spec, harmful, load_split("demo", harmful), lambda *_, **__: None)
    assert made.seconds == 1


@pytest.mark.parametrize(("form", "damped_by"), [(0, 0.5), (-1, 0.0)])
def test_codes_re_ranked_from_a_whole_catalogue_give_float32s_lists(blocks, tmp_path, monkeypatch, form, damped_by):
    """Whichever lengths the codes themselves keep, the vectors that re-rank are those that float32 is served with."""
    monkeypatch.setattr(damping, "chosen", lambda *_: 0.5)
    monkeypatch.setattr(damping, "preferred", lambda found: range(len(found))[form])
    spec = RunSpec(dataset="blocks", model=QUICK, quantizer="hashgnn", bits=1, options={"rerank": True, "steps": 2})
    made = pipeline.make_codes(quantizers.resolve(spec), tmp_path, blocks, lambda *_, **__: None)
    assert made.damping == damped_by
    users, items = (tables[0] for tables in blocks.tables([np.mean(made.layers, 0)]).values())
    exact = indexes.build(FloatCodes(items)).search(users, 20).ids
    index = indexes.build(made.coded.items)
    for queries in (made.coded.vectors, index.pack_queries(made.coded.users)):
        np.testing.assert_array_equal(index.search(queries, 20).ids, exact)
