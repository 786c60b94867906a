"""What is measured of training; how long anything takes is not asked here."""

import json
import time

import numpy as np
import pytest

from engine import encoders
from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.errors import FewbitsError
from engine.measure import steps, threads, training, turns
from engine.measure.machine import cores, machine
from engine.spec import ModelSpec
from engine.training.rules import settled

SMALL = ModelSpec(dim=32, layers=2, batch=256, negatives=64, temperature=0.2)


def hurry(patch):
    """As few calls as will do."""
    for name in ("PAIR_S", "WARM_S", "BLOCK_S"):
        patch.setattr(turns, name, 0.0)
    patch.setattr(turns, "LEAST", 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    hurry(monkeypatch)


@pytest.fixture(scope="module")
def blocks():
    return split("two-blocks", Reading(two_blocks(per_user=20), None))


@pytest.fixture(scope="module")
def result(blocks):
    machine.cache_clear()  # what was asked before is not what is asked while threads are set
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return training.bench(blocks, [0, 1], 1, lambda _: None)


def test_our_step_and_plain_torchs_have_equal_losses_on_equal_samples(blocks):
    for ours, plain in steps.beside_plain(SMALL, blocks)["losses"]:
        assert ours == pytest.approx(plain, rel=2e-3)  # bfloat16 in the propagation, and in the loss where it is quick


def test_both_come_to_the_same_parameters(blocks):
    mine, start = steps.prepared(SMALL, blocks)
    plain, batches = steps.PlainSteps(mine, start), steps._batches(mine)
    for _ in range(12):  # more than an epoch: its end must not part them
        next(batches)(0.0)
        plain.take()
    moved = plain.embeddings.detach().numpy() - start["embeddings"]
    apart = mine.parameters["embeddings"].detach().numpy() - plain.embeddings.detach().numpy()
    assert np.linalg.norm(apart) < 0.1 * np.linalg.norm(moved)


def test_a_plain_step_that_does_something_else_is_not_compared(blocks, monkeypatch):
    monkeypatch.setattr(steps.PlainSteps, "_pooled", lambda self: self.embeddings)
    with pytest.raises(FewbitsError, match="disagree"):
        steps.beside_plain(SMALL, blocks)


def test_the_coo_tensor_is_the_graph(blocks):
    import torch

    graph = encoders.create(SMALL, blocks).adjacency
    x = np.random.default_rng(0).standard_normal((graph.n, 8)).astype(np.float32)
    np.testing.assert_allclose((steps.coo(graph) @ torch.from_numpy(x)).numpy(), graph.propagate(x), atol=1e-6)


def test_the_floor_has_as_many_rows_and_edges_and_reads_them_in_order(blocks):
    graph = encoders.create(SMALL, blocks).adjacency
    floor = steps.in_order(graph)
    assert floor.indptr is graph.indptr and len(floor.neighbours) == len(graph.neighbours)
    assert floor.neighbours.dtype == graph.neighbours.dtype
    assert set((np.diff(floor.neighbours) % graph.n).tolist()) == {1}


def test_every_part_of_a_step_takes_time(blocks):
    parts = steps.profile(SMALL, blocks)
    assert list(parts) == [*steps.PARTS, "step"]
    assert min(parts.values()) > 0


def test_the_parts_are_all_of_the_step(blocks):
    mine, _ = steps.prepared(SMALL, blocks)
    clock, batches = steps._Clock(mine), steps._batches(mine)
    clock.step(batches)
    before = time.perf_counter()
    parts = clock.step(batches)
    assert set(parts) == set(steps.PARTS)
    assert sum(parts.values()) == pytest.approx(time.perf_counter() - before, abs=1e-3)


def test_each_part_of_a_batch_is_drawn_gathered_and_led_back(blocks, monkeypatch):
    """A large batch is taken in parts with negatives of their own: what belongs to one is not the next one's."""
    monkeypatch.setattr("engine.training.trainer.SHARING", SMALL.batch // 2)
    mine, _ = steps.prepared(SMALL, blocks)
    clock, marked = steps._Clock(mine), []
    monkeypatch.setattr(clock, "mark", marked.append)
    clock.step(steps._batches(mine))
    of_a_part = [steps.DRAW, steps.GATHER, steps.LOSS, steps.LOSS_BACK]
    assert marked == [
        steps.DRAW, steps.FORWARD, *of_a_part, *of_a_part, steps.LOSS_BACK, steps.BACKWARD, steps.ADAM, steps.REST,
    ]  # fmt: skip


def test_watching_a_step_does_not_change_it(blocks):
    watched, _ = steps.prepared(SMALL, blocks)
    clock, batches = steps._Clock(watched), steps._batches(watched)
    alone, _ = steps.prepared(SMALL, blocks)
    for take in [take for _, _, take in alone.epoch(1)][:2]:
        clock.step(batches)
        take(0.0)
    assert np.array_equal(*(s.parameters["embeddings"].detach().numpy() for s in (watched, alone)))


def test_every_seed_and_every_baseline_has_its_row(result):
    rows = [(row["name"], row.get("seed")) for row in result["models"]]
    wanted = [("lightgcn", 0), ("lightgcn", 1), ("mf", 0), ("popularity", 0), ("item-kNN", None), ("EASE", None)]
    assert rows == wanted and not result["skipped"]
    scores = {row["name"]: row["recall@20"] for row in result["models"]}
    assert scores["lightgcn"] > 1.6 * scores["popularity"]
    assert all(row["seconds"] > 0 for row in result["models"])


def test_all_is_plain_json_with_the_machine_and_the_settled_model(result, blocks):
    assert json.loads(json.dumps(result)) == result
    assert result["model"] == settled(ModelSpec(), blocks).model_dump(mode="json")
    assert result["machine"]["cores"] == cores() and result["threads"] == 1, "not as few as threads were asked for"


def test_the_mean_is_that_of_the_default_models_seeds(result):
    first, second = (row["recall@20"] for row in result["models"][:2])
    assert result["mean"]["recall@20"]["mean"] == pytest.approx((first + second) / 2)


def test_the_interval_is_students():
    got = training.mean_and_interval([1.0, 2.0, 3.0])
    assert got["mean"] == 2 and got["high"] == pytest.approx(2 + 4.3027 / np.sqrt(3), rel=1e-4)
    assert got["low"] == pytest.approx(4 - got["high"])
    assert training.mean_and_interval([0.5]) == {"mean": 0.5, "low": None, "high": None}


def test_quality_is_to_be_reached_and_time_not_exceeded(result):
    means = {"seconds": 60.0, "recall@20": 0.1824, "ndcg@20": 0.1529}
    gowalla = {**result, "dataset": "gowalla", "mean": {name: {"mean": value} for name, value in means.items()}}
    gowalla |= {"plain": {"ratio": 8.1}, "propagation": {"ratio": 1.31}}
    assert {name: aim["met"] for name, aim in training.aims(gowalla).items()} == {
        "seconds": True, "recall@20": True, "ndcg@20": False,
        "times faster than plain torch": True, "propagation over its floor": False,
    }  # fmt: skip
    assert set(training.aims({**gowalla, "dataset": "demo"})) == {
        "times faster than plain torch", "propagation over its floor"
    }  # fmt: skip


@pytest.mark.parametrize("seeds", [[], [-1], [2, 2]])
def test_odd_seeds_are_a_sentence(blocks, seeds):
    with pytest.raises(FewbitsError, match="seeds: got"):
        training.bench(blocks, seeds, 1, lambda _: None)


def test_threads_are_those_asked_for_while_it_is_measured_and_then_as_before(two_threads):
    import numba
    import torch

    before = torch.get_num_threads(), numba.get_num_threads(), threads.cores()
    assert before[0] == 2
    with threads.using(1):
        assert (torch.get_num_threads(), numba.get_num_threads(), threads.cores()) == (1, 1, 1)
    assert (torch.get_num_threads(), numba.get_num_threads(), threads.cores()) == before


@pytest.mark.parametrize("number", [0, 4096])
def test_threads_that_there_are_not_are_a_sentence(number):
    with pytest.raises(FewbitsError, match=f"threads: got {number}, expected 1 to"), threads.using(number):
        pass
