"""Tuning a quantizer: better than untrained, twice the same, and the same again after a kill."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from engine import encoders, quantizers
from engine.codes import FloatCodes, ScalarCodes
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.spec import ModelSpec, RunSpec
from engine.training import tuning
from engine.training.checkpoints import obtain
from engine.training.tuning import tune
from engine.training.validation import mean, served_ndcgs, valid_ndcgs

TRAINED = [name for name, method in quantizers.REGISTRY.items() if method.trained]
FAST = {"steps": 120, "lr": 0.003}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("tuning")


@pytest.fixture(scope="module")
def demo(root):
    return load_split("demo", root)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Fewer rows a step than on real data: the demo set is small."""
    monkeypatch.setattr(tuning, "BATCH", 256)


def quiet(**_fields):
    """Report to nobody."""


def spec_of(name, loss="softmax", bits=None, **options):
    model = ModelSpec(dim=16, layers=1, epochs=4, negatives=256, loss=loss)
    width = bits or quantizers.REGISTRY[name].bits[-1]
    return quantizers.resolve(
        RunSpec(dataset="demo", quantizer=name, bits=width, model=model, options={**FAST, **options})
    )


def tuned(root, demo, spec, report=quiet):
    return tune(root, spec, demo, obtain(root, spec.model, demo, quiet), report)


def untrained(root, demo, spec):
    """Return the validation ndcg@20 of the method before its first step."""
    layers, quantizer, _ = tuned(root, demo, spec.model_copy(update={"options": {**spec.options, "steps": 0}}))
    return mean(served_ndcgs(demo, quantizer, layers))


@pytest.mark.parametrize("name", TRAINED)
def test_every_method_learns_codes_from_a_random_start(root, demo, name):
    spec = spec_of(name, start="scratch", lr=0.02, steps=200)
    layers, quantizer, result = tuned(root, demo, spec)
    history = result.meta["history"]
    assert history[-1]["loss"] < 0.97 * history[1]["loss"]
    assert mean(served_ndcgs(demo, quantizer, layers)) > 0.05 > 10 * untrained(root, demo, spec)


def test_the_seconds_of_a_tuning_are_those_of_its_start_as_well(root, demo, monkeypatch):
    """A rotation and k-means come before the first step: counted nowhere, a third of DPQ's time on Gowalla was."""
    method = quantizers.REGISTRY["dpq"]
    monkeypatch.setattr(method, "start", lambda *given, real=method.start: (time.sleep(0.5), real(*given)))
    for steps in (0, 10):
        assert tuned(root, demo, spec_of("dpq", steps=steps))[2].meta["train_s"] > 0.5


@pytest.mark.parametrize("name", TRAINED)
def test_no_method_ends_below_its_untrained_form(root, demo, name):
    spec = spec_of(name)
    layers, quantizer, _ = tuned(root, demo, spec)
    assert mean(served_ndcgs(demo, quantizer, layers)) >= untrained(root, demo, spec) > 0


def kept(root, demo, name, bits):
    """Return the share of float32's validation ndcg@20 that a method keeps at a width, and its item codes."""
    spec = spec_of(name, bits=bits)
    layers, quantizer, _ = tuned(root, demo, spec)
    full = encoders.create(spec.model, demo).layers(obtain(root, spec.model, demo, quiet).arrays)
    vectors = demo.tables([np.mean(full, 0)])
    exact = mean(valid_ndcgs(demo, FloatCodes(vectors["item"][0]), lambda _index, users: vectors["user"][0][users]))
    return mean(served_ndcgs(demo, quantizer, layers)) / exact, quantizer.codes(demo.tables(layers)["item"], "item")


@pytest.mark.parametrize("name", [name for name in TRAINED if len(quantizers.REGISTRY[name].bits) > 1])
def test_more_bits_keep_more_and_eight_bits_all(root, demo, name):
    widths = sorted(quantizers.REGISTRY[name].bits)
    shares, codes = zip(*(kept(root, demo, name, bits) for bits in widths), strict=True)
    assert all(more > fewer - 0.005 for fewer, more in pairwise(shares)), shares
    assert not isinstance(codes[-1], ScalarCodes) or shares[-1] > 0.995


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
@pytest.mark.parametrize("name", TRAINED)
def test_every_method_is_tuned_through_the_graph_as_in_its_paper_under_both_losses(root, demo, name, loss):
    spec = spec_of(name, tune="graph", distill=0.0, loss=loss, steps=20)
    _, _, result = tuned(root, demo, spec)
    assert np.isfinite(result.meta["history"][-1]["loss"])
    assert result.arrays["model/embeddings"].shape == (demo.n_users + demo.n_items, 16)


def test_what_learns_through_the_graph_is_read_out_through_the_graph(root, demo):
    spec = spec_of("hqgnn", tune="graph", distill=0.0, loss="bpr")
    arrays, encoder = obtain(root, spec.model, demo, quiet).arrays, encoders.create(spec.model, demo)
    steps = tuning._begun(spec, demo, encoder, arrays, arrays)
    (layer,), embeddings = steps._layers(), steps.parameters["model/embeddings"]
    pooled = np.mean(encoder.layers({"embeddings": embeddings.detach().numpy()}), 0)
    assert np.abs(layer.detach().numpy() - pooled).max() < 2**-8 * np.abs(pooled).max()
    layer[0].sum().backward()
    reached = np.flatnonzero(np.abs(embeddings.grad.numpy()).sum(1))
    assert set(demo.train.of(0).tolist()) <= {node - demo.n_users for node in reached}, "the items that the user had"


def test_neither_training_nor_tuning_looks_at_the_test_items(demo, tmp_path):
    other = replace(demo, test=demo.test.rows(np.random.default_rng(0).permutation(demo.n_users)))
    spec, found = spec_of("hqgnn", bits=1, steps=40), []
    for number, data in enumerate((demo, other)):
        folder = tmp_path / str(number)
        (folder / "cache").mkdir(parents=True)
        checkpoint = obtain(folder, spec.model, data, quiet)
        tuned_so = tune(folder, spec, data, checkpoint, quiet)[2]
        told = [[epoch["valid_ndcg@20"] for epoch in made.meta["history"]] for made in (checkpoint, tuned_so)]
        found.append([{**checkpoint.arrays}, {**tuned_so.arrays}, *told])
    assert demo.fingerprint != other.fingerprint
    for one, two in zip(*found, strict=True):
        np.testing.assert_equal(one, two)


def test_codes_that_get_worse_while_tuning_are_left_where_they_started(root, demo, monkeypatch):
    spec = spec_of("hqgnn", bits=8, lr=0.9, steps=20)
    falling = iter([0.2, 0.1])
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "served_ndcgs", lambda *_: np.array([next(falling)]))
        layers, quantizer, result = tuned(root, demo, spec)
    assert result.meta["best_epoch"] == 0 and len(result.meta["history"]) == 2
    assert mean(served_ndcgs(demo, quantizer, layers)) == untrained(root, demo, spec)


def damped(root, demo, spec):
    """Return the checkpoint of a model whose lengths were found to be better damped, so that codes have a choice."""
    found = obtain(root, spec.model, demo, quiet)
    return replace(found, arrays={**found.arrays, "damping": np.array([0.3], np.float32)}, key="damped")


def test_lengths_are_chosen_by_codes_that_were_tuned_for_a_few_steps(root, demo, tmp_path, monkeypatch):
    """Before its first step the damped form looks worse, after a few steps better."""
    (tmp_path / "cache").mkdir()

    def better_once_tuned(steps):
        gain = 0.1 if steps.optimizer.state else -0.1
        return np.array([0.5 + gain * bool(steps.damping)])

    monkeypatch.setattr(tuning._TuningSteps, "validated", better_once_tuned)
    spec = spec_of("hqgnn", bits=2)
    _, _, result = tune(tmp_path, spec, demo, damped(root, demo, spec), quiet)
    assert result.arrays["model/damping"] == np.float32(0.3)


@pytest.mark.parametrize("name", TRAINED)
def test_steps_that_were_only_tried_leave_no_trace(root, demo, name, tmp_path, monkeypatch, two_threads):
    monkeypatch.setattr(tuning.damping, "preferred", lambda found: len(found) - 1)
    spec = spec_of(name, steps=20, start="scratch", lr=0.02)
    results = []
    for tried in (0, 10):
        monkeypatch.setattr(tuning, "PROBE", tried)
        (tmp_path / str(tried) / "cache").mkdir(parents=True)
        results.append(tune(tmp_path / str(tried), spec, demo, damped(root, demo, spec), quiet)[2].arrays)
    assert results[0].keys() == results[1].keys()
    for key, array in results[0].items():
        np.testing.assert_array_equal(array, results[1][key], err_msg=key)


class Killed(Exception):
    """Stands for a process that ends in the middle."""


@pytest.mark.parametrize(("name", "users"), [*((name, "own") for name in TRAINED), ("dpq", "float32")])
def test_a_tuning_that_was_killed_goes_on_and_ends_with_the_same_codes(
    root, demo, name, users, tmp_path, monkeypatch, two_threads
):
    monkeypatch.setattr(tuning, "STEPS", 20)
    spec = spec_of(name, users=users, steps=60, start="scratch", lr=0.02)
    layers, quantizer, _ = tuned(root, demo, spec)

    def dies_in_the_second_epoch(**fields):
        if fields["epoch"] == 2:
            raise Killed

    (tmp_path / "cache").mkdir()
    checkpoint, epochs = obtain(root, spec.model, demo, quiet), []
    with pytest.raises(Killed):
        tune(tmp_path, spec, demo, checkpoint, dies_in_the_second_epoch)
    again, same, result = tune(tmp_path, spec, demo, checkpoint, lambda **f: epochs.append(f["epoch"]))
    assert set(epochs) == {2, 3}, "the first epoch was kept"
    assert result.meta["best_epoch"] == 3, "else what came after the kill left no trace"
    assert not result.reused and not (result.folder / "resume.npz").exists()
    for table, rows in demo.tables(layers).items():
        one, two = quantizer.codes(rows, table), same.codes(demo.tables(again)[table], table)
        np.testing.assert_array_equal(one.decode(), two.decode())


def test_curvature_is_probed_unless_the_loss_is_bpr_alone(root, demo, monkeypatch):
    told = []
    monkeypatch.setattr(
        "engine.quantizers.hqgnn.hessian.bpr_diagonal", lambda *rows: told.append(1) or (rows[0], rows[0])
    )
    for loss, distill, exact in (("softmax", 0.0, False), ("bpr", 0.5, False), ("bpr", 0.0, True)):
        tuned(root, demo, spec_of("hqgnn", loss=loss, distill=distill, steps=1, lr=0.0015))
        assert bool(told) == exact


def test_hashed_lists_are_re_ranked_by_the_full_precision_model(root, demo):
    spec = spec_of("hashgnn", rerank=True, steps=20)
    layers, quantizer, _ = tuned(root, demo, spec)
    full = encoders.create(spec.model, demo).layers(obtain(root, spec.model, demo, quiet).arrays)
    exact = quantizer.codes(demo.tables(layers)["item"], "item").exact.decode()
    np.testing.assert_allclose(exact, demo.tables([np.mean(full, 0)])["item"][0], atol=1e-6)


def test_equal_runs_share_one_tuning_whatever_they_are_served_with(root, demo):
    spec = spec_of("hqgnn", bits=4, steps=20)
    first = tuned(root, demo, spec)[2]
    second = tuned(root, demo, spec.model_copy(update={"query_bits": (32,)}))[2]
    assert second.reused and second.key == first.key
    assert tuned(root, demo, spec_of("hqgnn", bits=4, steps=20, estimator="ste"))[2].key != first.key


def test_turning_the_model_changes_no_score(root, demo):
    spec = spec_of("hqgnn", bits=8, tune="graph", steps=0)
    layers, _, _ = tuned(root, demo, spec)
    before = encoders.create(spec.model, demo).layers(obtain(root, spec.model, demo, quiet).arrays)
    assert not np.allclose(layers[0], before[0], atol=1e-3)
    np.testing.assert_allclose(layers[0][:50] @ layers[0].T, before[0][:50] @ before[0].T, atol=1e-4)


def test_a_tuning_that_diverges_stops_with_epoch_and_advice(root, demo, monkeypatch):
    monkeypatch.setattr(tuning, "distillation", lambda users, *_: users.sum() * np.nan)
    with pytest.raises(FewbitsError, match="loss became nan in epoch 1, step 1 of 100 .*smaller one"):
        tuned(root, demo, spec_of("hqgnn", lr=0.002))
