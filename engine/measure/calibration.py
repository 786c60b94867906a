"""Whether the machine kept its pace: a fixed piece of arithmetic, timed before and after whatever is measured.

The work is six chains of integer operations side by side, in registers: it reads no memory, so neither caches nor an
index change its time, and it keeps the core's multiplier busy, so that whoever shares the core is felt. What changes
its time is a clock that moved (turbo, heat), a neighbour on the same core, or another process, and all of these would
be in the measured times as well.
"""

import time

import numpy as np
from numba import njit

STEPS = 2_400_000
"""Steps of a slice: some 4 ms."""
SLICES = 5
"""A calibration is the median of so many slices, some 20 ms: one interrupt does not decide it."""

_MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(27)


def seconds() -> float:
    """Return how long a slice of the fixed work takes now, in seconds."""
    starts = [np.uint64(1 + i) for i in range(6)]
    _chains(*starts, 1)  # the first call of a process loads the compiled loop
    taken = []
    for _ in range(SLICES):
        before = time.perf_counter()
        _chains(*starts, STEPS)
        taken.append(time.perf_counter() - before)
    return sorted(taken)[SLICES // 2]


@njit(cache=True)
def _chains(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, e: np.uint64, f: np.uint64, steps: int
) -> np.uint64:
    """Mix six numbers of 64 bits again and again; each step needs the one before, so none can be left out."""
    for _ in range(steps):
        a = (a ^ (a >> _SHIFT)) * _MULTIPLIER
        b = (b ^ (b >> _SHIFT)) * _MULTIPLIER
        c = (c ^ (c >> _SHIFT)) * _MULTIPLIER
        d = (d ^ (d >> _SHIFT)) * _MULTIPLIER
        e = (e ^ (e >> _SHIFT)) * _MULTIPLIER
        f = (f ^ (f >> _SHIFT)) * _MULTIPLIER
    return a ^ b ^ c ^ d ^ e ^ f
