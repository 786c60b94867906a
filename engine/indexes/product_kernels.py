"""The kernels of `product`: tables of a query, their look-up, and the two groups of rows put back into stored order."""

import numpy as np
from numba import njit

from engine.indexes.binary import WORD, _popcount
from engine.indexes.half import rescale
from engine.indexes.topk import BLOCK, begin, excluded_positions, finish, hide, offer

_6, _8, _12, _16, _18, _63 = (np.uint32(number) for number in (6, 8, 12, 16, 18, 63))


@njit(cache=True, nogil=True)
def search(
    queries: np.ndarray,
    rows: np.ndarray,
    book: np.ndarray,
    bits: int,
    tail_rows: np.ndarray,
    tail_book: np.ndarray,
    tail_bits: int,
    flags: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D] through packed rows of a head [m, W] and, where there are flags, of a tail.

    Books are float32 [M, w, K]; an empty tail book means the head's.
    """
    n = len(rows) + len(tail_rows)
    buffer, parts = np.empty(BLOCK, np.float32), np.empty((2, BLOCK), np.float32)
    tables = np.zeros((len(book), 1 << bits), np.float32)
    tail_tables = np.zeros((len(tail_book), 1 << tail_bits), np.float32) if len(tail_book) else tables
    for b in range(len(queries)):
        _fill(tables, queries[b], book)
        if len(tail_book):
            _fill(tail_tables, queries[b], tail_book)
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        tails = 0  # rows of the tail before this block
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            if len(flags) == 0:
                _look_up(tables, rows[start:stop], bits, buffer)
            else:
                more = tails + _count(flags, start, stop)
                _look_up(tables, rows[start - tails : stop - more], bits, parts[0])
                _look_up(tail_tables, tail_rows[tails:more], tail_bits, parts[1])
                _merge(parts, flags, start, stop, buffer)
                tails = more
            rescale(buffer, scales, start, stop, unit, np.float32(1))
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _fill(tables: np.ndarray, query: np.ndarray, book: np.ndarray) -> None:
    """Write the inner products of a query [D] with the centroids of a book; entries behind K are 0."""
    subspaces, width, size = book.shape
    for j in range(subspaces):
        table = tables[j]
        table[:] = 0
        for i in range(width):
            value, coordinates = query[j * width + i], book[j, i]
            for c in range(size):
                table[c] += value * coordinates[c]


@njit(cache=True, nogil=True)
def _look_up(tables: np.ndarray, rows: np.ndarray, bits: int, buffer: np.ndarray) -> None:
    """Write the sums of the entries [M, 2^bits or more] that packed rows [m, W] name."""
    subspaces = len(tables)
    together = 1 if bits == 8 else 2 if bits == 4 else 4 if bits == 6 else subspaces + 1  # codes in whole bytes
    done = subspaces // together * together
    for i in range(len(rows)):
        row, total = rows[i], np.float32(0)
        if bits == 8:
            for j in range(subspaces):
                total += tables[j, row[j]]
        elif bits == 4:
            for j in range(subspaces // 2):  # masks of the byte's own type: a signed index costs a check of its sign
                total += tables[2 * j, row[j] & np.uint8(15)] + tables[2 * j + 1, row[j] >> np.uint8(4)]
        elif bits == 6:
            for j in range(subspaces // 4):
                four = np.uint32(row[3 * j]) | np.uint32(row[3 * j + 1]) << _8 | np.uint32(row[3 * j + 2]) << _16
                total += tables[4 * j, four & _63] + tables[4 * j + 1, (four >> _6) & _63]
                total += tables[4 * j + 2, (four >> _12) & _63] + tables[4 * j + 3, four >> _18]
        for j in range(done, subspaces):
            total += tables[j, _code(row, j, bits)]
        buffer[i] = total


@njit(cache=True, nogil=True)
def _code(row: np.ndarray, j: int, bits: int) -> np.uint64:
    """Return code j of a packed row, of any bits."""
    place = np.uint64(j * bits)
    byte = place >> np.uint64(3)
    after = min(byte + np.uint64(1), np.uint64(len(row) - 1))  # the last code may end with the row
    two = np.uint64(row[byte]) | np.uint64(row[after]) << np.uint64(8)
    return (two >> (place & np.uint64(7))) & np.uint64((1 << bits) - 1)


@njit(cache=True, nogil=True)
def _count(flags: np.ndarray, start: int, stop: int) -> np.int64:
    """Return the number of tail rows at positions start … stop - 1; bits behind the last position are 0."""
    count = np.int64(0)
    for w in range(start // WORD, -(-stop // WORD)):
        count += np.int64(_popcount(flags[w]))
    return count


@njit(cache=True, nogil=True)
def _merge(parts: np.ndarray, flags: np.ndarray, start: int, stop: int, buffer: np.ndarray) -> None:
    """Write the scores of head (parts[0]) and tail (parts[1]) in stored order."""
    tails = np.int64(0)
    for i in range(stop - start):
        word = flags[(start + i) // WORD]
        tail = np.int64((word >> np.uint64((start + i) % WORD)) & np.uint64(1))
        buffer[i] = parts[tail, tails if tail else i - tails]
        tails += tail


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
