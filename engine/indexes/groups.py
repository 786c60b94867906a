"""Two groups of rows, a head's and a tail's, and the positions that they share: rank and select over one bit each.

A row's number within its group ascends with its position, so what is known by position (what a query must not get, how
ties are broken) and what is known by row can be turned into each other.
"""

import numpy as np
from numba import njit

from engine.indexes.simd import ones

STEP = 64
"""Positions between counts."""


@njit(cache=True, nogil=True)
def tails_before(flags: np.ndarray, n: int) -> np.ndarray:
    """Return the tail's rows before every 64th position, int32 [n / 64 + 1]; flags are bits, uint8 [n / 8]."""
    counts = np.zeros(-(-n // STEP) + 1, np.int32)
    for i in range(len(counts) - 1):
        counts[i + 1] = counts[i]
        for byte in flags[8 * i : 8 * i + 8]:
            counts[i + 1] += ones(byte)
    return counts


@njit(cache=True, nogil=True)
def is_tail(flags: np.ndarray, position: int) -> bool:
    """Return whether a position is the tail's."""
    return (flags[position >> 3] >> np.uint8(position & 7)) & 1 == 1


@njit(cache=True, nogil=True)
def row_of(flags: np.ndarray, counts: np.ndarray, position: int) -> np.int64:
    """Return the number of a position's row within its group."""
    start = position // STEP * STEP
    tails = np.int64(counts[position // STEP])
    for p in range(start, position):
        tails += is_tail(flags, p)
    return tails if is_tail(flags, position) else np.int64(position - tails)


@njit(cache=True, nogil=True)
def position_at(flags: np.ndarray, counts: np.ndarray, row: int, tail: bool) -> int:
    """Return the position of a group's row."""
    low, high = 0, len(counts) - 1
    while high - low > 1:  # the last stretch that begins with at most ``row`` rows of the group before it
        middle = (low + high) // 2
        before = np.int64(counts[middle]) if tail else STEP * middle - np.int64(counts[middle])
        if before <= row:
            low = middle
        else:
            high = middle
    position = STEP * low
    left = row - (np.int64(counts[low]) if tail else position - np.int64(counts[low]))
    while True:
        if is_tail(flags, position) == tail:
            if left == 0:
                return position
            left -= 1
        position += 1


@njit(cache=True, nogil=True)
def hidden_rows(
    flags: np.ndarray, counts: np.ndarray, hidden: np.ndarray, indptr: np.ndarray, tail: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return (indptr, rows) of one group for the positions hidden from each query: int64 [B + 1], int32 [m]."""
    rows, starts = np.empty(len(hidden), np.int32), np.zeros(len(indptr), np.int64)
    count = 0
    for b in range(len(indptr) - 1):
        for i in range(indptr[b], indptr[b + 1]):
            if is_tail(flags, hidden[i]) == tail:
                rows[count] = row_of(flags, counts, hidden[i])
                count += 1
        starts[b + 1] = count
    return starts, rows[:count]
