"""Training on computed graphs of millions of interactions: time and memory, each size in a process of its own.

``python -m engine.measure.growth INTERACTIONS THREADS`` measures one size and prints a JSON object.
"""

import ctypes
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine import children
from engine.data.interactions import ItemLists
from engine.data.split import VALID_USERS, Split
from engine.measure.machine import memory_left
from engine.measure.threads import using
from engine.spec import ModelSpec
from engine.training.memory import LIBRARIES, needed
from engine.training.rules import settled
from engine.training.trainer import ModelSteps, train

SIZES = (1_000_000, 3_000_000, 10_000_000, 30_000_000)
PER_USER, EXPONENT = 30, 0.8
"""Interactions a user and an item on average, and the exponent of the items' popularity."""
EPOCHS, STEPS = 2, 8
"""Epochs that are begun, and the steps of each that are taken; what follows an epoch is done in full."""
GENERATING = 60
"""Bytes an interaction that the graph's computation takes."""
WARM = 3_000
EVERY_S = 0.002


def grown(threads: int, report: Callable[[str], None], sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Return rows (see `measured`), skipped (sentences), and the exponents of the growth of step_s, epoch_s and
    peak_bytes with the interactions: 1 is linear.
    """
    result: dict[str, Any] = {"rows": [], "skipped": []}
    for size in sizes:
        nodes = size // PER_USER
        wanted, free = needed(ModelSpec(), nodes, nodes, size) + GENERATING * size, memory_left()
        if wanted > free:
            result["skipped"].append(
                f"{size:,} interactions: up to {wanted / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
            )
            continue
        report(f"{size:,} computed interactions")
        row = _in_a_process(size, threads)
        result["skipped" if isinstance(row, str) else "rows"].append(row)
    return {**result, "growth": growth(result["rows"])}


def growth(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the slope of each figure's logarithm over that of the interactions (least squares); none of one row."""
    if len(rows) < 2:
        return {}
    n = np.log([row["interactions"] for row in rows])
    figures = {name: np.log([row[name] for row in rows]) for name in ("step_s", "epoch_s", "peak_bytes")}
    return {name: float(np.polyfit(n, values, 1)[0]) for name, values in figures.items()}


def _in_a_process(size: int, threads: int) -> dict[str, Any] | str:
    """Return the row of a size, or a sentence where the process ended without one."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.measure.growth", str(size), str(threads)],
        capture_output=True, text=True, check=False, env=children.environment(),
    )  # fmt: skip
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return f"{size:,} interactions: the process ended with status {done.returncode}: {said}"


def measured(interactions: int, threads: int) -> dict[str, Any]:
    """Return interactions, users, items, batch, steps (of an epoch), step_s, epoch_s (steps · step_s), valid_s,
    peak_bytes (the growth of this process while training), needed_bytes (`engine.training.memory`, without the
    libraries), and of_state: the peak without the graph over parameters and Adam's moments.
    """
    with using(threads):
        _run(world(WARM))
        split = world(interactions)
        _trim()
        with _watched() as watch:
            times = _run(split)
    spec, edges = settled(ModelSpec(), split), len(split.train.items)
    nodes = split.n_users + split.n_items
    graph, state = 12 * nodes + 16 * edges, 3 * 4 * nodes * spec.dim
    steps = -(-edges // spec.batch)
    return {
        "interactions": edges, "users": split.n_users, "items": split.n_items, "batch": spec.batch, "steps": steps,
        **times, "epoch_s": steps * times["step_s"], "peak_bytes": watch["peak"],
        "needed_bytes": needed(spec, split.n_users, split.n_items, edges) - LIBRARIES,
        "of_state": (watch["peak"] - graph) / state,
    }  # fmt: skip


class _Few(ModelSteps):
    """The first steps of each epoch."""

    valid_s = 0.0
    """Seconds of the last validation."""

    def epoch(self, number: int) -> Iterator[tuple[int, int, Callable[[float], float]]]:
        yield from itertools.islice(super().epoch(number), STEPS)

    def metric(self) -> float:
        started = time.perf_counter()
        value = super().metric()
        _Few.valid_s = time.perf_counter() - started
        return value


def _run(split: Split) -> dict[str, float]:
    """Train the default model for a few steps of EPOCHS epochs; return step_s and valid_s."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:  # all but the number of steps is the real training: so is its memory
        spec = ModelSpec(epochs=EPOCHS)
        train(spec, split, lambda **_: ends.append(time.perf_counter()), Path(folder) / "resume", _Few)
    last = np.diff(ends[-STEPS - 1 : -1])  # the last epoch's, without the time to its first and from its last
    return {"step_s": float(np.median(last)), "valid_s": _Few.valid_s}


def world(interactions: int, seed: int = 0) -> Split:
    """Return a split of about so many interactions: users and items alike in number, items drawn by a power law.

    A user has 10 items at least, 30 on average (some are drawn twice and count once). Up to 5,000 users give one to
    validation; there is no test.
    """
    rng = np.random.default_rng(seed)
    n = max(interactions // PER_USER, 2)
    activity = 10 + rng.exponential(PER_USER - 10, n).astype(np.int64)
    user = np.repeat(np.arange(n, dtype=np.int32), activity)
    popularity = np.cumsum(rng.permutation((1.0 + np.arange(n)) ** -EXPONENT))  # popular ones among all ids
    item = np.searchsorted(popularity, rng.random(len(user)) * popularity[-1]).astype(np.int32)
    lists = ItemLists.from_pairs(user, item, n)
    chosen = np.zeros(len(lists.items), bool)
    chosen[lists.indptr[: min(n, VALID_USERS)]] = True
    train, valid = (ItemLists.from_pairs(lists.users()[part], lists.items[part], n) for part in (~chosen, chosen))
    empty = ItemLists(np.zeros(n + 1, np.int64), np.empty(0, np.int32))
    return Split("computed", n, n, train, valid, empty, seed, "One item each of the first users is validation.")


@contextmanager
def _watched() -> Iterator[dict[str, int]]:
    """Give a dict that has, at the end, by how many bytes this process had grown at its ``peak``.

    Looked at every 2 ms: the system's own high-water mark would count what computing the graph took.
    """
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    watch = {"peak": 0}

    def look() -> None:
        while not done.wait(EVERY_S):
            watch["peak"] = max(watch["peak"], process.memory_info().rss - before)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


def _trim() -> None:
    """Give freed memory back to the system, so that using it again is seen (glibc; elsewhere nothing is done)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), int(sys.argv[2]))))
