"""Integers of 8, 4 or 2 bits, packed into bytes row after row, with one float16 scale an item or none.

The bytes of a row are planes: with P = 8 / bits dimensions a byte and W = ceil(D / P) bytes a row, byte j holds the
dimensions j, j + W, j + 2W …, the first in its lowest bits. Rows lie in blocks of 64, four bytes of an item together
(`blocks`), as the products of bytes want them; nothing is ever unpacked to memory.
"""

from typing import Any, Self

import numpy as np

from engine.codes import Codes, ScalarCodes, check_scales
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, item_order, own_codes, stored_order
from engine.indexes.blocks import from_blocks, to_blocks
from engine.indexes.packed import Form, Packed, resident
from engine.indexes.scalar_kernels import GROUP, search

WIDTHS = (8, 4, 2)
NO_QUERIES, NO_CODES, NO_STEPS = np.empty((0, 0), np.float32), np.empty((0, 0), np.uint8), np.empty(0, np.float32)
MAX_DIM = 32_768
"""255 * 255 * MAX_DIM < 2^31: integer sums cannot overflow."""


class ScalarIndex(Index):
    """Every item's integers in packed bytes; float32 queries, or users' own integers."""

    layout = "scalar"

    def __init__(
        self, rows: np.ndarray, n: int, dim: int, bits: int, row_scale: np.ndarray | None, unit: float, seed: int
    ) -> None:
        """Take rows in blocks, uint8 [n · W], and row_scale float16 [n] (or None) in stored order."""
        if dim > MAX_DIM:
            raise FewbitsError(f"scalar index: got {dim} dimensions, expected at most {MAX_DIM}")
        self.rows, self.dim, self.bits = resident(rows), dim, bits
        self.row_scale = None if row_scale is None else resident(row_scale)
        self._unit, self.n, self.seed = float(unit), n, checked_seed(n, seed)
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
        rows = to_blocks(pack(codes.q, codes.bits), GROUP)
        return cls(rows, codes.n, codes.dim, codes.bits, codes.row_scale, codes.unit, seed)

    def codes(self) -> ScalarCodes:
        """Return the items' codes; row i is item i."""
        rows = from_blocks(self.rows, row_bytes(self.dim, self.bits), GROUP)
        codes = ScalarCodes(unpack(rows, self.dim, self.bits), self.bits, self.row_scale, self._unit)
        return codes.rows(item_order(self.n, self.seed))

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' integers, of the items' own bits, packed into bytes."""
        own_codes(self, codes)
        assert isinstance(codes, ScalarCodes)
        return Packed(self.layout, self.dim, self.bits, pack(codes.q, codes.bits), codes.steps())

    @property
    def unit(self) -> float:
        """Return the unit of the steps."""
        return self._unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return rows in blocks, uint8 [n · W], and, where there is one, row_scale float16 [n]."""
        return {"rows": self.rows} if self.row_scale is None else {"rows": self.rows, "row_scale": self.row_scale}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these rows and scales."""
        n, dim, bits, rows = int(meta["n"]), int(meta["dim"]), int(meta["bits"]), arrays["rows"]
        if bits not in WIDTHS or rows.dtype != np.uint8 or rows.shape != (n * row_bytes(dim, bits),):
            raise FewbitsError(
                f"scalar index: got {rows.dtype} {list(rows.shape)}, expected uint8 for {n} items, {dim} x {bits} bits"
            )
        check_scales(arrays.get("row_scale"), float(meta["unit"]), n)
        return cls(rows, n, dim, bits, arrays.get("row_scale"), float(meta["unit"]), int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        return {
            "values": (np.uint8, (len(queries), row_bytes(self.dim, self.bits))),
            "steps": (np.float32, (len(queries),)),
        }

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        search(queries, NO_CODES, NO_STEPS, *self._items(), *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        search(NO_QUERIES, queries.values, queries.steps, *self._items(), *rest)

    def _items(self) -> tuple[Any, ...]:
        return self.rows, self._scales, np.float32(self._unit), self.n, self.dim, self.bits, self.seed


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
