"""Peers: an index of faiss, usearch or hnswlib in the place of ours, so that it is measured by the same code.

The vectors are handed over in the order of the permutation, so that a peer that breaks ties by number breaks them by
chance as ours do. Peers rank by their own scores, approximate ones included. None is told what a user has seen: it is
asked for so many more, and what was seen is dropped here. How many are asked for depends on the query and on k alone,
so that lists are the same in any batch.

It does depend on k: usearch and hnswlib look at as many candidates as places are asked for, at least, and find more of
a list's first 20 items where they were asked for 100 (6,000 random vectors, 27 items seen: 97 instead of 88 % of them).
The first 20 places of their lists are therefore those of a search for 20, as it is timed
(`engine.measure.ranking.lengthened`).
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
from numba import njit

from engine.codes import Codes, PeerCodes
from engine.codes.peers import KINDS, require
from engine.errors import FewbitsError
from engine.indexes.base import Hits, Index, checked_counts, checked_seed, stored_order
from engine.indexes.exclusion import Exclude
from engine.indexes.libraries import library
from engine.indexes.packed import Form, Packed

WIDER = ("usearch", "hnswlib")
"""Graphs that look at as many candidates as places are asked for, at least."""
FEWEST = 32
"""Places that a peer is asked for at least; more are asked for in powers of two, so that batches stay together."""


class PeerIndex(Index):
    """One index of another library, with its own serialised bytes as the one array.

    ``nbytes`` is the length of these bytes: what the library needs to have its index again, vectors and graph included.
    What it takes in memory is more or less the same, and not known of all of them. Not counted: which item each
    position is, int32 [n], since a catalogue handed over in its own order needs no such table.
    """

    layout = "peer"
    bits = 32

    def __init__(self, kind: str, knobs: Mapping[str, int], inner: Any, dim: int, seed: int) -> None:
        """Take the library's index, built from vectors in stored order."""
        self.kind, self.knobs, self.inner = kind, dict(knobs), inner
        self.n, self.dim, self.seed = len(inner), dim, checked_seed(len(inner), seed)
        self.depends_on_k = kind in WIDER
        self.order = stored_order(self.n, seed).astype(np.int32)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are PeerCodes."""
        return isinstance(codes, PeerCodes)

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the peer's index of these vectors.

        Raises
        ------
        FewbitsError
            Where the extra is not installed, and with the library's own words where it refuses the vectors: faiss PQ
            wants 256 of them, for example.
        """
        if not isinstance(codes, PeerCodes):
            raise FewbitsError(f"peer index: got {type(codes).__name__}, expected PeerCodes")
        require()
        if not codes.n:
            raise FewbitsError(f"peer {codes.kind}: got no items, expected at least one")
        values = np.ascontiguousarray(codes.values[stored_order(codes.n, seed)])
        try:
            inner = library(codes.kind).build(codes.kind, values, codes.knobs)
        except (RuntimeError, ValueError) as error:
            raise FewbitsError(f"peer {codes.kind}, {codes.n} items of {codes.dim}: {_words(error)}") from None
        return cls(codes.kind, codes.knobs, inner, codes.dim, seed)

    def search(self, queries: np.ndarray | Packed, k: int, exclude: Exclude | None = None, threads: int = 1) -> Hits:
        """Return lists as every index does; the library itself divides the queries among its threads."""
        k, self.inner.threads = checked_counts(k, threads)
        return super().search(queries, k, exclude)

    def codes(self) -> Codes:
        """Refuse: most libraries do not give back the vectors that they were given."""
        raise FewbitsError(f"peer {self.kind}: its vectors cannot be read out of it; make them again from the model")

    def pack_queries(self, codes: Codes) -> Packed:
        """Refuse: a peer takes users' float32 vectors alone."""
        raise FewbitsError(f"queries: got {type(codes).__name__}, expected float32 vectors: a peer takes no codes")

    @cached_property
    def _size(self) -> int:
        return int(self.inner.dump().nbytes)

    @property
    def nbytes(self) -> int:
        """Return the length of the library's serialised index."""
        return self._size

    def arrays(self) -> dict[str, np.ndarray]:
        """Return serialised, uint8 [m], written by the library at each call."""
        return {"serialised": self.inner.dump()}

    def meta(self) -> dict[str, str]:
        """Return what the array does not say: also the kind and the knobs."""
        return {**super().meta(), "kind": self.kind, "knobs": json.dumps(self.knobs, sort_keys=True)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these serialised bytes."""
        data, kind, dim = arrays["serialised"], meta["kind"], int(meta["dim"])
        if kind not in KINDS or meta["bits"] != "32" or data.dtype != np.uint8 or data.ndim != 1:
            raise FewbitsError(f"peer {kind!r}: got {data.dtype} {list(data.shape)} of {meta['bits']} bits")
        require()
        knobs = json.loads(meta["knobs"])
        try:
            index = cls(kind, knobs, library(kind).restore(kind, dim, data, knobs), dim, int(meta["seed"]))
        except (RuntimeError, TypeError) as error:
            raise FewbitsError(f"peer {kind}: {_words(error)}") from None
        if index.n != int(meta["n"]):
            raise FewbitsError(f"peer {kind}: got {index.n} items, expected {meta['n']}")
        return index

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        raise FewbitsError("queries: got packed codes, expected float32 vectors: a peer takes no codes")

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        self._packed_forms(queries)

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        indptr, excluded, ids, scores = rest
        if len(queries) == 1:  # the fast way of the timed searches
            groups = [(_places(ids.shape[1] + len(excluded[indptr[0] : indptr[1]]), self.n), _FIRST)]
        else:
            wanted = np.array([_places(int(places), self.n) for places in ids.shape[1] + np.diff(indptr)])
            groups = [(int(places), np.flatnonzero(wanted == places)) for places in np.unique(wanted)]
        for places, rows in groups:
            part = queries if len(rows) == len(queries) else queries[rows]
            found_scores, found = self.inner.search(part, places)
            _keep(found, found_scores, self.order, rows, indptr, excluded, ids, scores)


_FIRST = np.zeros(1, np.int64)


def _places(wanted: int, n: int) -> int:
    """Return how many a peer is asked for where so many must be found."""
    return min(n, max(FEWEST, 1 << (wanted - 1).bit_length()))


def _words(error: Exception) -> str:
    """Return what a library says, without the place in its source."""
    return str(error).rsplit("failed: ", 1)[-1].strip() or type(error).__name__


@njit(cache=True, nogil=True)
def _keep(
    found: np.ndarray, found_scores: np.ndarray, order: np.ndarray, rows: np.ndarray, indptr: np.ndarray,
    excluded: np.ndarray, ids: np.ndarray, scores: np.ndarray,
) -> None:  # fmt: skip
    """Write the items at the positions found, int64 [r, m], into the rows of ids and scores, without excluded ones."""
    for r in range(len(rows)):
        b = rows[r]
        hidden, filled = np.sort(excluded[indptr[b] : indptr[b + 1]]), 0
        for j in range(found.shape[1]):
            if found[r, j] < 0 or filled == ids.shape[1]:
                break
            item = order[found[r, j]]
            place = np.searchsorted(hidden, item)
            if place == len(hidden) or hidden[place] != item:
                ids[b, filled], scores[b, filled] = item, found_scores[r, j]
                filled += 1
        ids[b, filled:], scores[b, filled:] = -1, -np.inf
