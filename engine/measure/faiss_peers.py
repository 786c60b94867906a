"""The faiss indexes that ``bench kernels`` measures beside ours, each built from the same vectors; needs the extra."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import FewbitsError
from engine.measure.formats import Source

TRAINING = 10_240
"""Vectors that codebooks and ranges are learned from: what a search costs does not depend on them."""


@dataclass(frozen=True)
class Peer:
    """One of faiss's indexes: how it is made, what it is given in place of vectors, and its bytes per dimension."""

    make: Callable[[int], Any]
    given: Callable[[np.ndarray], np.ndarray]
    bytes: float


def build(name: str, source: Source, threads: int) -> Any:
    """Return the index of these vectors.

    Raises
    ------
    FewbitsError
        With faiss's own words, where it refuses the number of vectors or dimensions.
    """
    import faiss

    peer = PEERS[name]
    faiss.omp_set_num_threads(threads)
    try:
        index = peer.make(source.dim)
        if not index.is_trained:
            index.train(peer.given(source.first(TRAINING)))
        for _, x in source.chunks():
            index.add(peer.given(x))
    except RuntimeError as error:
        raise FewbitsError(f"faiss {name}: {str(error).rsplit(': ', 1)[-1]}") from None
    return index


def set_threads(threads: int) -> None:
    """Let faiss use so many threads when it is called from this one."""
    import faiss

    faiss.omp_set_num_threads(threads)


def plain(x: np.ndarray) -> np.ndarray:
    """Return the vectors as they are."""
    return x


def as_bytes(x: np.ndarray) -> np.ndarray:
    """Return whole numbers 0 … 255, as SQ8-direct stores them, float32 [m, D]."""
    return np.clip(np.rint(32 * x + 128), 0, 255).astype(np.float32)


def as_signs(x: np.ndarray) -> np.ndarray:
    """Return the signs, packed uint8 [m, D/8 rounded up]."""
    return np.packbits(x >= 0, axis=1)


def _flat(dim: int) -> Any:
    import faiss

    return faiss.IndexFlatIP(dim)


def _scalar(kind: str) -> Callable[[int], Any]:
    def make(dim: int) -> Any:
        import faiss

        return faiss.IndexScalarQuantizer(dim, getattr(faiss.ScalarQuantizer, kind), faiss.METRIC_INNER_PRODUCT)

    return make


def _binary(dim: int) -> Any:
    import faiss

    return faiss.IndexBinaryFlat(-(-dim // 8) * 8)


def _rabitq(query_bits: int) -> Callable[[int], Any]:
    def make(dim: int) -> Any:
        import faiss

        index = faiss.IndexRaBitQFastScan(dim, faiss.METRIC_INNER_PRODUCT)
        index.qb = query_bits
        return index

    return make


def _product(name: str, subspaces: int, bits: int) -> Callable[[int], Any]:
    def make(dim: int) -> Any:
        import faiss

        index = getattr(faiss, name)(dim, subspaces, bits, faiss.METRIC_INNER_PRODUCT)
        index.pq.cp.min_points_per_centroid = 1  # no advice on standard error: small catalogues are meant
        return index

    return make


PEERS = {
    "FlatIP": Peer(_flat, plain, 4),
    "SQ8": Peer(_scalar("QT_8bit"), plain, 1),
    "SQ8-direct": Peer(_scalar("QT_8bit_direct"), as_bytes, 1),
    "SQ4": Peer(_scalar("QT_4bit"), plain, 0.5),
    "BinaryFlat": Peer(_binary, as_signs, 0.125),
    "RaBitQFastScan": Peer(_rabitq(8), plain, 0.5),
    "RaBitQFastScan, q4": Peer(_rabitq(4), plain, 0.5),
    "PQFastScan 16×4": Peer(_product("IndexPQFastScan", 16, 4), plain, 0.5),
    "PQ 8×8": Peer(_product("IndexPQ", 8, 8), plain, 0.125),
    "PQ 16×8": Peer(_product("IndexPQ", 16, 8), plain, 0.25),
}
