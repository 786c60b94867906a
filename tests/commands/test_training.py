"""bench train: what it prints, and that no run works meanwhile; what it measures is the business of tests/measure."""

import json

import pytest
from click.testing import CliRunner
from filelock import Timeout

from engine.__main__ import commands
from engine.commands import checking, training
from engine.errors import FewbitsError
from engine.measure import growth
from engine.measure import training as measured
from engine.service.token import machine_lock
from engine.store.folders import runs_root

ROWS = [
    {"name": "lightgcn", "seed": seed, "seconds": 59.5 + seed, "epochs": 9, "best_epoch": 8, "valid_ndcg@20": 0.1,
     "recall@20": 0.18, "ndcg@20": 0.15} for seed in (0, 1)
]  # fmt: skip
POPULAR = {"name": "popularity", "seed": 0, "seconds": 0.01, "epochs": 0, "best_epoch": 0, "valid_ndcg@20": None,
           "recall@20": 0.04, "ndcg@20": 0.03}  # fmt: skip
KNN = {"name": "item-kNN", "settings": {"k": 200, "shrinkage": 100.0}, "seconds": 31.0, "valid_ndcg@20": 0.09,
       "recall@20": 0.13, "ndcg@20": 0.1}  # fmt: skip
RESULT = {
    "machine": {"hardware": "A processor, 2 cores", "instructions": "zen4: avx512f"}, "threads": 2,
    "dataset": "gowalla", "users": 29858, "items": 40981, "interactions": 805128,
    "model": {"encoder": "lightgcn", "dim": 64, "layers": 3, "loss": "softmax", "batch": 8051, "negatives": 2048},
    "step": {"propagation": 30.0, "the rest": 10.0, "step": 40.0},
    "plain": {"ms": 40.0, "plain_ms": 400.0, "ratio": 10.0, "losses": []},
    "propagation": {"ms": 12.0, "floor_ms": 10.0, "ratio": 1.2, "gbs": 50.0},
    "models": [*ROWS, POPULAR, KNN],
    "mean": {name: {"mean": 0.5, "low": 0.4, "high": 0.6} for name in ("seconds", "recall@20", "ndcg@20")},
    "skipped": ["EASE " + "is for smaller catalogues " * 9],
    "aims": {
        "seconds": {"aim": 120, "got": 60.0, "met": True}, "recall@20": {"aim": 0.1824, "got": 0.18, "met": False},
    },
}  # fmt: skip
SCALE = {
    "rows": [
        {"interactions": 28_500_000, "users": 1_000_000, "items": 1_000_000, "batch": 8192, "steps": 3480,
         "step_s": 9.5, "epoch_s": 33060.0, "valid_s": 80.0, "peak_bytes": 8_000_000_000, "needed_bytes": 9_000_000_000,
         "of_state": 5.0}
    ],
    "growth": {"step_s": 1.01, "epoch_s": 1.99, "peak_bytes": 0.98}, "skipped": ["30,000,000 interactions: too many"],
}  # fmt: skip


@pytest.fixture
def canned(monkeypatch):
    """The measuring itself is replaced: here it is told."""
    monkeypatch.setattr(measured, "bench", lambda *_: RESULT.copy())
    monkeypatch.setattr(growth, "grown", lambda *_: SCALE)


def invoked(*arguments):
    return CliRunner().invoke(commands, ["bench", "train", *arguments])


def test_the_text_fits_120_columns_and_has_every_row(canned):
    done = invoked("--dataset", "demo", "--scale")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 120
    for text in (
        "propagation  ",
        "lightgcn  ",
        "mean of 2",
        "popularity",
        "item-kNN (k 200, shrinkage 100)",
        "28,500,000",
    ):
        assert sum(line.startswith(text) for line in map(str.strip, lines)) in (1, 2), text
    assert "10.0 times faster" in done.stdout and "n^1.01" in done.stdout
    assert "seconds 120; got 60: met" in done.stdout and "got 0.18: MISSED" in done.stdout
    assert "Left out: EASE" in done.stdout and "Skipped: 30,000,000" in done.stdout


def test_a_single_seed_has_no_mean_and_no_interval(canned):
    one = {**RESULT, "models": RESULT["models"][1:], "mean": {"seconds": {"mean": 1.0, "low": None, "high": None}}}
    text = "\n".join(training.report(one))
    assert "mean of" not in text and "intervals" not in text


def test_json_has_everything_that_was_asked_for_and_nothing_else(canned):
    assert json.loads(invoked("--dataset", "demo", "--json").stdout) == json.loads(json.dumps(RESULT))
    assert json.loads(invoked("--scale", "--json").stdout) == json.loads(json.dumps({"scale": SCALE}))


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "--dataset NAME, --scale or both"), (["--dataset", "gowala"], "gowalla"),
    (["--dataset", "demo", "--seeds", "one"], "--seeds"), (["--dataset", "demo", "--threads", "4096"], "expected 1 to"),
    (["--dataset", "demo", "--threads", "0"], "expected 1 to"),
])  # fmt: skip
def test_what_cannot_be_measured_is_a_sentence(arguments, words):
    error = invoked(*arguments).exception
    assert isinstance(error, FewbitsError) and words in str(error)


def test_no_run_works_meanwhile(monkeypatch):
    held = []

    def look(*_):
        with pytest.raises(Timeout):
            machine_lock(runs_root(None)).acquire(timeout=0)
        held.append(True)
        return SCALE

    monkeypatch.setattr(growth, "grown", look)
    assert invoked("--scale").exit_code == 0 and held
    machine_lock(runs_root(None)).acquire(timeout=0).lock.release()


def test_doctor_says_whether_the_largest_training_fits(monkeypatch):
    assert "Amazon-Book" in checking._memory() and checking._memory().endswith("it fits")
    monkeypatch.setattr(checking, "memory_left", lambda: 10**8)
    assert "0.1 GB free" in checking._memory() and "it does not fit" in checking._memory()
    assert checking._memory() in CliRunner().invoke(commands, ["doctor"]).stdout
