"""The kernels of `product`: tables of a query, their small integers summed over blocks, and candidates scored exactly.

Sums of the tables' small integers (`tables`) bound the scores from above; an item whose bound reaches the k-th best so
far is scored anew from the exact tables. Codes of 4 bits are looked up as nibbles; those of other widths as bytes, into
which a block is unpacked first, in the first-level cache.
"""

import numpy as np
from numba import njit

from engine.indexes.binary_kernels import TILE, entries, shared, sum_nibbles
from engine.indexes.blocks import last_block, last_scales
from engine.indexes.bounds import bound
from engine.indexes.groups import hidden_rows, position_at, tails_before
from engine.indexes.half import widen
from engine.indexes.simd import ITEMS, lowest
from engine.indexes.tables import BYTES, MOST_ADDED, NIBBLES, add_bytes, bound_bytes, bound_nibbles, shrink
from engine.indexes.topk import begin, excluded_positions, finish, inside, push, visible

_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def search(
    queries: np.ndarray,
    rows: np.ndarray,
    book: np.ndarray,
    bits: int,
    count: int,
    tail_rows: np.ndarray,
    tail_book: np.ndarray,
    tail_bits: int,
    tail_count: int,
    flags: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D] through ``count`` rows of a head and, where there are flags, as many of a tail.

    Books are float32 [M, w, K]; an empty tail book means the head's first 2^tail_bits.
    """
    n = count + tail_count
    hidden = excluded_positions(indptr, excluded, n, seed)
    for b in range(len(ids)):
        begin(ids[b], scores[b])
    if tail_bits == 0:
        _search_group(
            queries, rows, book, bits, count, scales, unit, flags, flags, False, hidden, indptr, ids, scores
        )  # fmt: skip
    else:
        counts = tails_before(flags, n)
        for tail in (False, True):
            starts, hidden_here = hidden_rows(flags, counts, hidden, indptr, tail)
            if tail:
                own = tail_book if len(tail_book) else book[:, :, : 1 << tail_bits].copy()
                _search_group(
                    queries, tail_rows, own, tail_bits, tail_count, scales[min(count, len(scales)) :], unit,
                    flags, counts, tail, hidden_here, starts, ids, scores,
                )  # fmt: skip
            else:
                _search_group(
                    queries, rows, book, bits, count, scales[: min(count, len(scales))], unit,
                    flags, counts, tail, hidden_here, starts, ids, scores,
                )  # fmt: skip
    for b in range(len(ids)):
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _search_group(  # type: ignore[no-untyped-def]
    queries, rows, book, bits, count, scales, unit, flags, counts, tail, hidden, indptr, ids, scores
):
    """Let the rows of a group into the top k of each query."""
    width, whole = -(-len(book) * bits // 8), count // ITEMS * ITEMS
    last, scales_behind, cursors = last_block(rows, width, 1), last_scales(scales), indptr.copy()
    tile = min(TILE, len(ids))
    many = 2 * width if bits == 4 else len(book)  # nibbles come in pairs
    tables = np.zeros((tile, many, 1 << bits))
    small = np.zeros((tile, many, 16 if bits == 4 else 256), np.uint8)
    plans = np.empty((tile, 2), np.float32)
    room = np.empty(ITEMS, np.uint16), np.empty(ITEMS, np.int32), np.empty(ITEMS, np.float32)
    unpacked = np.empty(0 if bits in (4, 8) else ITEMS * len(book), np.uint8)
    stretch = shared(len(ids), count)
    for first in range(0, len(ids), TILE):
        stop = min(first + TILE, len(ids))
        for b in range(first, stop):
            _fill(tables[b - first], queries[b], book)
            shrink(tables[b - first], small[b - first], plans[b - first])
        for start in range(0, whole, stretch):
            for b in range(first, stop):
                t = b - first
                _scan(
                    rows, start, start, min(stretch, whole - start), width, bits, len(book), scales, unit, tables[t],
                    small[t], plans[t], unpacked, room, flags, counts, tail,
                    hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
                )  # fmt: skip
        for b in range(first, stop):
            t = b - first
            _scan(
                last, 0, whole, count - whole, width, bits, len(book), scales_behind, unit, tables[t],
                small[t], plans[t], unpacked, room, flags, counts, tail,
                hidden, cursors, b, indptr[b + 1], ids[b], scores[b],
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _scan(  # type: ignore[no-untyped-def]
    rows, row, place, items, width, bits, subspaces, scales, unit, tables, small, plan, unpacked, room,
    flags, counts, tail, hidden, cursors, b, end, ids, scores,
):  # fmt: skip
    """Look for a query's best among so many items of an array, from its row ``row`` and number ``place`` on."""
    cursor, step, (part, sums, bounds) = cursors[b], np.float32(1), room
    slope, offset, grouped, floor = plan[0], plan[1], len(flags) > 0, scores[0]
    # an equal score of the second group may stand before one of the first, so it is looked at
    limit = np.nextafter(floor, np.float32(-np.inf)) if grouped else floor
    few = len(small) <= MOST_ADDED
    for first in range(0, items, ITEMS):
        here = row + first
        at = here * width
        if bits == 4 and NIBBLES and few and len(scales):
            mask = bound_nibbles(rows, at, width, small, scales, here, slope, offset, unit, step, limit, bounds)
        elif bits == 4 and NIBBLES and few:
            mask = bound_nibbles(rows, at, width, small, 0, here, slope, offset, unit, step, limit, bounds)
        elif bits == 8 and BYTES and few and len(scales):
            mask = bound_bytes(rows, at, width, small, scales, here, slope, offset, unit, step, limit, bounds)
        elif bits == 8 and BYTES and few:
            mask = bound_bytes(rows, at, width, small, 0, here, slope, offset, unit, step, limit, bounds)
        else:
            if bits == 4:
                sum_nibbles(rows, at, small, part, sums)
            elif bits == 8:
                sum_bytes(rows, at, small, part, sums)
            else:
                _unpack(rows, at, width, bits, subspaces, unpacked)
                sum_bytes(unpacked, 0, small, part, sums)
            mask = bound(sums, scales, here, slope, offset, unit, step, limit, bounds)
        mask &= inside(items - first)
        if cursor < end:
            mask, cursor = visible(mask, place + first, hidden, cursor, end)
        while mask:
            i = lowest(mask)
            mask &= mask - _ONE
            score = np.float32(_entries(tables, rows, at, width, bits, subspaces, i))
            score *= unit * widen(scales[here + i]) if len(scales) else unit
            if score > limit:
                number = place + first + i
                floor = push(ids, scores, position_at(flags, counts, number, tail) if grouped else number, score)
                limit = np.nextafter(floor, np.float32(-np.inf)) if grouped else floor
    cursors[b] = cursor


@njit(cache=True, nogil=True)
def sum_bytes(codes: np.ndarray, at: int, small: np.ndarray, part: np.ndarray, sums: np.ndarray) -> None:
    """Write the sums, int32 [64], of entries [M, 256] for any M; part is room for 64 words."""
    add_bytes(codes, at, min(len(small), MOST_ADDED), small, part)
    for i in range(ITEMS):
        sums[i] = part[i]
    for first in range(MOST_ADDED, len(small), MOST_ADDED):
        add_bytes(codes, at + first * ITEMS, min(MOST_ADDED, len(small) - first), small[first:], part)
        for i in range(ITEMS):
            sums[i] += np.int32(part[i])


@njit(cache=True, nogil=True)
def _fill(tables: np.ndarray, query: np.ndarray, book: np.ndarray) -> None:
    """Write the inner products of a query [D] with the centroids of a book; entries behind K are the first one's, so
    that they widen no table.
    """
    subspaces, width, size = book.shape
    for j in range(subspaces):
        table = tables[j]
        table[:] = 0
        for i in range(width):
            value, coordinates = float(query[j * width + i]), book[j, i]
            for c in range(size):
                table[c] += value * coordinates[c]
        table[size:] = table[0]


@njit(cache=True, nogil=True)
def _unpack(codes: np.ndarray, at: int, width: int, bits: int, subspaces: int, out: np.ndarray) -> None:
    """Write the codes of a block as bytes, plane after plane."""
    mask = np.uint16((1 << bits) - 1)
    for j in range(subspaces):
        byte, shift = j * bits // 8, np.uint16(j * bits % 8)
        low = codes[at + byte * ITEMS : at + (byte + 1) * ITEMS]
        after = min(byte + 1, width - 1)  # the last code may end with the row
        high = codes[at + after * ITEMS : at + (after + 1) * ITEMS]
        for i in range(ITEMS):
            two = np.uint16(low[i]) | np.uint16(np.uint16(high[i]) << np.uint16(8))
            out[j * ITEMS + i] = np.uint8((two >> shift) & mask)


@njit(cache=True, nogil=True)
def _entries(tables: np.ndarray, codes: np.ndarray, at: int, width: int, bits: int, subspaces: int, item: int) -> float:
    """Return the sum of the exact entries, float64 [M, 2^bits], that an item's codes name."""
    if bits == 4:
        return entries(tables, codes, at, width, item)
    mask, total, start = np.uint64((1 << bits) - 1), 0.0, np.uint64(at + item)  # unsigned: no check of a sign
    for j in range(subspaces):
        byte, shift = np.uint64(j * bits // 8), np.uint64(j * bits % 8)
        two = np.uint64(codes[start + byte * np.uint64(ITEMS)])
        if bits < 8 and shift + np.uint64(bits) > np.uint64(8):
            two |= np.uint64(codes[start + (byte + _ONE) * np.uint64(ITEMS)]) << np.uint64(8)
        total += tables[np.uint64(j), (two >> shift) & mask]
    return total


@njit(cache=True, nogil=True)
def _code(row: np.ndarray, j: int, bits: int) -> np.uint64:
    """Return code j of a packed row, of any bits."""
    place = np.uint64(j * bits)
    byte = place >> np.uint64(3)
    after = min(byte + np.uint64(1), np.uint64(len(row) - 1))  # the last code may end with the row
    two = np.uint64(row[byte]) | np.uint64(row[after]) << np.uint64(8)
    return (two >> (place & np.uint64(7))) & np.uint64((1 << bits) - 1)


@njit(cache=True, nogil=True)
def decode(values: np.ndarray, steps: np.ndarray, book: np.ndarray, tail_book: np.ndarray, vectors: np.ndarray) -> bool:
    """Write the vectors float32 [B, D] of packed queries; return whether each code has a centroid.

    Where there is a tail book, the last byte of a row says whether it is the row's.
    """
    for b in range(len(values)):
        own = tail_book if len(tail_book) and values[b, -1] else book
        subspaces, width, size = own.shape
        bits = 0
        while 1 << bits < size:
            bits += 1
        step = steps[b] if len(steps) else np.float32(1)
        for j in range(subspaces):
            code = _code(values[b], j, bits)
            if code >= np.uint64(size):
                return False
            for i in range(width):
                vectors[b, j * width + i] = own[j, i, code] * step
    return True
