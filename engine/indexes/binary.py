"""One bit a dimension in 64-bit words, with one float16 scale an item or none; bit 1 stands for +1 and bit 0 for -1.

Dimension d is bit d mod 64 of word d div 64, and the bits behind the last dimension are 0. Word w of all items lies
together (planes [W, n]), so a kernel reads one word of many items at once and vectorises at any width.
"""

from typing import Any, Self

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from engine.codes import Codes, ScalarCodes, check_scales
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, own_codes, stored_order
from engine.indexes.half import rescale
from engine.indexes.packed import Form, Packed, plain
from engine.indexes.topk import BLOCK, begin, excluded_positions, finish, hide, offer

WORD = 64


class BinaryIndex(Index):
    """Every item's signs in words; float32 queries by table look-up, users' own signs by xor and bit count."""

    layout = "binary"

    def __init__(self, planes: np.ndarray, dim: int, row_scale: np.ndarray | None, unit: float, seed: int) -> None:
        """Take planes uint64 [W, n] and row_scale float16 [n] (or None) in stored order."""
        self.planes, self.dim, self.bits = plain(planes), dim, 1
        self.row_scale = None if row_scale is None else plain(row_scale)
        self._unit, self.n = float(unit), planes.shape[1]
        self.seed = checked_seed(self.n, seed)
        self._scales = np.empty(0, np.uint16) if self.row_scale is None else self.row_scale.view(np.uint16)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are ScalarCodes of 1 bit."""
        return isinstance(codes, ScalarCodes) and codes.bits == 1

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these ScalarCodes."""
        if not isinstance(codes, ScalarCodes) or codes.bits != 1:
            raise FewbitsError(
                f"binary index: got {type(codes).__name__} of {codes.bits} bits, expected ScalarCodes of 1 bit"
            )
        codes = codes.rows(stored_order(codes.n, seed))
        return cls(np.ascontiguousarray(pack(codes.q).T), codes.dim, codes.row_scale, codes.unit, seed)

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' signs as words uint64 [B, W]."""
        own_codes(self, codes)
        assert isinstance(codes, ScalarCodes)
        return Packed(self.layout, self.dim, 1, pack(codes.q), codes.steps())

    @property
    def unit(self) -> float:
        """Return the unit of the steps."""
        return self._unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return planes uint64 [W, n] and, where there is one, row_scale float16 [n]."""
        return (
            {"planes": self.planes} if self.row_scale is None else {"planes": self.planes, "row_scale": self.row_scale}
        )

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these planes and scales."""
        n, dim, planes = int(meta["n"]), int(meta["dim"]), arrays["planes"]
        if meta["bits"] != "1" or planes.dtype != np.uint64 or planes.shape != (words(dim), n):
            raise FewbitsError(
                f"binary index: got {planes.dtype} {list(planes.shape)}, expected uint64 {[words(dim), n]}"
            )
        if dim % WORD and (planes[-1] >> np.uint64(dim % WORD)).any():
            raise FewbitsError(f"binary index: got bits behind dimension {dim}, expected zeros there")
        check_scales(arrays.get("row_scale"), float(meta["unit"]), n)
        return cls(planes, dim, arrays.get("row_scale"), float(meta["unit"]), int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        return {"values": (np.uint64, (len(queries), len(self.planes))), "steps": (np.float32, (len(queries),))}

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        _search_floats(queries, self.planes, self._scales, np.float32(self._unit), self.seed, *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        items = (self.planes, self._scales, np.float32(self._unit), self.dim, self.seed)
        _search_codes(queries.values, queries.steps, *items, *rest)


def words(dim: int) -> int:
    """Return W, the words of a row."""
    return -(-dim // WORD)


def pack(q: np.ndarray) -> np.ndarray:
    """Return bits uint8 [n, D] as words uint64 [n, W]."""
    octets = np.zeros((len(q), 8 * words(q.shape[1])), np.uint8)
    octets[:, : -(-q.shape[1] // 8)] = np.packbits(q, axis=1, bitorder="little")
    return octets.view("<u8").astype(np.uint64, copy=False)


def unpack(rows: np.ndarray, dim: int) -> np.ndarray:
    """Return the bits uint8 [n, D] of words uint64 [n, W]."""
    octets = np.ascontiguousarray(rows).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=dim, bitorder="little")


def _count_ones(typingctx: Any, word: Any) -> Any:
    """Return the number of ones in a uint64; the loop around it becomes a vector instruction where there is one."""
    if word != types.uint64:
        return None

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(word), generate


_popcount: Any = intrinsic(_count_ones)


@njit(cache=True, nogil=True)
def _search_codes(
    queries: np.ndarray,
    steps: np.ndarray,
    planes: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    dim: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search words [B, W] with their steps [B] through planes [W, n]."""
    n = planes.shape[1]
    buffer, counts = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.int32)
    for b in range(len(queries)):
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            _agree(queries[b], planes, start, stop, dim, counts, buffer)
            rescale(buffer, scales, start, stop, unit, steps[b])
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _agree(
    query: np.ndarray, planes: np.ndarray, start: int, stop: int, dim: int, counts: np.ndarray, buffer: np.ndarray
) -> None:
    """Write the inner products of signs, ``dim - 2 popcount(query xor item)``: exact integers."""
    counts[:] = 0
    for w in range(len(query)):
        column = planes[w, start:stop]
        for i in range(len(column)):
            counts[i] += np.int32(_popcount(column[i] ^ query[w]))
    for i in range(stop - start):
        buffer[i] = np.float32(np.int32(dim) - np.int32(2) * counts[i])


@njit(cache=True, nogil=True)
def _search_floats(
    queries: np.ndarray,
    planes: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, D] through planes [W, n]."""
    n = planes.shape[1]
    buffer = np.empty(BLOCK, np.float32)
    tables = np.empty((8 * len(planes), 256), np.float32)
    for b in range(len(queries)):
        _fill(tables, queries[b])
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            buffer[:] = 0
            for w in range(len(planes)):
                _look_up(tables[8 * w : 8 * w + 8], planes[w, start:stop], buffer)
            rescale(buffer, scales, start, stop, unit, np.float32(1))
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _fill(tables: np.ndarray, query: np.ndarray) -> None:
    """Write the table of each byte of the code: the query's eight numbers summed with the signs of the byte's bits."""
    for t in range(len(tables)):
        table = tables[t]
        table[0] = 0
        for bit in range(8):
            value = query[8 * t + bit] if 8 * t + bit < len(query) else np.float32(0)
            size = 1 << bit
            for entry in range(size):
                table[size + entry] = table[entry] + value
                table[entry] -= value


@njit(cache=True, nogil=True)
def _look_up(tables: np.ndarray, column: np.ndarray, buffer: np.ndarray) -> None:
    """Add to each item's score the entries [8, 256] for the eight bytes of its word."""
    for i in range(len(column)):
        word, total = column[i], buffer[i]
        for byte in range(8):
            total += tables[byte, (word >> np.uint64(8 * byte)) & np.uint64(255)]
        buffer[i] = total
