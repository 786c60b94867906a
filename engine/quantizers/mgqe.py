"""MGQE: product codes with more centroids for frequent rows.

Kang et al., "Learning Multi-granular Quantized Embeddings for Large-Vocab Categorical Features in Recommender
Systems", https://arxiv.org/abs/2002.08530. Quantized as in `engine.quantizers.dpq`. Rows are sorted by their training
interactions; the head, a share of them, and the tail are coded apart:

- (paper) ``shared``: one set of codebooks, of which the tail may use the first K_tail centroids only;
- (paper) ``separate``: codebooks of their own, K and K_tail centroids;
- (paper) ``subspaces``: codebooks of their own, the tail with fewer sub-spaces M_tail.
- (ours) the head is the first 10 %; ties of frequency go by the row's number. Under ``shared`` the first K_tail
  centroids start by k-means on all rows, the others by k-means on the head alone. A row's group is a stored bit.
- The mask on the tail's centroids comes after the batch norm: the norm's statistics are those of each group (ours).

Bits: Σ_g n_g M_g log2 K_g + 32 K d, n bits of flags, and 16 n of scales with ``scale=row``. With M = d = 64 and
256/64 centroids: 19.4 % of float32, and the codebooks.

Does the tail lose? Recall@20 of test items among the most frequent 10 % and among the others, Gowalla, seed 0, float32
users: full precision 0.301 and 0.053; M = 64, 256/64 centroids 0.303 and 0.052; M = 16, 256/16, row scale 0.298 and
0.046. With four bits a code the tail pays; on ML-1M it hardly does (0.090; 0.090; 0.088).
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.quantizers.dpq import DPQ, ROUNDS, ProductOptions
from engine.quantizers.kmeans import check_subspaces, kmeans_books


class MGQE(DPQ):
    """Learned product codes, finer for the head than for the tail."""

    name = "mgqe"
    title = "MGQE"
    explanation = (
        "Product codes that spend more bits on frequent users and items than on rare ones, tuned end to end. "
        "As published it matches full precision at a fifth of the memory."
    )
    link = "https://arxiv.org/abs/2002.08530"
    bits = (8,)

    class Options(ProductOptions):
        """The options of `MGQE`."""

        subspaces: int = Field(16, ge=1, le=1024, description="M, the codes of a vector; divides its dimensions")
        tail: Literal["shared", "separate", "subspaces"] = Field(
            "shared", description="the tail uses the head's first centroids, its own ones, or fewer sub-spaces"
        )
        tail_bits: int = Field(4, ge=1, le=8, description="bits of a tail code: log2 of its centroids")
        tail_subspaces: int = Field(8, ge=1, le=1024, description="codes of a tail vector, where it has fewer")
        head_share: float = Field(0.1, gt=0, lt=1, description="share of the rows that count as frequent")

    @classmethod
    def check(cls, bits: int, options: Any, dim: int) -> None:
        super().check(bits, options, dim)
        if options.tail == "subspaces":
            check_subspaces(dim, options.tail_subspaces)

    def _books(self, x: np.ndarray, table: str, counts: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        subspaces, few = self.options.subspaces, self.options.tail_subspaces
        weights = self._weights(x, table)
        weights = np.ones(len(x)) if weights is None else weights
        head = np.argsort(-counts, kind="stable")[: max(1, round(self.options.head_share * len(x)))]
        tail = np.ones(len(x), np.bool_)
        tail[head] = False
        size, small = 1 << self.width, 1 << self.options.tail_bits
        books = {f"tail.{table}": tail}
        if self.options.tail == "shared":
            first = kmeans_books(x, subspaces, small, ROUNDS, rng, weights)
            rest = [kmeans_books(x[head], subspaces, size - small, ROUNDS, rng, weights[head])] if size > small else []
            return {**books, f"value.{table}.0": np.concatenate([first, *rest], 1)}
        if self.options.tail == "subspaces":
            subspaces_tail, small = few, size
        else:
            subspaces_tail = subspaces
        books[f"value.{table}.0"] = kmeans_books(x[head], subspaces, size, ROUNDS, rng, weights[head])
        books[f"value.{table}.1"] = kmeans_books(x[tail], subspaces_tail, small, ROUNDS, rng, weights[tail])
        return books

    def _groups(self, table: str, rows: Any, n: int) -> Iterator[tuple[int, Any]]:
        tail = self.state[f"tail.{table}"]
        mine = tail if rows is None else tail[rows]
        for group, flags in enumerate((~mine, mine)):
            yield group, flags.nonzero()[:, 0]

    def _value(self, table: str, group: int) -> Any:
        if group and self.options.tail == "shared":
            return self.state[f"value.{table}.0"][:, : 1 << self.options.tail_bits]
        return self.state[f"value.{table}.{group}"]

    def _key(self, table: str, group: int) -> Any:
        if group and self.options.tail == "shared" and self.options.variant == "sx":
            return self.state[f"key.{table}.0"][:, : 1 << self.options.tail_bits]
        return super()._key(table, group)

    def _own_centroids(self, used: dict[tuple[str, int], list[Any]]) -> Iterator[tuple[str, int, list[Any]]]:
        if self.options.tail != "shared":
            yield from super()._own_centroids(used)
            return
        for table in dict.fromkeys(table for table, _ in used):  # both groups use the head's centroids
            yield table, 0, used.get((table, 0), []) + used.get((table, 1), [])

    def _all_groups(self) -> range:
        return range(2)

    def _flags(self, table: str) -> dict[str, Any]:
        return {"tail": self.state[f"tail.{table}"].numpy(), "shared": self.options.tail == "shared"}
