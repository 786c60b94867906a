"""How fast this core reads memory: the roof under which every exhaustive search stays."""

import time
from collections.abc import Iterable

import numpy as np
from numba import njit

from engine.measure.machine import caches, memory_left

LEAST = 1 << 30
"""Bytes that count as memory at least; a larger last-level cache is exceeded three times."""
PASSES, PASSES_S = 5, 0.02
"""Passes at least, and the seconds that those over few bytes go on for."""
SLICE = 4 << 20
"""Words that are timed at once, 32 MiB."""


def memory_gbs() -> tuple[float, int]:
    """Return the read bandwidth of memory in 10^9 bytes a second, and the bytes it was measured over.

    These are three times the last-level cache and at least 1 GiB, but at most a third of the memory that is free.
    """
    size = max(LEAST, 3 * max(caches().values(), default=0))
    size = min(size, memory_left() // 3) // 8 * 8
    return read_gbs([np.ones(size // 8, np.int64)]), size


def read_gbs(arrays: Iterable[np.ndarray]) -> float:
    """Return how fast one core sums these arrays, in 10^9 bytes a second.

    All are read again and again, in slices, and the fastest time of each slice counts: a pass over memory takes longer
    than other processes leave a core alone.
    """
    words = [_words(array) for array in arrays]
    slices = [part[start : start + SLICE] for part in words for start in range(0, len(part), SLICE)]
    fastest, passes, started = [1 << 62] * len(slices), 0, time.perf_counter()
    while passes < PASSES or time.perf_counter() - started < PASSES_S:
        for place, part in enumerate(slices):
            before = time.perf_counter_ns()
            _total(part)
            fastest[place] = min(fastest[place], time.perf_counter_ns() - before)
        passes += 1
    return sum(part.nbytes for part in slices) / sum(fastest) if slices else 0.0


def _words(array: np.ndarray) -> np.ndarray:
    """Return the array's bytes as int64, but for up to 7 at its end; arrays that are not contiguous are copied."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return flat[: len(flat) // 8 * 8].view(np.int64)


@njit(cache=True, nogil=True)
def _total(words: np.ndarray) -> int:
    total = 0
    for i in range(len(words)):
        total += words[i]
    return total
