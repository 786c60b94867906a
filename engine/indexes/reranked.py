"""Two stages: an index of any other layout picks ``depth`` candidates, and exact vectors rank them again.

A query is the first stage's, then d exact numbers. The lists hold exact inner products; an item that the first stage
does not find among its best ``depth`` cannot be in them.
"""

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numba import njit

from engine.codes import Codes, FloatCodes, RerankedCodes
from engine.codes.reranked import FirstCodes
from engine.errors import FewbitsError
from engine.indexes.base import Index, checked_seed, item_order, own_codes, stored_order
from engine.indexes.flat import dots
from engine.indexes.packed import Form, Packed, plain, resident
from engine.indexes.topk import begin, excluded_positions, finish, push

FIRST = "first."
"""Before the names of the first stage's arrays."""


class RerankedIndex(Index):
    """Every item's codes in an index of their own, and its exact vector."""

    layout = "reranked"

    def __init__(self, first: Index, exact: np.ndarray, depth: np.ndarray) -> None:
        """Take the first stage, exact float32 [n, d] in the same stored order, and depth int32 [1]."""
        self.first, self.exact, self.depth = first, resident(exact), depth
        self.n, self.dim, self.bits = first.n, first.dim + exact.shape[1], first.bits
        self.seed = checked_seed(self.n, first.seed)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are RerankedCodes."""
        return isinstance(codes, RerankedCodes)

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these RerankedCodes."""
        from engine import indexes  # the registry of all layouts, which knows this one

        if not isinstance(codes, RerankedCodes):
            raise FewbitsError(f"reranked index: got {type(codes).__name__}, expected RerankedCodes")
        exact = codes.exact.values[stored_order(codes.n, seed)]
        return cls(indexes.build(codes.first, seed), exact, np.array([codes.depth], np.int32))

    def codes(self) -> RerankedCodes:
        """Return the items' codes; row i is item i."""
        exact = FloatCodes(self.exact[item_order(self.n, self.seed)])
        first = self.first.codes()
        assert isinstance(first, FirstCodes)
        return RerankedCodes(first, exact, int(self.depth[0]))

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' codes as the first stage packs them, with their exact vectors float32 [B, d]."""
        own_codes(self, codes, any_bits=True)  # which bits may differ, the first stage knows
        assert isinstance(codes, RerankedCodes)
        first = self.first.pack_queries(codes.first)
        return replace(first, layout=self.layout, dim=self.dim, exact=plain(codes.exact.values))

    @property
    def unit(self) -> float | None:
        """Return the unit of the first stage's steps, None where it has none."""
        return self.first.unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return those of the first stage, exact float32 [n, d] and depth int32 [1]."""
        first = {FIRST + name: array for name, array in self.first.arrays().items()}
        return {**first, "exact": self.exact, "depth": self.depth}

    def meta(self) -> dict[str, str]:
        """Return what the arrays do not say; the first stage's own layout is ``first``."""
        return {**self.first.meta(), **super().meta(), "first": self.first.layout}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with this first stage and these vectors."""
        from engine import indexes

        exact, depth, layouts = arrays["exact"], arrays["depth"], indexes.LAYOUTS
        if meta["first"] not in layouts or meta["first"] == cls.layout:
            raise FewbitsError(f"reranked index: got the first stage {meta['first']!r}, expected another known layout")
        if exact.dtype != np.float32 or exact.ndim != 2 or len(exact) != int(meta["n"]):
            raise FewbitsError(f"exact: got {exact.dtype} {list(exact.shape)}, expected float32 [{meta['n']}, d]")
        if depth.dtype != np.int32 or depth.shape != (1,) or depth[0] < 1:
            raise FewbitsError(f"depth: got {depth.dtype} {depth.tolist()}, expected one int32 of at least 1")
        first = {name.removeprefix(FIRST): array for name, array in arrays.items() if name.startswith(FIRST)}
        its_meta = {**meta, "layout": meta["first"], "dim": str(int(meta["dim"]) - exact.shape[1])}
        return cls(layouts[meta["first"]].from_arrays(first, its_meta), exact, depth)

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        exact: Form = (np.float32, (len(queries), self.exact.shape[1]))
        return {**self.first._packed_forms(queries), "exact": exact}

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        codes, exact = plain(queries[:, : self.first.dim]), plain(queries[:, self.first.dim :])
        self._rank(self.first._search_float, codes, exact, *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        assert queries.exact is not None  # checked at the door
        self._rank(self.first._search_packed, queries, queries.exact, *rest)

    def _rank(self, pick: Any, codes: Any, exact: np.ndarray, *rest: Any) -> None:
        """Let the first stage pick candidates, and rank them into ids and scores."""
        indptr, excluded, ids, scores = rest
        depth = min(max(int(self.depth[0]), ids.shape[1]), max(self.n, 1))
        found = np.empty((len(ids), depth), np.int32)
        pick(codes, indptr, excluded, found, np.empty((len(ids), depth), np.float32))
        _search(exact, self.exact, found, self.seed, ids, scores)


@njit(cache=True, nogil=True)
def _search(
    queries: np.ndarray, rows: np.ndarray, found: np.ndarray, seed: int, ids: np.ndarray, scores: np.ndarray
) -> None:
    """Search float32 queries [B, d] through the rows [n, d] of the items found, int32 [B, R] with -1 behind them."""
    n, score = len(rows), np.empty(1, np.float32)
    for b in range(len(found)):
        candidates = 0
        while candidates < found.shape[1] and found[b, candidates] >= 0:
            candidates += 1
        positions = excluded_positions(np.array([0, candidates]), found[b][:candidates], n, seed)
        begin(ids[b], scores[b])
        for position in positions:
            dots(queries[b], rows[position : position + 1], score)
            push(ids[b], scores[b], position, score[0])
        finish(ids[b], scores[b], n, seed)
