"""What every index does: it holds packed item codes and returns, for each query, the k items of the highest score.

The checks at the door and the split over threads are here; a layout adds how codes are packed and its kernels.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numba import njit

from engine.codes import UNIT_BYTES, Codes
from engine.errors import FewbitsError
from engine.indexes.exclusion import Exclude, checked_exclude
from engine.indexes.packed import Form, Packed, fitting, plain
from engine.indexes.topk import permutation

MAX_ITEMS = 2**31 - 1
_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class Hits:
    """The lists found: ids int32 [B, k], scores float32 [B, k], best first.

    Where fewer than k items are left, the places behind them have id -1 and score -inf.
    """

    ids: np.ndarray
    scores: np.ndarray


class Index(ABC):
    """Packed item codes in the order of the permutation with this seed, and the search through all of them."""

    layout: ClassVar[str]
    depends_on_k: bool = False
    """Whether more candidates are looked at where more places are asked for: the first places are others then."""
    n: int
    dim: int
    bits: int
    seed: int

    @staticmethod
    @abstractmethod
    def accepts(codes: Codes) -> bool:
        """Return whether this layout stores such codes."""

    @classmethod
    @abstractmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these item codes; row i is item i. The seed (0 … 2^63 - 1) orders equal scores."""

    @abstractmethod
    def codes(self) -> Codes:
        """Return the items' codes, row i of item i: the inverse of `build`."""

    @abstractmethod
    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' codes, of the items' own kind and bits (product codes: of any), packed as queries.

        Raises
        ------
        FewbitsError
            For codes of another kind, bit-width or dimension.
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Return the resident arrays."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index that has these `arrays` and `meta`.

        Raises
        ------
        FewbitsError
            Where arrays and meta do not fit each other.
        """

    @abstractmethod
    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        """Return dtype and shape of each array that so many packed queries must have: kernels read them unchecked."""

    @abstractmethod
    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        """Fill ids and scores for float32 queries [B, D]; rest is indptr, excluded, ids, scores."""

    @abstractmethod
    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        """Fill ids and scores for packed queries."""

    @property
    def unit(self) -> float | None:
        """Return the unit of the steps; None for a layout that has none."""
        return None

    @property
    def nbytes(self) -> int:
        """Return the bytes that a query needs in memory: those of the arrays, and 4 of the unit where there is one."""
        return sum(a.nbytes for a in self.arrays().values()) + (0 if self.unit is None else UNIT_BYTES)

    def meta(self) -> dict[str, str]:
        """Return what the arrays do not say, as text."""
        meta = {
            "layout": self.layout,
            "n": str(self.n),
            "dim": str(self.dim),
            "bits": str(self.bits),
            "seed": str(self.seed),
        }
        return meta if self.unit is None else {**meta, "unit": repr(self.unit)}

    def search(self, queries: np.ndarray | Packed, k: int, exclude: Exclude | None = None, threads: int = 1) -> Hits:
        """Return the k items of the highest score for each query; equal scores in the order of the permutation.

        Parameters
        ----------
        queries : float32 [B, D], or the result of `pack_queries`
        k : at least 1; more than n leaves places missing
        exclude : (indptr int64 [B + 1], items int32), optional
            The items that query b must not get: ``items[indptr[b]:indptr[b + 1]]``, in any order.
        threads : at least 1
            Queries are divided among them; the result does not depend on it.

        Raises
        ------
        FewbitsError
            For queries, k, exclude or threads of another type, shape or range.
        """
        queries, (k, threads) = self._checked_queries(queries), checked_counts(k, threads)
        indptr, items = checked_exclude(exclude, len(queries), self.n)
        ids, scores = np.empty((len(queries), k), np.int32), np.empty((len(queries), k), np.float32)
        run: Callable[..., None] = self._search_packed if isinstance(queries, Packed) else self._search_float
        if threads == 1 or len(queries) < 2:
            run(queries, indptr, items, ids, scores)
            return Hits(ids, scores)
        bounds = [len(queries) * i // threads for i in range(threads + 1)]
        first, *others = [slice(low, high) for low, high in pairwise(bounds) if low < high]
        given = [(queries[p], *_of(indptr, items, p), ids[p], scores[p]) for p in others]
        jobs = [_pool(threads - 1).submit(run, *arguments) for arguments in given]
        run(queries[first], *_of(indptr, items, first), ids[first], scores[first])  # this thread works as well
        for job in jobs:
            job.result()
        return Hits(ids, scores)

    def _checked_queries(self, queries: np.ndarray | Packed) -> np.ndarray | Packed:
        if isinstance(queries, Packed):
            return self._checked_packed(queries)
        if not isinstance(queries, np.ndarray) or queries.dtype != _FLOAT32 or queries.ndim != 2:
            got_type = (
                f"{queries.dtype} {list(queries.shape)}" if isinstance(queries, np.ndarray) else type(queries).__name__
            )
            raise FewbitsError(f"queries: got {got_type}, expected float32 [B, {self.dim}], or pack_queries of codes")
        if queries.shape[1] != self.dim:
            raise FewbitsError(f"queries: got {queries.shape[1]} dimensions, expected the index's {self.dim}")
        queries = plain(queries)
        if not _finite(queries):
            raise FewbitsError("queries: got NaN or infinite numbers, expected finite ones")
        return queries

    def _checked_packed(self, queries: Packed) -> Packed:
        if queries.fits is self:
            return queries
        got, expected = (queries.layout, queries.dim, queries.bits), (self.layout, self.dim, self.bits)
        if got != expected:
            raise FewbitsError(
                f"queries: got (layout, dim, bits) {got}, expected {expected}; pack them with this index"
            )
        queries = fitting(queries, self._packed_forms(queries))
        object.__setattr__(queries, "fits", self)
        return queries


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that wait for the next batch: starting them would take longer than many a batch."""
    return ThreadPoolExecutor(threads)


def checked_counts(k: int, threads: int) -> tuple[int, int]:
    """Return both as integers, or raise a FewbitsError where one is no whole number of at least 1."""
    try:
        k, threads = operator.index(k), operator.index(threads)
        fits = k >= 1 and threads >= 1
    except TypeError:
        fits = False
    if not fits:
        raise FewbitsError(f"search: got k {k!r:.40} and threads {threads!r:.40}, expected whole numbers of at least 1")
    return k, threads


def checked_seed(n: int, seed: int) -> int:
    """Return the seed, or raise a FewbitsError where it or the number of items is beyond the kernels' integers."""
    if n > MAX_ITEMS or not 0 <= seed < 2**63:
        raise FewbitsError(
            f"index: got {n} items and seed {seed}, expected at most {MAX_ITEMS} items and a seed 0 … 2^63 - 1"
        )
    return int(seed)


def _of(indptr: np.ndarray, items: np.ndarray, part: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return the excluded items of a part of the queries alone: a thread places all that it is given."""
    begins = indptr[part.start]
    return indptr[part.start : part.stop + 1] - begins, items[begins : indptr[part.stop]]


def stored_order(n: int, seed: int) -> np.ndarray:
    """Return the item id at each position, int64 [n]."""
    return permutation(n, checked_seed(n, seed))


def item_order(n: int, seed: int) -> np.ndarray:
    """Return the position of each item id, int64 [n]: the inverse of `stored_order`."""
    positions = np.empty(n, np.int64)
    positions[stored_order(n, seed)] = np.arange(n)
    return positions


def own_codes(index: Index, codes: Codes, any_bits: bool = False) -> None:
    """Raise a FewbitsError unless the codes are of the items' own kind, dimension and (or any) bit-width."""
    if not index.accepts(codes) or codes.dim != index.dim or not (any_bits or codes.bits == index.bits):
        got = f"{type(codes).__name__} of {codes.bits} bits, {codes.dim} dimensions"
        own = f"{index.layout} codes of {index.bits} bits, {index.dim} dimensions"
        raise FewbitsError(f"queries: got {got}, expected the items' own {own}")


@njit(cache=True, nogil=True)
def _finite(queries: np.ndarray) -> bool:
    """Return whether all numbers [B, D] are finite: of a finite number and only of such, 0 times it is 0."""
    total = np.float32(0)
    for query in queries:
        for value in query:
            total += np.float32(0) * value
    return total == 0
