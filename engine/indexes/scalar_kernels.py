"""The search of `scalar`: whole blocks by integer products with a query of signed bytes, then candidates exactly.

A code q stands for 2q - M with M = 2^bits - 1, and a score for step · s with s = Σ_j u_j (2 q_j - M). The scan takes
u ≈ δ v with integers v of 8 bits, and what it neglects is at most M Σ_j |u_j - δ v_j|:

    s ≤ 2δ Σ_j v_j q_j - δ M Σ_j v_j + M Σ_j |u_j - δ v_j|

An item whose bound does not reach the k-th best so far cannot be among the best. All others are scored anew, in double
precision: the lists are those of the exact scores. Codes of 4 and 2 bits are integers of 8 bits themselves; nothing is
neglected then, and the scan's numbers are the scores.
"""

import numpy as np
from numba import njit

from engine.indexes.blocks import last_block, last_scales
from engine.indexes.bounds import bound
from engine.indexes.dots import FAST, bound_2, bound_4, bound_8, dots
from engine.indexes.half import widen
from engine.indexes.simd import ITEMS, lowest
from engine.indexes.topk import begin, excluded_positions, finish, inside, push, visible

GROUP = 4
"""Bytes of an item that lie together."""
TILE = 16
"""Queries that share the reading of a stretch of blocks."""
STRETCH = 262_144
"""Bytes of codes that they share: what stays in the second-level cache."""
_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def search(
    floats: np.ndarray,
    packed: np.ndarray,
    steps: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    n: int,
    dim: int,
    bits: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D], or packed ones uint8 [B, W] with steps float32 [B], through rows in blocks."""
    width = -(-dim * bits // 8)
    groups, planes = width // GROUP, 8 // bits
    last = last_block(rows, width, GROUP)
    scales_behind = last_scales(scales)
    stretch = max(1, STRETCH // (ITEMS * max(width, 1))) if len(ids) > 1 else max(n, 1)  # in blocks
    hidden, cursors = excluded_positions(indptr, excluded, n, seed), indptr.copy()
    tile = min(TILE, len(ids))
    levels, query = np.zeros((tile, planes, width)), np.zeros((tile, groups + 1, planes, GROUP), np.int8)
    plans, sums, bounds = np.empty((tile, 3), np.float32), np.empty(ITEMS, np.int32), np.empty(ITEMS, np.float32)
    for first in range(0, len(ids), TILE):
        stop = min(first + TILE, len(ids))
        for b in range(first, stop):
            begin(ids[b], scores[b])
            whole = len(packed) > 0
            if whole:
                _levels(packed[b], dim, bits, levels[b - first])
            else:
                _spread(floats[b], levels[b - first])
            _plan(levels[b - first], bits, whole and bits < 8, query[b - first], plans[b - first])
        for start in range(0, n // ITEMS, stretch):
            for b in range(first, stop):
                t, step = b - first, steps[b] if len(steps) else np.float32(1)
                _scan(
                    rows, start * ITEMS, start * ITEMS, min(stretch, n // ITEMS - start) * ITEMS, scales, unit, step,
                    bits, groups, levels[t], query[t], plans[t], sums, bounds,
                    hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
                )  # fmt: skip
        for b in range(first, stop):
            t, step = b - first, steps[b] if len(steps) else np.float32(1)
            _scan(
                last, 0, n // ITEMS * ITEMS, n % ITEMS, scales_behind, unit, step,
                bits, groups, levels[t], query[t], plans[t], sums, bounds,
                hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
            )  # fmt: skip
            finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _scan(  # type: ignore[no-untyped-def]
    rows, row, place, items, scales, unit, step, bits, groups, levels, query, plan, sums, bounds,
    hidden, cursors, b, end, ids, scores,
):  # fmt: skip
    """Look for a query's best among so many items of an array, from its row ``row`` and position ``place`` on."""
    width, cursor, floor = levels.shape[1], cursors[b], scores[0]
    slope, offset, exact = plan[0], plan[1], plan[2] > 0
    total = ((1 << bits) - 1) * levels.sum()
    fused = FAST and width == GROUP * groups  # one pass where the processor can and no byte is left over
    for first in range(0, items, ITEMS):
        at = (row + first) * width
        here = row + first
        if not fused:
            dots(bits, rows, at, groups, width - GROUP * groups, query, sums)
            mask = bound(sums, scales, here, slope, offset, unit, step, floor, bounds)
        elif len(scales):
            if bits == 8:
                mask = bound_8(rows, at, groups, query, scales, here, slope, offset, unit, step, floor, bounds)
            elif bits == 4:
                mask = bound_4(rows, at, groups, query, scales, here, slope, offset, unit, step, floor, bounds)
            else:
                mask = bound_2(rows, at, groups, query, scales, here, slope, offset, unit, step, floor, bounds)
        elif bits == 8:
            mask = bound_8(rows, at, groups, query, 0, here, slope, offset, unit, step, floor, bounds)
        elif bits == 4:
            mask = bound_4(rows, at, groups, query, 0, here, slope, offset, unit, step, floor, bounds)
        else:
            mask = bound_2(rows, at, groups, query, 0, here, slope, offset, unit, step, floor, bounds)
        mask &= inside(items - first)
        if cursor < end:
            mask, cursor = visible(mask, place + first, hidden, cursor, end)
        while mask:
            i = lowest(mask)
            mask &= mask - _ONE
            score = bounds[i]
            if not exact:
                score = np.float32(2 * _product(levels, bits, rows, at, i, groups) - total)
                score *= (unit * widen(scales[row + first + i])) * step if len(scales) else unit * step
            if score > floor:
                floor = push(ids, scores, place + first + i, score)
    cursors[b] = cursor


@njit(cache=True, nogil=True)
def _levels(packed: np.ndarray, dim: int, bits: int, levels: np.ndarray) -> None:
    """Write the numbers 2q - M, float64 [P, W], of a packed query [W]."""
    width, mask = len(packed), (1 << bits) - 1
    for j in range(dim):
        plane = j // width
        levels[plane, j % width] = 2 * ((packed[j % width] >> (bits * plane)) & mask) - mask


@njit(cache=True, nogil=True)
def _spread(query: np.ndarray, levels: np.ndarray) -> None:
    """Write a float32 query [D] as planes, float64 [P, W]."""
    for j in range(len(query)):
        levels[j // levels.shape[1], j % levels.shape[1]] = query[j]


@njit(cache=True, nogil=True)
def _plan(levels: np.ndarray, bits: int, whole: bool, query: np.ndarray, plan: np.ndarray) -> None:
    """Write a query's signed bytes, and (slope, offset, 1 if exact else 0) of the bounds of the scores in steps."""
    largest, most = 0.0, float((1 << bits) - 1)
    for level in levels.flat:
        largest = max(largest, abs(level))
    delta = 1.0 if whole or largest == 0 else largest / 127
    neglected, total, size = 0.0, 0.0, 0.0
    for plane in range(levels.shape[0]):
        for j in range(levels.shape[1]):
            value = min(127.0, max(-127.0, np.rint(levels[plane, j] / delta)))
            query[j // GROUP, plane, j % GROUP] = np.int8(value)
            neglected += abs(levels[plane, j] - delta * value)
            total += value
            size += abs(value)
    exact = neglected == 0 and delta == 1 and 3 * most * size < 2.0**24  # then float32 rounds nothing
    rounding = 0.0 if exact else 2.0**-20 * delta * most * (3 * size) + 2.0**-10 * most * neglected
    plan[0], plan[1] = 2 * delta, most * (neglected - delta * total) + rounding
    plan[2] = 1 if exact else 0


@njit(cache=True, nogil=True)
def _product(levels: np.ndarray, bits: int, codes: np.ndarray, at: int, item: int, groups: int) -> float:
    """Return Σ_j u_j q_j of one item of a block in double precision."""
    # Four sums, as each addition waits for the one before it. Unsigned places, as signed ones are checked for a sign.
    a, b, c, d, mask = 0.0, 0.0, 0.0, 0.0, np.uint8((1 << bits) - 1)
    start, four = np.uint64(at + item * GROUP), np.uint64(GROUP)
    for plane in range(levels.shape[0]):
        shift, numbers = np.uint8(bits * plane), levels[plane]
        for group in range(groups):
            place, j = start + np.uint64(group * GROUP * ITEMS), np.uint64(group) * four
            a += numbers[j] * float((codes[place] >> shift) & mask)
            b += numbers[j + np.uint64(1)] * float((codes[place + np.uint64(1)] >> shift) & mask)
            c += numbers[j + np.uint64(2)] * float((codes[place + np.uint64(2)] >> shift) & mask)
            d += numbers[j + np.uint64(3)] * float((codes[place + np.uint64(3)] >> shift) & mask)
        for left in range(groups * GROUP, len(numbers)):
            a += numbers[left] * float((codes[at + left * ITEMS + item] >> shift) & mask)
    return a + b + c + d
