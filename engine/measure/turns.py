"""Timing several searches against each other: a few calls of one, a few of the next, by turns, on a shared machine.

Whatever else the machine does then hits all sides alike. Every block of calls begins with one that is not counted: it
finds the other side's data in the caches.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

PAIR_S, LEAST, MOST = 1.5, 15, 600
"""Seconds that a comparison takes, and the least and most samples of each side."""
LONG_S, FEW = 6.0, 3
"""Seconds after which so few samples must do: batches on millions of items take seconds each."""
WARM_S = 0.05
BLOCK_S = 0.004
"""Seconds that one side goes on for before the other's turn, within 3 … 16 calls."""
SLOW_S = 0.1
"""A call that takes longer is a block of its own, and all are counted: what the caches hold is a small part of it."""
Search = Callable[[int], Any]
"""Asks the i-th query; queries come round."""


def interleaved(sides: Sequence[Search]) -> list[np.ndarray]:
    """Return the microseconds of each side's calls, taken by turns; the order of the turns is reversed every time."""
    warm = [_warmed(side) for side in sides]
    taken: list[list[int]] = [[] for _ in sides]
    order, started = list(range(len(sides))), time.perf_counter()
    while not _enough([len(t) for t in taken], time.perf_counter() - started):
        for side in order:
            slow = warm[side] > SLOW_S
            if not slow:
                sides[side](len(taken[side]))
            for _ in range(1 if slow else int(np.clip(BLOCK_S / warm[side], 3, 16))):
                number = len(taken[side])
                before = time.perf_counter_ns()
                sides[side](number)
                taken[side].append(time.perf_counter_ns() - before)
        order.reverse()
    return [np.array(t) / 1e3 for t in taken]


def _enough(samples: Sequence[int], seconds: float) -> bool:
    if seconds > LONG_S:
        return min(samples) >= FEW
    return min(samples) >= LEAST and (seconds > PAIR_S or max(samples) >= MOST)


def _warmed(search: Search) -> float:
    """Call until warm, and return the seconds that a call takes then."""
    last, calls, started = np.inf, 0, time.perf_counter()
    while calls < 2 or (calls < 3 and last < SLOW_S) or time.perf_counter() - started < WARM_S:
        before = time.perf_counter()
        search(calls)
        last, calls = time.perf_counter() - before, calls + 1
    return max(last, 1e-7)


def spread(samples: np.ndarray) -> dict[str, float]:
    """Return median, quartiles and number of these microseconds."""
    low, median, high = (float(q) for q in np.percentile(samples, [25, 50, 75]))
    return {"median": median, "low": low, "high": high, "samples": len(samples)}


@contextmanager
def pinned(one_core: bool = True) -> Iterator[None]:
    """Keep the garbage collector away, and this thread on one core if asked, while the block runs."""
    before = os.sched_getaffinity(0) if one_core and hasattr(os, "sched_setaffinity") else None
    gc.collect()
    gc.disable()
    if before:
        os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        gc.enable()
        if before:
            os.sched_setaffinity(0, before)
