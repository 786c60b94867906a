"""One bit a dimension, with one float16 scale an item or none; bit 1 stands for +1 and bit 0 for -1.

Dimension d is bit d mod 8 of byte d div 8, and the bits behind the last dimension are 0. A byte of 64 items lies
together (`blocks`), so a kernel reads one byte of many items at once.
"""

from typing import Any, Self

import numpy as np

from engine.codes import Codes, ScalarCodes, check_scales
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, item_order, own_codes, stored_order
from engine.indexes.binary_kernels import search_codes, search_floats
from engine.indexes.blocks import from_blocks, to_blocks
from engine.indexes.packed import Form, Packed, resident


class BinaryIndex(Index):
    """Every item's signs in bytes; float32 queries by table look-up, users' own signs by xor and bit count."""

    layout = "binary"

    def __init__(
        self, rows: np.ndarray, n: int, dim: int, row_scale: np.ndarray | None, unit: float, seed: int
    ) -> None:
        """Take rows in blocks, uint8 [n · W], and row_scale float16 [n] (or None) in stored order."""
        self.rows, self.dim, self.bits = resident(rows), dim, 1
        self.row_scale = None if row_scale is None else resident(row_scale)
        self._unit, self.n, self.seed = float(unit), n, checked_seed(n, seed)
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
        return cls(to_blocks(pack(codes.q), 1), codes.n, codes.dim, codes.row_scale, codes.unit, seed)

    def codes(self) -> ScalarCodes:
        """Return the items' codes; row i is item i."""
        q = unpack(from_blocks(self.rows, row_bytes(self.dim), 1), self.dim)
        return ScalarCodes(q, 1, self.row_scale, self._unit).rows(item_order(self.n, self.seed))

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' signs as bytes uint8 [B, W]."""
        own_codes(self, codes)
        assert isinstance(codes, ScalarCodes)
        return Packed(self.layout, self.dim, 1, pack(codes.q), codes.steps())

    @property
    def unit(self) -> float:
        """Return the unit of the steps."""
        return self._unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return rows in blocks, uint8 [n · W], and, where there is one, row_scale float16 [n]."""
        return {"rows": self.rows} if self.row_scale is None else {"rows": self.rows, "row_scale": self.row_scale}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these planes and scales."""
        n, dim, rows = int(meta["n"]), int(meta["dim"]), arrays["rows"]
        width = row_bytes(dim)
        if meta["bits"] != "1" or rows.dtype != np.uint8 or rows.shape != (n * width,):
            raise FewbitsError(f"binary index: got {rows.dtype} {list(rows.shape)}, expected uint8 {[n * width]}")
        if dim % 8 and (from_blocks(rows, width, 1)[:, -1] >> np.uint8(dim % 8)).any():
            raise FewbitsError(f"binary index: got bits behind dimension {dim}, expected zeros there")
        check_scales(arrays.get("row_scale"), float(meta["unit"]), n)
        return cls(rows, n, dim, arrays.get("row_scale"), float(meta["unit"]), int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        return {"values": (np.uint8, (len(queries), row_bytes(self.dim))), "steps": (np.float32, (len(queries),))}

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        search_floats(queries, *self._items(), *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        search_codes(queries.values, queries.steps, *self._items(), *rest)

    def _items(self) -> tuple[Any, ...]:
        return self.rows, self._scales, np.float32(self._unit), self.n, self.dim, self.seed


def row_bytes(dim: int) -> int:
    """Return W, the bytes of a row."""
    return -(-dim // 8)


def pack(q: np.ndarray) -> np.ndarray:
    """Return bits uint8 [n, D] as bytes uint8 [n, W]."""
    return np.packbits(q, axis=1, bitorder="little")


def unpack(rows: np.ndarray, dim: int) -> np.ndarray:
    """Return the bits uint8 [n, D] of bytes uint8 [n, W]."""
    return np.unpackbits(rows, axis=1, count=dim, bitorder="little")
