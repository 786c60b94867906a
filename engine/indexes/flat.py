"""Float vectors, 32 or 16 bits a dimension, row after row: the exact search that the others are compared with.

Half-precision numbers stay so in memory; the kernel widens them in registers.
"""

from typing import Any, Self

import numpy as np
from numba import njit

from engine.codes import Codes, FloatCodes
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, item_order, own_codes, stored_order
from engine.indexes.half import widen
from engine.indexes.packed import Form, Packed, plain, resident
from engine.indexes.simd import ITEMS, LINE, above, ask, lowest
from engine.indexes.topk import begin, excluded_positions, finish, push, visible

NO_STEPS = np.empty(0, np.float32)
TILE, STRETCH = 16, 1024
"""Queries that share the reading of so many rows, which stay in the second-level cache."""
_ONE = np.uint64(1)


class FlatIndex(Index):
    """Every item's vector as it is; float32 queries, or users' own float16."""

    layout = "flat"

    def __init__(self, values: np.ndarray, seed: int) -> None:
        """Take float32 or float16 [n, D] in stored order."""
        self.values = resident(values)
        self.n, self.dim = values.shape
        self.bits = 8 * values.itemsize
        self.seed = checked_seed(self.n, seed)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are FloatCodes."""
        return isinstance(codes, FloatCodes)

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these FloatCodes."""
        if not isinstance(codes, FloatCodes):
            raise FewbitsError(f"flat index: got {type(codes).__name__}, expected FloatCodes")
        return cls(codes.values[stored_order(codes.n, seed)], seed)

    def codes(self) -> FloatCodes:
        """Return the items' vectors; row i is item i."""
        return FloatCodes(self.values[item_order(self.n, self.seed)])

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' vectors, of the items' own precision, as queries."""
        own_codes(self, codes)
        assert isinstance(codes, FloatCodes)
        return Packed(self.layout, self.dim, self.bits, plain(codes.values), NO_STEPS)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return values, float32 or float16 [n, D]."""
        return {"values": self.values}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these values."""
        values, shape = arrays["values"], (int(meta["n"]), int(meta["dim"]))
        dtype = {"32": np.float32, "16": np.float16}.get(meta["bits"])
        if values.dtype != dtype or values.shape != shape:
            raise FewbitsError(
                f"flat index: got {values.dtype} {list(values.shape)}, expected {meta['bits']} bits {shape}"
            )
        return cls(values, int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        dtype = np.float32 if self.bits == 32 else np.float16
        return {"values": (dtype, (len(queries), self.dim)), "steps": (np.float32, (0,))}

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        rows = self.values if self.bits == 32 else self.values.view(np.uint16)
        _search(queries, rows, self.seed, *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        self._search_float(queries.values.astype(np.float32, copy=False), *rest)


@njit(cache=True, nogil=True)
def _search(
    queries: np.ndarray,
    rows: np.ndarray,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D] through rows [n, D], float32 or half precision as uint16."""
    n, found = len(rows), np.empty(STRETCH, np.float32)
    hidden, cursors = excluded_positions(indptr, excluded, n, seed), indptr.copy()
    for first in range(0, len(queries), TILE):
        stop = min(first + TILE, len(queries))
        for b in range(first, stop):
            begin(ids[b], scores[b])
        for start in range(0, n, STRETCH):
            for b in range(first, stop):
                end = min(start + STRETCH, n)
                _scan(start, end, queries[b], rows, found, hidden, cursors, b, indptr[b + 1], ids[b], scores[b])
        for b in range(first, stop):
            finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _scan(start, stop, query, rows, found, hidden, cursors, b, end, ids, scores):  # type: ignore[no-untyped-def]
    """Look for a query's best items from one position to another, at most STRETCH behind it."""
    cursor, floor = cursors[b], scores[0]
    dots(query, rows[start:stop], found)
    found[stop - start :] = -np.inf
    for place in range(start, stop, ITEMS):
        mask = above(found, place - start, floor)
        if cursor < end:
            mask, cursor = visible(mask, place, hidden, cursor, end)
        while mask:
            i = place - start + lowest(mask)
            mask &= mask - _ONE
            if found[i] > floor:
                floor = push(ids, scores, start + i, found[i])
    cursors[b] = cursor


# The order of the sums is free, so that they vectorise; NaN and infinity keep their meaning.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def dots(query: np.ndarray, rows: np.ndarray, buffer: np.ndarray) -> None:
    """Write the inner products of one query [D] with rows [m, D]."""
    size = len(query) * rows.itemsize
    for i in range(len(rows)):
        row = rows[i]
        for byte in range(0, size, LINE):
            ask(rows, i * size + byte)
        total = np.float32(0)
        for j in range(len(query)):
            total += query[j] * widen(row[j])
        buffer[i] = total
