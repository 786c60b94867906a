"""The pieces that every search kernel shares: the order of the items, their exclusion, and the running top k.

An index stores its items in the order of a seeded permutation, and of two equal scores the earlier position wins. So
ties are broken the same way for every layout, and item ids (low ones are often the popular ones) cannot leak into the
ranking. The permutation is computed, never stored: a four-round Feistel network over the next power of four, with
cycle-walking, that is, applied again until the result is a position.
"""

import numpy as np
from numba import njit

from engine.indexes.simd import ITEMS

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


# --- A search: excluded_positions and begin, then for each block visible and push, then finish.


@njit(cache=True, nogil=True)
def excluded_positions(indptr: np.ndarray, items: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return the positions, int32, of the item ids (each below n) that queries must not get, each query's ascending."""
    half = half_bits(n)
    positions = np.empty(len(items), np.int32)
    for i in range(len(items)):
        positions[i] = _position_of(items[i], n, half, seed)
    for b in range(len(indptr) - 1):
        _sort(positions[indptr[b] : indptr[b + 1]])
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
def visible(mask: np.uint64, start: int, hidden: np.ndarray, cursor: int, end: int) -> tuple[np.uint64, int]:
    """Return the mask of a block of 64 from position ``start`` without what is hidden, and the next cursor."""
    while cursor < end and hidden[cursor] < start + ITEMS:
        mask &= ~(_ONE << np.uint64(hidden[cursor] - start))
        cursor += 1
    return mask, cursor


@njit(cache=True, nogil=True)
def inside(items: int) -> np.uint64:
    """Return the mask of a block with so many items left: the last one may end before it is full."""
    return ~np.uint64(0) if items >= ITEMS else (_ONE << np.uint64(items)) - _ONE


@njit(cache=True, nogil=True)
def push(positions: np.ndarray, scores: np.ndarray, position: int, score: np.float32) -> np.float32:
    """Let an item into the top k, a heap whose root is the worst place, if it is better; return the root's score.

    Of equal scores the earlier position is better, in whatever order they come. A NaN never gets in.
    """
    if _worse(scores[0], positions[0], score, np.int32(position)):
        _sift(positions, scores, len(scores), np.int32(position), score)
    return scores[0]


@njit(cache=True, nogil=True)
def _worse(score: np.float32, position: np.int32, other_score: np.float32, other_position: np.int32) -> np.bool:
    return score < other_score or (score == other_score and np.uint32(position) > np.uint32(other_position))


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
    """Empty the top k: every place is missing (position -1, which is behind all others, and score -inf)."""
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
