"""One bit a dimension at each layer, in 64-bit words, with one float16 scale a layer and item or none.

A score is the weighted sum of the layers' own: with weights w_l, scales a and d dimensions a layer,

    s = sum_l w_l^2 a_u(l) a_i(l) (d - 2 popcount(q_u(l) xor q_i(l)))

for users' own codes; float32 queries [B, L * d] are multiplied with the signs by table look-up, as in `binary`, and
then with w_l a_i(l). Each layer is packed by itself, so a layer of d dimensions occupies ceil(d / 64) words.
"""

from typing import Any, Self

import numpy as np
from numba import njit

from engine.codes import Codes, LayeredBinaryCodes, check_optional_scales, check_weights
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, own_codes, stored_order
from engine.indexes.binary import WORD, _agree, _fill, _look_up, pack, words
from engine.indexes.half import rescale
from engine.indexes.packed import Form, Packed, plain
from engine.indexes.topk import BLOCK, begin, excluded_positions, finish, hide, offer


class LayeredIndex(Index):
    """Every item's signs at every layer; float32 queries by table look-up, users' own by xor and bit count."""

    layout = "layered"

    def __init__(
        self, planes: np.ndarray, dim: int, weights: np.ndarray, row_scale: np.ndarray | None, unit: float, seed: int
    ) -> None:
        """Take planes uint64 [L, W, n], weights float32 [L] and row_scale float16 [L, n] (or None) in stored order."""
        self.planes, self.weights, self.dim, self.bits = plain(planes), plain(weights), dim, 1
        self.row_scale = None if row_scale is None else plain(row_scale)
        self._unit, self.n, self.seed = float(unit), planes.shape[2], checked_seed(planes.shape[2], seed)
        none = np.empty((len(planes), 0), np.uint16)
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
        return cls(_pack(codes.q).transpose(1, 2, 0), codes.dim, codes.weights, scale, codes.unit, seed)

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' signs as words uint64 [B, L, W], their steps float32 [B, L] with the users' weights."""
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
        """Return planes uint64 [L, W, n], weights float32 [L] and, where there is one, row_scale float16 [L, n]."""
        arrays = {"planes": self.planes, "weights": self.weights}
        return arrays if self.row_scale is None else {**arrays, "row_scale": self.row_scale}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these planes, weights and scales."""
        n, dim, planes, weights = int(meta["n"]), int(meta["dim"]), arrays["planes"], arrays["weights"]
        check_weights(weights, weights.size)
        layers, width = len(weights), dim // len(weights)
        shape = (layers, words(width), n)
        if meta["bits"] != "1" or dim % layers or planes.dtype != np.uint64 or planes.shape != shape:
            raise FewbitsError(f"layered index: got {planes.dtype} {list(planes.shape)}, expected uint64 {list(shape)}")
        if width % WORD and (planes[:, -1] >> np.uint64(width % WORD)).any():
            raise FewbitsError(f"layered index: got bits behind dimension {width} of a layer, expected zeros there")
        scale, unit = arrays.get("row_scale"), float(meta.get("unit", 1))
        check_optional_scales(scale, unit, layers, n)
        return cls(planes, dim, weights, scale, unit, int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        layers, width, _ = self.planes.shape
        return {
            "values": (np.uint64, (len(queries), layers, width)),
            "steps": (np.float32, (len(queries), layers)),
        }

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        items = (self.planes, self.weights, self._scales, np.float32(self._unit), self.seed)
        _search_floats(queries, *items, *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        items = (self.planes, self.weights, self._scales, np.float32(self._unit), self.dim, self.seed)
        _search_codes(queries.values, queries.steps, *items, *rest)


def _pack(q: np.ndarray) -> np.ndarray:
    """Return bits uint8 [n, L, d] as words uint64 [n, L, W]."""
    n, layers, width = q.shape
    return pack(q.reshape(n * layers, width)).reshape(n, layers, words(width))


@njit(cache=True, nogil=True)
def _search_codes(
    queries: np.ndarray,
    steps: np.ndarray,
    planes: np.ndarray,
    weights: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    dim: int,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search words [B, L, W] with their steps [B, L] through planes [L, W, n]."""
    layers, _, n = planes.shape
    buffer, part, counts = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.int32)
    for b in range(len(queries)):
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            buffer[:] = 0
            for layer in range(layers):
                _agree(queries[b, layer], planes[layer], start, stop, dim // layers, counts, part)
                rescale(part, scales[layer], start, stop, unit, weights[layer] * steps[b, layer])
                buffer += part
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)


@njit(cache=True, nogil=True)
def _search_floats(
    queries: np.ndarray,
    planes: np.ndarray,
    weights: np.ndarray,
    scales: np.ndarray,
    unit: np.float32,
    seed: int,
    indptr: np.ndarray,
    excluded: np.ndarray,
    ids: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Search float32 queries [B, L * d] through planes [L, W, n]."""
    layers, width, n = planes.shape
    dim = queries.shape[1] // layers
    buffer, part = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    tables = np.empty((layers, 8 * width, 256), np.float32)
    for b in range(len(queries)):
        for layer in range(layers):
            _fill(tables[layer], queries[b][layer * dim : (layer + 1) * dim])
        begin(ids[b], scores[b])
        hidden, cursor = excluded_positions(excluded[indptr[b] : indptr[b + 1]], n, seed), 0
        for start in range(0, n, BLOCK):
            stop = min(start + BLOCK, n)
            buffer[:] = 0
            for layer in range(layers):
                part[:] = 0
                for w in range(width):
                    _look_up(tables[layer, 8 * w : 8 * w + 8], planes[layer, w, start:stop], part)
                rescale(part, scales[layer], start, stop, unit, weights[layer])
                buffer += part
            cursor = hide(buffer, start, stop, hidden, cursor)
            offer(buffer, start, stop, ids[b], scores[b])
        finish(ids[b], scores[b], n, seed)
