"""Other libraries' indexes behind one face: build from vectors, search, and their own serialised bytes and back.

Each is given float32 vectors, and returns positions among them with inner products, best first; -1 where it found none.
Built by one thread, since graphs built by several differ from time to time. Needs the extra ``peers``; what a library
refuses, it says as RuntimeError or ValueError.
"""

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from engine.codes.peers import KINDS

Found = tuple[np.ndarray, np.ndarray]
"""Scores float32 [B, k] and positions int64 [B, k]."""
SEED = 20


class Faiss:
    """An index of faiss with the inner product; "binary" takes signs on both sides."""

    threads = 1

    def __init__(self, kind: str, dim: int, index: Any) -> None:
        self.kind, self.dim, self.index = kind, dim, index

    @classmethod
    def build(cls, kind: str, values: np.ndarray, knobs: Mapping[str, int]) -> Self:
        """Return the index of float32 [n, D]."""
        import faiss

        faiss.omp_set_num_threads(1)
        self = cls(kind, values.shape[1], _faiss_index(kind, len(values), values.shape[1], knobs))
        if not self.index.is_trained:
            self.index.train(values)
        self.index.add(self._given(values))
        return self

    @classmethod
    def restore(cls, kind: str, dim: int, data: np.ndarray, knobs: Mapping[str, int]) -> Self:
        """Return the index with these serialised bytes, uint8 [m]."""
        import faiss

        index = faiss.deserialize_index_binary(data) if kind == "binary" else faiss.deserialize_index(data)
        if index.d != (_bits(dim) if kind == "binary" else dim):
            raise ValueError(f"got {index.d} dimensions, expected {dim}")
        return cls(kind, dim, index)

    def dump(self) -> np.ndarray:
        """Return the serialised bytes, uint8 [m]."""
        import faiss

        binary = self.kind == "binary"
        return np.asarray(faiss.serialize_index_binary(self.index) if binary else faiss.serialize_index(self.index))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def search(self, queries: np.ndarray, k: int) -> Found:
        """Return the k best of each query float32 [B, D]."""
        import faiss

        faiss.omp_set_num_threads(self.threads)
        scores, found = self.index.search(self._given(queries), k)
        if self.kind == "binary":
            scores = np.float32(self.dim) - np.float32(2) * scores.astype(np.float32)  # the product of the signs
        return scores, found

    def _given(self, x: np.ndarray) -> np.ndarray:
        return np.packbits(x >= 0, axis=1) if self.kind == "binary" else x


def _faiss_index(kind: str, n: int, dim: int, knobs: Mapping[str, int]) -> Any:
    import faiss

    product, scalar = faiss.METRIC_INNER_PRODUCT, faiss.ScalarQuantizer
    index: Any
    if kind == "flat":
        return faiss.IndexFlatIP(dim)
    if kind in ("sq8", "sq4"):
        return faiss.IndexScalarQuantizer(dim, scalar.QT_8bit if kind == "sq8" else scalar.QT_4bit, product)
    if kind in ("pq", "pqfastscan"):
        make, bits = (faiss.IndexPQ, 8) if kind == "pq" else (faiss.IndexPQFastScan, 4)
        index = make(dim, knobs["subspaces"], bits, product)
        index.pq.cp.min_points_per_centroid = 1  # no advice on standard error: small catalogues are measured too
        return index
    if kind == "binary":
        return faiss.IndexBinaryFlat(_bits(dim))
    if kind == "rabitq":
        return faiss.IndexRaBitQFastScan(dim, product)
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, knobs["links"], product)
        index.hnsw.efConstruction, index.hnsw.efSearch = knobs["ef_build"], knobs["ef_search"]
        return index
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, max(1, min(n, round(4 * math.sqrt(n)))), product)
    index.nprobe, index.cp.min_points_per_centroid = knobs["nprobe"], 1
    return index


def _bits(dim: int) -> int:
    """Return the dimensions in whole bytes of signs."""
    return -(-dim // 8) * 8


class Usearch:
    """The graph of usearch, with vectors as float32."""

    threads = 1

    def __init__(self, dim: int, knobs: Mapping[str, int]) -> None:
        from usearch.index import Index

        self.index = Index(
            ndim=dim, metric="ip", dtype="f32", connectivity=knobs["links"], expansion_add=knobs["ef_build"],
            expansion_search=knobs["ef_search"],
        )  # fmt: skip

    @classmethod
    def build(cls, kind: str, values: np.ndarray, knobs: Mapping[str, int]) -> Self:
        """Return the index of float32 [n, D]."""
        self = cls(values.shape[1], knobs)
        self.index.add(np.arange(len(values), dtype=np.uint64), values, threads=1)
        return self

    @classmethod
    def restore(cls, kind: str, dim: int, data: np.ndarray, knobs: Mapping[str, int]) -> Self:
        """Return the index with these serialised bytes, uint8 [m]."""
        self = cls(dim, knobs)
        self.index.load(data.tobytes())
        if self.index.ndim != dim:
            raise ValueError(f"got {self.index.ndim} dimensions, expected {dim}")
        return self

    def dump(self) -> np.ndarray:
        """Return the serialised bytes, uint8 [m]."""
        return np.frombuffer(self.index.save(), np.uint8)

    def __len__(self) -> int:
        return len(self.index)

    def search(self, queries: np.ndarray, k: int) -> Found:
        """Return the k best of each query float32 [B, D]."""
        matches = self.index.search(queries, k, threads=self.threads)
        found = np.full((len(queries), k), -1, np.int64)
        scores = np.full(found.shape, -np.inf, np.float32)
        if len(queries) == 1:  # then usearch returns one list, as long as what it found
            found[0, : len(matches)], scores[0, : len(matches)] = matches.keys, 1 - matches.distances
            return scores, found
        there = np.arange(k) < matches.counts[:, None]
        found[there], scores[there] = matches.keys[there], 1 - matches.distances[there]
        return scores, found


class Hnswlib:
    """The graph of hnswlib."""

    threads = 1

    def __init__(self, index: Any) -> None:
        self.index = index

    @classmethod
    def build(cls, kind: str, values: np.ndarray, knobs: Mapping[str, int]) -> Self:
        """Return the index of float32 [n, D]."""
        import hnswlib

        index = hnswlib.Index("ip", values.shape[1])
        index.init_index(len(values), M=knobs["links"], ef_construction=knobs["ef_build"], random_seed=SEED)
        index.add_items(values, np.arange(len(values)), num_threads=1)
        index.set_ef(knobs["ef_search"])
        return cls(index)

    @classmethod
    def restore(cls, kind: str, dim: int, data: np.ndarray, knobs: Mapping[str, int]) -> Self:
        """Return the index with these serialised bytes, uint8 [m]; hnswlib reads files alone."""
        import hnswlib

        index, head = hnswlib.Index("ip", dim), data[:48].view(np.uint64)  # it would not notice another dimension
        if len(head) < 6 or int(head[4] - head[5]) != 4 * dim:
            raise ValueError(f"got vectors of another length, expected {dim} dimensions")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index"
            path.write_bytes(data.tobytes())
            index.load_index(str(path))
        index.set_ef(knobs["ef_search"])
        return cls(index)

    def dump(self) -> np.ndarray:
        """Return the serialised bytes, uint8 [m]."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index"
            self.index.save_index(str(path))
            return np.frombuffer(path.read_bytes(), np.uint8)

    def __len__(self) -> int:
        return int(self.index.get_current_count())

    def search(self, queries: np.ndarray, k: int) -> Found:
        """Return the k best of each query float32 [B, D]; fewer where the graph does not reach as many."""
        try:
            found, distances = self.index.knn_query(queries, k=k, num_threads=self.threads)
        except RuntimeError:  # it found fewer than k for a query, and refuses all of them
            return self._one_by_one(queries, k)
        return 1 - distances, found.astype(np.int64)

    def _one_by_one(self, queries: np.ndarray, k: int) -> Found:
        found = np.full((len(queries), k), -1, np.int64)
        scores = np.full(found.shape, -np.inf, np.float32)
        for row, query in enumerate(queries):
            labels, distances = self._longest(query[None], k)
            found[row, : len(labels)], scores[row, : len(labels)] = labels, 1 - distances
        return scores, found

    def _longest(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and distances of the k best of one query [1, D], or of as many as the graph reaches.

        Halves what lies between the longest list that it gave and the shortest that it refused.
        """
        labels = distances = np.empty((1, 0), np.float32)
        asked, refused = min(k, len(self)), min(k, len(self)) + 1
        while asked > labels.shape[1]:
            try:
                labels, distances = self.index.knn_query(query, k=asked, num_threads=1)
            except RuntimeError:
                refused = asked
            asked = (labels.shape[1] + refused) // 2
        return labels[0], distances[0]


LIBRARIES: dict[str, Any] = {"faiss": Faiss, "usearch": Usearch, "hnswlib": Hnswlib}


def library(kind: str) -> Any:
    """Return the class that builds and restores this kind of index."""
    return LIBRARIES[KINDS[kind]]
