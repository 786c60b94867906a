"""One bit a dimension at each layer, with one float16 scale a layer and item or none.

A score is the weighted sum of the layers' own: with weights w_l, scales a and d dimensions a layer,

    s = sum_l w_l^2 a_u(l) a_i(l) (d - 2 popcount(q_u(l) xor q_i(l)))

for users' own codes; float32 queries [B, L * d] are multiplied with the signs by table look-up, as in `binary`, and
then with w_l a_i(l). Each layer is packed by itself, so a layer of d dimensions occupies ceil(d / 8) bytes; the bytes
of a row are the first layer's, then the second's (`blocks`).
"""

from typing import Any, Self

import numpy as np

from engine.codes import Codes, LayeredBinaryCodes, check_optional_scales, check_weights
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, item_order, own_codes, stored_order
from engine.indexes.binary import pack, row_bytes, unpack
from engine.indexes.blocks import from_blocks, to_blocks
from engine.indexes.layered_kernels import search_codes, search_floats
from engine.indexes.packed import Form, Packed, resident


class LayeredIndex(Index):
    """Every item's signs at every layer; float32 queries by table look-up, users' own by xor and bit count."""

    layout = "layered"

    def __init__(
        self,
        rows: np.ndarray,
        n: int,
        dim: int,
        weights: np.ndarray,
        row_scale: np.ndarray | None,
        unit: float,
        seed: int,
    ) -> None:
        """Take rows in blocks, uint8 [n · L · W], weights float32 [L], row_scale float16 [L, n] or None, as stored."""
        self.rows, self.weights, self.dim, self.bits = resident(rows), resident(weights), dim, 1
        self.row_scale = None if row_scale is None else resident(row_scale)
        self._unit, self.n, self.seed = float(unit), n, checked_seed(n, seed)
        none = np.empty((len(weights), 0), np.uint16)
        self._scales = none if self.row_scale is None else self.row_scale.view(np.uint16)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are LayeredBinaryCodes."""
        return isinstance(codes, LayeredBinaryCodes)

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these LayeredBinaryCodes."""
        if not isinstance(codes, LayeredBinaryCodes):
            raise FewbitsError(f"layered index: got {type(codes).__name__}, expected LayeredBinaryCodes")
        codes = codes.rows(stored_order(codes.n, seed))
        scale = None if codes.row_scale is None else codes.row_scale.T
        rows = to_blocks(_pack(codes.q).reshape(codes.n, codes.layers * row_bytes(codes.dim // codes.layers)), 1)
        return cls(rows, codes.n, codes.dim, codes.weights, scale, codes.unit, seed)

    def codes(self) -> LayeredBinaryCodes:
        """Return the items' codes; row i is item i."""
        layers, width = len(self.weights), self._width
        rows = from_blocks(self.rows, layers * width, 1).reshape(self.n * layers, width)
        q = unpack(rows, self.dim // layers).reshape(self.n, layers, self.dim // layers)
        scale = None if self.row_scale is None else np.ascontiguousarray(self.row_scale.T)
        return LayeredBinaryCodes(q, scale, self._unit, self.weights).rows(item_order(self.n, self.seed))

    @property
    def _width(self) -> int:
        """Return W, the bytes of a layer."""
        return row_bytes(self.dim // len(self.weights))

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' signs as bytes uint8 [B, L, W], their steps float32 [B, L] with the users' weights."""
        own_codes(self, codes)
        assert isinstance(codes, LayeredBinaryCodes)
        if codes.layers != len(self.weights):
            raise FewbitsError(f"queries: got {codes.layers} layers, expected the items' own {len(self.weights)}")
        return Packed(self.layout, self.dim, 1, _pack(codes.q), codes.steps())

    @property
    def unit(self) -> float | None:
        """Return the unit of the scales, None where there are none."""
        return None if self.row_scale is None else self._unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return rows in blocks, uint8 [n · L · W], weights float32 [L] and, where there is one, row_scale [L, n]."""
        arrays = {"rows": self.rows, "weights": self.weights}
        return arrays if self.row_scale is None else {**arrays, "row_scale": self.row_scale}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these planes, weights and scales."""
        n, dim, rows, weights = int(meta["n"]), int(meta["dim"]), arrays["rows"], arrays["weights"]
        check_weights(weights, weights.size)
        layers, each = len(weights), dim // len(weights)
        width = row_bytes(each)
        if meta["bits"] != "1" or dim % layers or rows.dtype != np.uint8 or rows.shape != (n * layers * width,):
            got = f"{rows.dtype} {list(rows.shape)}"
            raise FewbitsError(f"layered index: got {got}, expected uint8 {[n * layers * width]}")
        ends = from_blocks(rows, layers * width, 1)[:, width - 1 :: width]
        if each % 8 and (ends >> np.uint8(each % 8)).any():
            raise FewbitsError(f"layered index: got bits behind dimension {each} of a layer, expected zeros there")
        scale, unit = arrays.get("row_scale"), float(meta.get("unit", 1))
        check_optional_scales(scale, unit, layers, n)
        return cls(rows, n, dim, weights, scale, unit, int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        layers = len(self.weights)
        return {
            "values": (np.uint8, (len(queries), layers, self._width)),
            "steps": (np.float32, (len(queries), layers)),
        }

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        search_floats(queries, *self._items(), *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        search_codes(queries.values, queries.steps, *self._items(), *rest)

    def _items(self) -> tuple[Any, ...]:
        return self.rows, self.weights, self._scales, np.float32(self._unit), self.n, self.dim, self.seed


def _pack(q: np.ndarray) -> np.ndarray:
    """Return bits uint8 [n, L, d] as bytes uint8 [n, L, W]."""
    n, layers, width = q.shape
    return pack(q.reshape(n * layers, width)).reshape(n, layers, row_bytes(width))
