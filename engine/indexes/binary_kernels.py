"""The searches of `binary`: differing signs counted, or table entries summed, a block at a time.

Users' own signs give whole numbers, which are the scores. A float32 query is a table of 16 sums for each four
dimensions; the scan adds the tables' small integers (`tables`), which bound the scores from above, and candidates are
scored anew from the exact tables.
"""

import numpy as np
from numba import njit

from engine.indexes import cpu
from engine.indexes.blocks import last_block, last_scales
from engine.indexes.bounds import bound
from engine.indexes.half import widen
from engine.indexes.signs import MOST_COUNTED, bound_differing, differing
from engine.indexes.simd import ITEMS, lowest, up_to
from engine.indexes.tables import MOST_ADDED, NIBBLES, add_nibbles, bound_nibbles, shrink
from engine.indexes.topk import begin, excluded_positions, finish, inside, push, visible

TILE = 16
"""Queries that share the reading of a stretch of blocks."""
STRETCH = 16_384
"""Items of such a stretch; whole blocks."""
_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def shared(queries: int, n: int) -> int:
    """Return the items that are read at a time: one query shares with nobody, and a call costs a microsecond."""
    return STRETCH if queries > 1 else max(n, 1)


@njit(cache=True, nogil=True)
def search_codes(
    queries: np.ndarray,
    steps: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    n: int,
    dim: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search packed signs uint8 [B, W] with their steps [B] through rows in blocks."""
    width = queries.shape[1]
    last, scales_behind = last_block(rows, width, 1), last_scales(scales)
    hidden, cursors = excluded_positions(indptr, excluded, n, seed), indptr.copy()
    room = np.empty(ITEMS, np.uint8), np.empty(ITEMS, np.int32), np.empty(ITEMS, np.float32)
    stretch = shared(len(ids), n)
    for first in range(0, len(ids), TILE):
        stop = min(first + TILE, len(ids))
        for b in range(first, stop):
            begin(ids[b], scores[b])
        for start in range(0, n // ITEMS * ITEMS, stretch):
            for b in range(first, stop):
                items = min(stretch, n // ITEMS * ITEMS - start)
                _scan_codes(
                    rows, start, start, items, scales, unit, steps[b], dim, queries[b], room,
                    hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
                )  # fmt: skip
        for b in range(first, stop):
            _scan_codes(
                last, 0, n // ITEMS * ITEMS, n % ITEMS, scales_behind, unit, steps[b], dim, queries[b], room,
                hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
            )  # fmt: skip
            finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _scan_codes(  # type: ignore[no-untyped-def]
    rows, row, place, items, scales, unit, step, dim, query, room, hidden, cursors, b, end, ids, scores
):
    """Look for a query's best among so many items of an array, from its row ``row`` and position ``place`` on."""
    width, cursor, floor = len(query), cursors[b], scores[0]
    counts, totals, bounds = room
    slope, offset, short = np.float32(-2), np.float32(dim), width <= MOST_COUNTED
    by_count, most = short and len(scales) == 0, _most_differing(dim, unit * step, floor)
    for first in range(0, items, ITEMS):
        here = row + first
        at = here * width
        if by_count:
            differing(rows, at, width, query, counts)
            mask = up_to(counts, most) if most >= 0 else np.uint64(0)
        elif short and cpu.HALF:  # rows have scales
            mask = bound_differing(rows, at, width, query, scales, here, slope, offset, unit, step, floor, bounds)
        else:
            count_differing(rows, at, query, counts, totals)
            mask = bound(totals, scales, here, slope, offset, unit, step, floor, bounds)
        mask &= inside(items - first)
        if cursor < end:
            mask, cursor = visible(mask, place + first, hidden, cursor, end)
        while mask:
            i = lowest(mask)
            mask &= mask - _ONE
            score = np.float32(dim - 2 * np.int32(counts[i])) * (unit * step) if by_count else bounds[i]
            if score > floor:
                before, floor = floor, push(ids, scores, place + first + i, score)
                if floor != before:
                    most = _most_differing(dim, unit * step, floor)
    cursors[b] = cursor


@njit(cache=True, nogil=True)
def _most_differing(dim: int, step: np.float32, floor: np.float32) -> int:
    """Return the largest count, up to 255, whose score is above the floor; -1 where there is none."""
    if floor == -np.inf:
        return min(dim, 255)
    if step == 0:
        return min(dim, 255) if floor < 0 else -1
    most = min(max(int(np.ceil((dim - floor / step) / 2)), -1), dim, 255)
    while most >= 0 and not np.float32(dim - 2 * most) * step > floor:
        most -= 1
    return most


@njit(cache=True, nogil=True)
def count_differing(codes: np.ndarray, at: int, query: np.ndarray, counts: np.ndarray, totals: np.ndarray) -> None:
    """Write the differing bits, int32 [64], of rows and queries of any width; counts is room for 64 bytes."""
    differing(codes, at, min(len(query), MOST_COUNTED), query, counts)
    for i in range(ITEMS):
        totals[i] = counts[i]
    for first in range(MOST_COUNTED, len(query), MOST_COUNTED):
        part = query[first : first + MOST_COUNTED]
        differing(codes, at + first * ITEMS, len(part), part, counts)
        for i in range(ITEMS):
            totals[i] += np.int32(counts[i])


@njit(cache=True, nogil=True)
def search_floats(
    queries: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    n: int,
    dim: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D] through rows in blocks."""
    width = -(-dim // 8)
    last, scales_behind = last_block(rows, width, 1), last_scales(scales)
    hidden, cursors = excluded_positions(indptr, excluded, n, seed), indptr.copy()
    tile = min(TILE, len(ids))
    tables, small = np.empty((tile, 2 * width, 16)), np.empty((tile, 2 * width, 16), np.uint8)
    plans = np.empty((tile, 2), np.float32)
    room = np.empty(ITEMS, np.uint16), np.empty(ITEMS, np.int32), np.empty(ITEMS, np.float32)
    stretch = shared(len(ids), n)
    for first in range(0, len(ids), TILE):
        stop = min(first + TILE, len(ids))
        for b in range(first, stop):
            begin(ids[b], scores[b])
            sign_tables(queries[b], tables[b - first])
            shrink(tables[b - first], small[b - first], plans[b - first])
        for start in range(0, n // ITEMS * ITEMS, stretch):
            for b in range(first, stop):
                t, items = b - first, min(stretch, n // ITEMS * ITEMS - start)
                _scan_floats(
                    rows, start, start, items, scales, unit, tables[t], small[t], plans[t], room,
                    hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
                )  # fmt: skip
        for b in range(first, stop):
            t = b - first
            _scan_floats(
                last, 0, n // ITEMS * ITEMS, n % ITEMS, scales_behind, unit, tables[t], small[t], plans[t], room,
                hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
            )  # fmt: skip
            finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _scan_floats(  # type: ignore[no-untyped-def]
    rows, row, place, items, scales, unit, tables, small, plan, room, hidden, cursors, b, end, ids, scores
):
    """Look for a query's best among so many items of an array, from its row ``row`` and position ``place`` on."""
    width, cursor, floor, step = len(small) // 2, cursors[b], scores[0], np.float32(1)
    (part, sums, bounds), slope, offset = room, plan[0], plan[1]
    fused = NIBBLES and width <= MOST_ADDED
    for first in range(0, items, ITEMS):
        here = row + first
        at = here * width
        if not fused:
            sum_nibbles(rows, at, small, part, sums)
            mask = bound(sums, scales, here, slope, offset, unit, step, floor, bounds)
        elif len(scales):
            mask = bound_nibbles(rows, at, width, small, scales, here, slope, offset, unit, step, floor, bounds)
        else:
            mask = bound_nibbles(rows, at, width, small, 0, here, slope, offset, unit, step, floor, bounds)
        mask &= inside(items - first)
        if cursor < end:
            mask, cursor = visible(mask, place + first, hidden, cursor, end)
        while mask:
            i = lowest(mask)
            mask &= mask - _ONE
            score = np.float32(entries(tables, rows, at, width, i))
            score *= unit * widen(scales[here + i]) if len(scales) else unit
            if score > floor:
                floor = push(ids, scores, place + first + i, score)
    cursors[b] = cursor


@njit(cache=True, nogil=True)
def sum_nibbles(codes: np.ndarray, at: int, small: np.ndarray, part: np.ndarray, sums: np.ndarray) -> None:
    """Write the sums, int32 [64], of entries [2W, 16] for rows of any width; part is room for 64 words."""
    width = len(small) // 2
    add_nibbles(codes, at, min(width, MOST_ADDED), small, part)
    for i in range(ITEMS):
        sums[i] = part[i]
    for first in range(MOST_ADDED, width, MOST_ADDED):
        add_nibbles(codes, at + first * ITEMS, min(MOST_ADDED, width - first), small[2 * first :], part)
        for i in range(ITEMS):
            sums[i] += np.int32(part[i])


@njit(cache=True, nogil=True)
def entries(tables: np.ndarray, codes: np.ndarray, at: int, width: int, item: int) -> float:
    """Return the sum of the exact entries, float64 [2W, 16], that an item's nibbles name."""
    low, high, place, row = 0.0, 0.0, np.uint64(at + item), np.uint64(0)  # unsigned: no check of a sign
    for _ in range(width):
        value = codes[place]
        low += tables[row, value & np.uint8(15)]
        high += tables[row + _ONE, value >> np.uint8(4)]
        place, row = place + np.uint64(ITEMS), row + np.uint64(2)
    return low + high


@njit(cache=True, nogil=True)
def sign_tables(query: np.ndarray, tables: np.ndarray) -> None:
    """Write for each four dimensions of a query their sums with the signs of a nibble's bits, float64 [2W, 16]."""
    for t in range(len(tables)):
        table = tables[t]
        table[0] = 0
        for bit in range(4):
            value = float(query[4 * t + bit]) if 4 * t + bit < len(query) else 0.0
            size = 1 << bit
            for entry in range(size):
                table[size + entry] = table[entry] + value
                table[entry] -= value
