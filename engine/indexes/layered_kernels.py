"""The searches of `layered`: each layer's signs as in `binary`, the layers added up with their scales.

What float32 may round away is added to a sum, which so bounds the score from above; candidates are scored anew in
double precision.
"""

import numpy as np
from numba import njit

from engine.indexes import cpu
from engine.indexes.binary_kernels import TILE, count_differing, entries, shared, sign_tables, sum_nibbles
from engine.indexes.blocks import last_block, last_scales
from engine.indexes.bounds import bound
from engine.indexes.half import widen
from engine.indexes.signs import MOST_COUNTED, bound_differing
from engine.indexes.simd import ITEMS, above, lowest, ones
from engine.indexes.tables import MOST_ADDED, NIBBLES, bound_nibbles, shrink
from engine.indexes.topk import begin, excluded_positions, finish, inside, push, visible

_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def search_codes(
    queries: np.ndarray,
    steps: np.ndarray,
    rows: np.ndarray,
    weights: np.ndarray,
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
    """Search packed signs uint8 [B, L, W] with their steps [B, L] through rows in blocks; scales uint16 [L, n]."""
    width, each = queries.shape[1] * queries.shape[2], dim // queries.shape[1]
    last, scales_behind, whole = last_block(rows, width, 1), _last_scales(scales), n // ITEMS * ITEMS
    hidden, cursors = excluded_positions(indptr, excluded, n, seed), indptr.copy()
    room = np.empty(ITEMS, np.uint8), np.empty(ITEMS, np.int32), np.empty(ITEMS, np.float32)
    bounds = np.empty(ITEMS, np.float32)
    stretch = shared(len(ids), n)
    for first in range(0, len(ids), TILE):
        stop = min(first + TILE, len(ids))
        for b in range(first, stop):
            begin(ids[b], scores[b])
        for start in range(0, whole, stretch):
            for b in range(first, stop):
                _scan_codes(
                    rows, start, start, min(stretch, whole - start), weights * steps[b], scales, unit, each,
                    queries[b], room, bounds, hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
                )  # fmt: skip
        for b in range(first, stop):
            _scan_codes(
                last, 0, whole, n - whole, weights * steps[b], scales_behind, unit, each,
                queries[b], room, bounds, hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
            )  # fmt: skip
            finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _scan_codes(  # type: ignore[no-untyped-def]
    rows, row, place, items, steps, scales, unit, dim, query, room, bounds, hidden, cursors, b, end, ids, scores
):
    """Look for a query's best among so many items of an array, from its row ``row`` and position ``place`` on."""
    layers, width = query.shape
    cursor, floor, (counts, totals, part) = cursors[b], scores[0], room
    rounding, one = np.float32(2.0**-20 * dim * np.abs(steps).sum() * unit), np.float32(1)
    for first in range(0, items, ITEMS):
        here = row + first
        bounds[:] = rounding
        for layer in range(layers):
            at = (here * layers + layer * ITEMS) * width
            if width <= MOST_COUNTED and cpu.HALF and scales.shape[1]:
                bound_differing(
                    rows, at, width, query[layer], scales[layer], here,
                    np.float32(-2), np.float32(dim), unit, steps[layer], one, part,
                )  # fmt: skip
            else:
                count_differing(rows, at, query[layer], counts, totals)
                bound(totals, scales[layer], here, np.float32(-2), np.float32(dim), unit, steps[layer], one, part)
            bounds += part
        mask = above(bounds, 0, floor) & inside(items - first)
        if cursor < end:
            mask, cursor = visible(mask, place + first, hidden, cursor, end)
        while mask:
            i = lowest(mask)
            mask &= mask - _ONE
            exact = 0.0
            for layer in range(layers):
                at = (here * layers + layer * ITEMS) * width
                differ = 0
                for j in range(width):
                    differ += ones(rows[at + j * ITEMS + i] ^ query[layer, j])
                scale = unit * widen(scales[layer, here + i]) if scales.shape[1] else unit
                exact += float(dim - 2 * differ) * float(scale * steps[layer])
            score = np.float32(exact)
            if score > floor:
                floor = push(ids, scores, place + first + i, score)
    cursors[b] = cursor


@njit(cache=True, nogil=True)
def _last_scales(scales: np.ndarray) -> np.ndarray:
    """Return a copy of the last block's scales, uint16 [L, 64] or [L, 0]."""
    padded = np.empty((len(scales), ITEMS if scales.shape[1] else 0), np.uint16)
    for layer in range(len(scales)):
        padded[layer] = last_scales(scales[layer])
    return padded


@njit(cache=True, nogil=True)
def search_floats(
    queries: np.ndarray,
    rows: np.ndarray,
    weights: np.ndarray,
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
    """Search float32 queries [B, L * d] through rows in blocks; scales uint16 [L, n]."""
    layers = len(weights)
    each, whole = dim // layers, n // ITEMS * ITEMS
    width = -(-each // 8)
    last, scales_behind = last_block(rows, layers * width, 1), _last_scales(scales)
    hidden, cursors = excluded_positions(indptr, excluded, n, seed), indptr.copy()
    tile = min(TILE, len(ids))
    tables, small = np.empty((tile, layers, 2 * width, 16)), np.empty((tile, layers, 2 * width, 16), np.uint8)
    plans = np.empty((tile, layers, 2), np.float32)
    room = np.empty(ITEMS, np.uint16), np.empty(ITEMS, np.int32), np.empty(ITEMS, np.float32)
    bounds = np.empty(ITEMS, np.float32)
    stretch = shared(len(ids), n)
    for first in range(0, len(ids), TILE):
        stop = min(first + TILE, len(ids))
        for b in range(first, stop):
            begin(ids[b], scores[b])
            for layer in range(layers):
                sign_tables(queries[b][layer * each : (layer + 1) * each], tables[b - first, layer])
                tables[b - first, layer] *= float(weights[layer])
                shrink(tables[b - first, layer], small[b - first, layer], plans[b - first, layer])
        for start in range(0, whole, stretch):
            for b in range(first, stop):
                t = b - first
                _scan_floats(
                    rows, start, start, min(stretch, whole - start), scales, unit, tables[t], small[t], plans[t],
                    room, bounds, hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
                )  # fmt: skip
        for b in range(first, stop):
            t = b - first
            _scan_floats(
                last, 0, whole, n - whole, scales_behind, unit, tables[t], small[t], plans[t],
                room, bounds, hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
            )  # fmt: skip
            finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _scan_floats(  # type: ignore[no-untyped-def]
    rows, row, place, items, scales, unit, tables, small, plans, room, bounds, hidden, cursors, b, end, ids, scores
):
    """Look for a query's best among so many items of an array, from its row ``row`` and position ``place`` on."""
    layers, width = tables.shape[0], tables.shape[1] // 2
    cursor, floor, (words, sums, part), one = cursors[b], scores[0], room, np.float32(1)
    fused = NIBBLES and width <= MOST_ADDED and scales.shape[1] > 0
    for first in range(0, items, ITEMS):
        here = row + first
        bounds[:] = 0
        for layer in range(layers):
            at, slope, offset = (here * layers + layer * ITEMS) * width, plans[layer, 0], plans[layer, 1]
            if fused:
                bound_nibbles(rows, at, width, small[layer], scales[layer], here, slope, offset, unit, one, one, part)
            else:
                sum_nibbles(rows, at, small[layer], words, sums)
                bound(sums, scales[layer], here, slope, offset, unit, one, one, part)
            bounds += part
        mask = above(bounds, 0, floor) & inside(items - first)
        if cursor < end:
            mask, cursor = visible(mask, place + first, hidden, cursor, end)
        while mask:
            i = lowest(mask)
            mask &= mask - _ONE
            exact = 0.0
            for layer in range(layers):
                at = (here * layers + layer * ITEMS) * width
                scale = unit * widen(scales[layer, here + i]) if scales.shape[1] else unit
                exact += entries(tables[layer], rows, at, width, i) * float(scale)
            score = np.float32(exact)
            if score > floor:
                floor = push(ids, scores, place + first + i, score)
    cursors[b] = cursor
