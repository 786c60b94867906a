"""The pieces that every search kernel shares: the order of the items, their exclusion, and the running top k.

An index stores its items in the order of a seeded permutation, and of two equal scores the earlier position wins. So
ties are broken the same way for every layout, and item ids (low ones are often the popular ones) cannot leak into the
ranking. The permutation is computed, never stored: a four-round Feistel network over the next power of four, with
cycle-walking, that is, applied again until the result is a position.
"""

import numpy as np
from numba import njit

BLOCK = 1024
"""Items scored before the best are picked: 4 KiB of scores stay in the first-level cache."""
GROUP = 64
"""Scores compared with the k-th best at once; a divisor of BLOCK."""

ROUNDS = 4
_FOUR = np.uint64(4)
_ONE = np.uint64(1)
_TWO = np.uint64(2)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


# --- The permutation. Every operand is uint64: numba turns a mix of signed and unsigned integers into float64.


@njit(cache=True, nogil=True)
def _mix(x: np.uint64) -> np.uint64:
    """Return a well-mixed function of 64 bits (the finaliser of splitmix64)."""
    x = x + _GOLDEN
    x = (x ^ (x >> _S30)) * _MIX_A
    x = (x ^ (x >> _S27)) * _MIX_B
    return x ^ (x >> _S31)


@njit(cache=True, nogil=True)
def half_bits(n: int) -> np.uint64:
    """Return the smallest h >= 1 with 4^h >= n: the network permutes 2h bits."""
    half = _ONE
    while (_ONE << (_TWO * half)) < np.uint64(n):
        half += _ONE
    return half


@njit(cache=True, nogil=True)
def _forward(x: np.uint64, half: np.uint64, seed: np.uint64) -> np.uint64:
    mask = (_ONE << half) - _ONE
    left, right = x >> half, x & mask
    for i in range(ROUNDS):
        left, right = right, left ^ (_mix(right + _mix(_FOUR * seed + np.uint64(i))) & mask)
    return (left << half) | right


@njit(cache=True, nogil=True)
def _backward(x: np.uint64, half: np.uint64, seed: np.uint64) -> np.uint64:
    mask = (_ONE << half) - _ONE
    left, right = x >> half, x & mask
    for i in range(ROUNDS - 1, -1, -1):
        left, right = right ^ (_mix(left + _mix(_FOUR * seed + np.uint64(i))) & mask), left
    return (left << half) | right


@njit(cache=True, nogil=True)
def _id_at(position: int, n: int, half: np.uint64, seed: int) -> np.int64:
    x = _forward(np.uint64(position), half, np.uint64(seed))
    while x >= np.uint64(n):
        x = _forward(x, half, np.uint64(seed))
    return np.int64(x)


@njit(cache=True, nogil=True)
def _position_of(item: int, n: int, half: np.uint64, seed: int) -> np.int64:
    x = _backward(np.uint64(item), half, np.uint64(seed))
    while x >= np.uint64(n):
        x = _backward(x, half, np.uint64(seed))
    return np.int64(x)


@njit(cache=True, nogil=True)
def id_at(position: int, n: int, seed: int) -> np.int64:
    """Return the id of the item stored at a position, 0 … n - 1."""
    return _id_at(position, n, half_bits(n), seed)


@njit(cache=True, nogil=True)
def position_of(item: int, n: int, seed: int) -> np.int64:
    """Return the position at which an item is stored: the inverse of `id_at`."""
    return _position_of(item, n, half_bits(n), seed)


@njit(cache=True, nogil=True)
def permutation(n: int, seed: int) -> np.ndarray:
    """Return the ids in stored order, int64 [n]: the array of ``id_at(position, n, seed)``."""
    half = half_bits(n)
    ids = np.empty(n, np.int64)
    for position in range(n):
        ids[position] = _id_at(position, n, half, seed)
    return ids


# --- One query's search: excluded_positions, then for each block hide and offer, then finish.


@njit(cache=True, nogil=True)
def excluded_positions(items: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return the ascending positions, int32, of the item ids (each below n) that a query must not get."""
    half = half_bits(n)
    positions = np.empty(len(items), np.int32)
    for i in range(len(items)):
        positions[i] = _position_of(items[i], n, half, seed)
    _sort(positions)
    return positions


@njit(cache=True, nogil=True)
def _sort(values: np.ndarray) -> None:
    """Sort in place by shrinking gaps: np.sort compiles for seconds and is no faster on lists of this length."""
    gap = len(values)
    while gap > 1:
        gap = max(1, gap * 5 // 11)
        for i in range(gap, len(values)):
            value, j = values[i], i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value


@njit(cache=True, nogil=True)
def hide(buffer: np.ndarray, start: int, stop: int, excluded: np.ndarray, cursor: int) -> int:
    """Set the score -inf at the block's excluded positions and behind its end; return the next cursor."""
    while cursor < len(excluded) and excluded[cursor] < stop:
        buffer[excluded[cursor] - start] = -np.inf
        cursor += 1
    for i in range(stop - start, -(-(stop - start) // GROUP) * GROUP):
        buffer[i] = -np.inf
    return cursor


@njit(cache=True, nogil=True)
def offer(buffer: np.ndarray, start: int, stop: int, positions: np.ndarray, scores: np.ndarray) -> None:
    """Let the block's scores into the top k, a heap whose root is the worst place.

    Only a score strictly above the root's gets in, so an earlier position wins a tie (and a NaN never gets in).
    """
    floor = scores[0]
    for first in range(0, stop - start, GROUP):
        group = buffer[first : first + GROUP]
        above = np.int32(0)  # a sum of comparisons vectorises without fast-math, a maximum of floats does not
        for i in range(GROUP):
            above += np.int32(group[i] > floor)
        if above:
            for i in range(GROUP):
                if group[i] > floor:
                    _sift(positions, scores, len(scores), np.int32(start + first + i), group[i])
                    floor = scores[0]


@njit(cache=True, nogil=True)
def _worse(score: np.float32, position: np.int32, other_score: np.float32, other_position: np.int32) -> np.bool:
    return score < other_score or (score == other_score and position > other_position)


@njit(cache=True, nogil=True)
def _sift(positions: np.ndarray, scores: np.ndarray, size: int, position: np.int32, score: np.float32) -> None:
    """Replace the root of the heap of the first ``size`` places."""
    hole = 0
    while 2 * hole + 1 < size:
        child = 2 * hole + 1
        right = child + 1
        if right < size and _worse(scores[right], positions[right], scores[child], positions[child]):
            child = right
        if not _worse(scores[child], positions[child], score, position):
            break
        scores[hole], positions[hole] = scores[child], positions[child]
        hole = child
    scores[hole], positions[hole] = score, position


@njit(cache=True, nogil=True)
def begin(positions: np.ndarray, scores: np.ndarray) -> None:
    """Empty the top k: every place is missing (position -1, score -inf)."""
    positions[:] = -1
    scores[:] = -np.inf


@njit(cache=True, nogil=True)
def finish(positions: np.ndarray, scores: np.ndarray, n: int, seed: int) -> None:
    """Sort the heap, best first, and turn positions into item ids; a missing place keeps id -1 and score -inf."""
    for size in range(len(scores) - 1, 0, -1):
        position, score = positions[size], scores[size]
        positions[size], scores[size] = positions[0], scores[0]
        _sift(positions, scores, size, position, score)
    half = half_bits(n)
    for i in range(len(scores)):
        positions[i] = _id_at(positions[i], n, half, seed) if scores[i] > -np.inf else -1
