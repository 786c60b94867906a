"""Integers of 8, 4 or 2 bits, packed into bytes row after row, with one float16 scale an item or none.

The bytes of a row are planes: with P = 8 / bits dimensions a byte and W = ceil(D / P) bytes a row, byte j holds the
dimensions j, j + W, j + 2W …, the first in its lowest bits. So a kernel reads bytes and query side by side and
vectorises; nothing is ever unpacked to memory. A code q stands for 2q - M with M = 2^bits - 1; sums run over q alone,
and the rest is the query's own sum:

    sum_j u_j (2 q_j - M) = 2 sum_j u_j q_j - M sum_j u_j
"""

from typing import Any, Self

import numpy as np
from numba import njit

from engine.codes import Codes, ScalarCodes, check_scales
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, own_codes, stored_order
from engine.indexes.half import rescale
from engine.indexes.packed import Form, Packed, plain
from engine.indexes.topk import BLOCK, begin, excluded_positions, finish, hide, offer

WIDTHS = (8, 4, 2)
MAX_DIM = 32_768
"""255 * 255 * MAX_DIM < 2^31: integer sums cannot overflow."""


class ScalarIndex(Index):
    """Every item's integers in packed bytes; float32 queries, or users' own integers."""

    layout = "scalar"

    def __init__(
        self, rows: np.ndarray, dim: int, bits: int, row_scale: np.ndarray | None, unit: float, seed: int
    ) -> None:
        """Take rows uint8 [n, W] and row_scale float16 [n] (or None) in stored order."""
        if dim > MAX_DIM:
            raise FewbitsError(f"scalar index: got {dim} dimensions, expected at most {MAX_DIM}")
        self.rows, self.dim, self.bits = plain(rows), dim, bits
        self.row_scale = None if row_scale is None else plain(row_scale)
        self._unit, self.n, self.seed = float(unit), len(rows), checked_seed(len(rows), seed)
        self._scales = np.empty(0, np.uint16) if self.row_scale is None else self.row_scale.view(np.uint16)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are ScalarCodes of 8, 4 or 2 bits."""
        return isinstance(codes, ScalarCodes) and codes.bits in WIDTHS

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these ScalarCodes."""
        if not isinstance(codes, ScalarCodes) or codes.bits not in WIDTHS:
            raise FewbitsError(
                f"scalar index: got {type(codes).__name__} of {codes.bits} bits, expected ScalarCodes of {WIDTHS}"
            )
        codes = codes.rows(stored_order(codes.n, seed))
        return cls(pack(codes.q, codes.bits), codes.dim, codes.bits, codes.row_scale, codes.unit, seed)

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' integers, of the items' own bits, packed like the items."""
        own_codes(self, codes)
        assert isinstance(codes, ScalarCodes)
        return Packed(self.layout, self.dim, self.bits, pack(codes.q, codes.bits), codes.steps())

    @property
    def unit(self) -> float:
        """Return the unit of the steps."""
        return self._unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return rows uint8 [n, W] and, where there is one, row_scale float16 [n]."""
        return {"rows": self.rows} if self.row_scale is None else {"rows": self.rows, "row_scale": self.row_scale}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these rows and scales."""
        n, dim, bits, rows = int(meta["n"]), int(meta["dim"]), int(meta["bits"]), arrays["rows"]
        if bits not in WIDTHS or rows.dtype != np.uint8 or rows.shape != (n, row_bytes(dim, bits)):
            raise FewbitsError(
                f"scalar index: got {rows.dtype} {list(rows.shape)}, expected uint8 for {n} items, {dim} x {bits} bits"
            )
        check_scales(arrays.get("row_scale"), float(meta["unit"]), n)
        return cls(rows, dim, bits, arrays.get("row_scale"), float(meta["unit"]), int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        return {"values": (np.uint8, (len(queries), self.rows.shape[1])), "steps": (np.float32, (len(queries),))}

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        _search_floats(queries, self.rows, self._scales, np.float32(self._unit), self.bits, self.seed, *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        items = (self.rows, self._scales, np.float32(self._unit), self.dim, self.bits, self.seed)
        _search_codes(queries.values, queries.steps, *items, *rest)


def row_bytes(dim: int, bits: int) -> int:
    """Return W, the bytes of a packed row."""
    return -(-dim * bits // 8)


def pack(q: np.ndarray, bits: int) -> np.ndarray:
    """Return integers uint8 [n, D] below 2^bits as planes uint8 [n, W]; the places behind the last dimension are 0."""
    width = row_bytes(q.shape[1], bits)
    packed = np.zeros((len(q), width), np.uint8)
    for plane in range(8 // bits):
        part = q[:, plane * width : (plane + 1) * width]
        packed[:, : part.shape[1]] |= part << np.uint8(plane * bits)
    return packed


def unpack(rows: np.ndarray, dim: int, bits: int) -> np.ndarray:
    """Return the integers uint8 [n, D] of packed rows."""
    mask = np.uint8((1 << bits) - 1)
    return np.concatenate([(rows >> np.uint8(s)) & mask for s in range(0, 8, bits)], axis=1)[:, :dim]


@njit(cache=True, nogil=True)
def _search_floats(
    queries: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    bits: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D] through packed rows [n, W]."""
    n, dim = len(rows), queries.shape[1]
    buffer = np.empty(BLOCK, np.float32)
    padded = np.zeros((8 // bits, rows.shape[1]), np.float32)
    for b in range(len(queries)):
        for j in range(dim):
            padded[j // rows.shape[1], j % rows.shape[1]] = queries[b, j]
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            _dots_float(padded, rows[start:stop], bits, buffer)
            rescale(buffer, scales, start, stop, unit, np.float32(1))
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _search_codes(
    queries: np.ndarray,
    steps: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    dim: int,
    bits: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search packed queries [B, W] with their steps [B] through packed rows [n, W]."""
    n, width, mask = len(rows), rows.shape[1], (1 << bits) - 1
    buffer = np.empty(BLOCK, np.float32)
    levels = np.zeros((8 // bits, width), np.int16)
    for b in range(len(queries)):
        for j in range(dim):
            plane = j // width
            levels[plane, j % width] = 2 * ((queries[b, j % width] >> (bits * plane)) & mask) - mask
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            _dots_integer(levels, rows[start:stop], bits, buffer)
            rescale(buffer, scales, start, stop, unit, steps[b])
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dots_float(query: np.ndarray, rows: np.ndarray, bits: int, buffer: np.ndarray) -> None:
    """Write the inner products of a query, float32 [P, W], with the levels 2q - M of packed rows [m, W]."""
    width = rows.shape[1]
    offset = np.float32((1 << bits) - 1) * query.sum()
    for i in range(len(rows)):
        row = rows[i]
        total = np.float32(0)
        if bits == 8:
            for j in range(width):
                total += query[0, j] * np.float32(row[j])
        elif bits == 4:
            for j in range(width):
                byte = row[j]
                total += query[0, j] * np.float32(byte & np.uint8(15)) + query[1, j] * np.float32(byte >> np.uint8(4))
        else:
            for j in range(width):
                byte = row[j]
                total += query[0, j] * np.float32(byte & np.uint8(3))
                total += query[1, j] * np.float32((byte >> np.uint8(2)) & np.uint8(3))
                total += query[2, j] * np.float32((byte >> np.uint8(4)) & np.uint8(3))
                total += query[3, j] * np.float32(byte >> np.uint8(6))
        buffer[i] = np.float32(2) * total - offset


@njit(cache=True, nogil=True)
def _dots_integer(query: np.ndarray, rows: np.ndarray, bits: int, buffer: np.ndarray) -> None:
    """Write the exact inner products of a query's levels, int16 [P, W], with those of packed rows [m, W]."""
    width = rows.shape[1]
    offset = ((1 << bits) - 1) * query.sum()
    for i in range(len(rows)):
        row = rows[i]
        total = np.int32(0)  # cast back at each step: numba would add in 64 bits, at half the speed
        if bits == 8:
            for j in range(width):
                total = np.int32(total + query[0, j] * np.int32(row[j]))
        elif bits == 4:
            for j in range(width):
                byte = np.int32(row[j])
                total = np.int32(total + query[0, j] * (byte & 15) + query[1, j] * (byte >> 4))
        else:
            for j in range(width):
                byte = np.int32(row[j])
                total = np.int32(total + query[0, j] * (byte & 3) + query[1, j] * ((byte >> 2) & 3))
                total = np.int32(total + query[2, j] * ((byte >> 4) & 3) + query[3, j] * (byte >> 6))
        buffer[i] = np.float32(2 * np.int64(total) - offset)
