"""How long a search takes: one query on one pinned thread, and batches of 64; raw samples kept.

What is timed is ``index.search`` as a server would call it: the user's vector or code goes in, the list comes out,
with what the user has seen left out. The data set's real users are asked in random order. The caller sees to it that
nothing else of ours runs meanwhile.
"""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.measure.machine import cores
from engine.spec import LATENCY_K

BATCH = 64
USERS = 1000
"""Users asked, at most; each is asked equally often."""
SAMPLE_S, MAX_S = 0.3, 4.0
"""Seconds that the samples of one setting should fill, and the most they may."""
STEADY = 0.02
"""Warm-up ends once two medians in a row differ by less than this share, or after as long as the samples may take."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Microseconds of single searches of one setting, in the order they were taken."""

    threads: int
    batch: int
    microseconds: np.ndarray  # float64 [m]


def measure(index: Any, queries: Any, seen: Any, seed: int = 0) -> list[Samples]:
    """Return samples of one query on one thread, of batches of 64 on one thread, and on all cores where there are
    several.

    Parameters
    ----------
    queries : float32 [U, D] or packed, one a user
    seen : ItemLists of the same users, left out of their lists
    """
    users = np.random.default_rng(seed).permutation(len(queries))[:USERS]
    with _quiet():
        samples = [_sample(index, _calls(queries, seen, users, 1), 1, 1)]
        batched = _calls(queries, seen, users, min(BATCH, len(users)))
        samples.append(_sample(index, batched, 1, BATCH))
    if cores() > 1:
        samples.append(_sample(index, batched, cores(), BATCH))
    return samples


def summarise(samples: list[Samples]) -> list[dict[str, Any]]:
    """Return measurement rows: p50, p95, p99 of single queries (µs), queries a second of batches, with 95 %
    intervals.
    """
    rows = []
    for s in samples:
        common = {"threads": s.threads, "batch": s.batch, "k": LATENCY_K}
        if s.batch == 1:
            for q in (50, 95, 99):
                value, low, high = percentile(s.microseconds, q)
                rows.append(
                    {**common, "metric": f"latency_p{q}_us", "unit": "us", "value": value, "low": low, "high": high}
                )
        else:
            value, low, high = (s.batch * 1e6 / v for v in percentile(s.microseconds, 50))
            rows.append(
                {**common, "metric": "throughput_qps", "unit": "queries/s", "value": value, "low": high, "high": low}
            )
    return rows


def percentile(samples: np.ndarray, q: float) -> tuple[float, float, float]:
    """Return the q-th percentile and its 95 % interval from order statistics (normal approximation of the binomial)."""
    ordered, n, p = np.sort(samples), len(samples), q / 100
    spread = 1.96 * np.sqrt(n * p * (1 - p))
    at = [int(np.clip(np.floor(n * p + s), 0, n - 1)) for s in (0, -spread, spread)]
    return float(ordered[at[0]]), float(ordered[at[1]]), float(ordered[at[2]])


def _calls(queries: Any, seen: Any, users: np.ndarray, batch: int) -> list[tuple[Any, tuple[np.ndarray, np.ndarray]]]:
    """Return the arguments of every search, so that no slicing is timed; a short last batch is left out."""
    calls = []
    for start in range(0, len(users) - batch + 1, batch):
        rows = users[start : start + batch]
        lists = seen.rows(rows)
        calls.append((queries[rows], (lists.indptr, lists.items)))
    return calls


def _sample(index: Any, calls: list[Any], threads: int, batch: int) -> Samples:
    """Warm up until steady, then go round the calls until the samples fill their time."""
    previous, started = 0.0, time.perf_counter()
    while time.perf_counter() - started < MAX_S:
        median = float(np.median(_round(index, calls[:200], threads)))
        if abs(median - previous) < STEADY * median:
            break
        previous = median
    taken: list[np.ndarray] = []
    started = time.perf_counter()
    while not taken or time.perf_counter() - started < SAMPLE_S:
        taken.append(_round(index, calls, threads, started + MAX_S))
    return Samples(threads, batch, np.concatenate(taken))


def _round(index: Any, calls: list[Any], threads: int, deadline: float = np.inf) -> np.ndarray:
    """Return the microseconds of one search for each call, the clock's own time subtracted."""
    clock = time.perf_counter_ns
    overhead = min(-(clock() - clock()) for _ in range(100))
    nanoseconds = []
    for queries, exclude in calls:
        before = clock()
        index.search(queries, LATENCY_K, exclude, threads)
        nanoseconds.append(clock() - before - overhead)
        if before > deadline * 1e9:
            break
    return np.array(nanoseconds, np.float64) / 1e3


@contextmanager
def _quiet() -> Iterator[None]:
    """Pin this thread to one core and keep the garbage collector away while the block runs."""
    pinned = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    gc.collect()
    gc.disable()
    if pinned:
        os.sched_setaffinity(0, {max(pinned)})  # the highest: interrupts mostly arrive at the first
    try:
        yield
    finally:
        gc.enable()
        if pinned:
            os.sched_setaffinity(0, pinned)
