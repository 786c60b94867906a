"""Product codes by k-means: a vector is cut into M parts, and each is stored as the number of its nearest centroid.

`pq`: Herve Jegou, Matthijs Douze, Cordelia Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011,
https://doi.org/10.1109/TPAMI.2010.57. x = [x_1 … x_M], each x_j stands as V_j(c_j), c_j = argmin_k |x_j - V_j(k)|^2,
with K = 2^bits centroids found by k-means (paper). M * bits / 8 bytes a row, and 4 K d of codebooks a table.

`opq`: Tiezheng Ge, Kaiming He, Qifa Ke, Jian Sun, "Optimized Product Quantization", CVPR 2013 and TPAMI 2014,
https://doi.org/10.1109/TPAMI.2013.240. First an orthogonal R, learned from the items V by turns: with R fixed, one turn
of k-means on the parts of V R; with codes and centroids fixed, R is the Procrustes solution that brings V R nearest to
what is stored (paper). It starts from the paper's parametric solution: principal directions, dealt out to the parts so
that the products of their variances are alike. Both tables are turned by R, so inner products stay, and the floats
that users are served with are u R. Differs from the paper: variances are taken about zero, as inner products are; 25
turns, as 50 add nothing here (ours).

What is coded is the served vector, of items and of users, each table with centroids of its own. Differs from both
papers:

- ``scale="row"`` (ours) takes a row's length out before k-means and stores a float16 in its place, a = |x| / <x/|x|, v>
  where v are the centroids of x/|x|, so that <x, a v> = |x|^2: lengths carry popularity, and a row must not lose any
  for fitting its centroids badly. At most 2 |x|, so that one odd row does not take the others' precision.
- ``weights="norm"`` (ours) counts an item's squared error |x|^2 times, since long items fill the top lists, and a
  user's as if the user had length 1, since a user's length changes nothing in the user's own list.
- centroids and rotation are learned from at most 65,536 rows (ours).

Seen on Gowalla (LightGCN, 64 dimensions, 8 parts of 8 bits, 10,000 users): the share of recall@20 kept and overlap@20
with float queries, then with the users' own codes.

    scale  weights  pq                         opq
    none   equal    79.5 % 0.48, 70.7 % 0.41   82.8 % 0.55, 76.6 % 0.48   as published, 8 bytes an item
    none   norm     85.6 % 0.58, 78.6 % 0.50   87.2 % 0.61, 79.8 % 0.53
    row    equal    91.8 % 0.67, 83.3 % 0.57   92.5 % 0.68, 85.3 % 0.59   10 bytes
    row    norm     92.6 % 0.68, 85.0 % 0.58   93.2 % 0.69, 85.6 % 0.60

The scale |x| alone keeps 0.4 to 2.1 points less recall than a. Stretching both tables so that users' second moments
are alike in all directions keeps less as well. These are of one seed; another moves the recall kept by up to a point.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.codes import Book, ProductCodes
from engine.errors import FewbitsError
from engine.quantizers.base import Quantizer, as_matrix
from engine.quantizers.kmeans import check_subspaces, improved, kmeans_books, nearest, sample
from engine.quantizers.rotation import LARGEST, Turned, procrustes, rotated
from engine.quantizers.uniform import importance, relative_scale
from engine.spec import Strict

ROUNDS = 25
"""Turns of k-means; 50 lower the squared error by less than 1 % at 8 and 16 parts of 64 dimensions."""
ROTATION_ROUNDS = 25
MOST = 2.0
"""A row's scale is at most so many of its lengths."""


class ProductOptions(Strict):
    """The options of product codes."""

    subspaces: int = Field(8, ge=1, le=4096, description="parts of a vector; must divide the model's dimensions")
    scale: Literal["row", "none"] = Field("row", description="one float16 scale a row, or none as published")
    weights: Literal["norm", "equal"] = Field(
        "norm", description="long items count more in k-means, or all alike as published"
    )


class Pq(Quantizer):
    """Product quantization."""

    name = "pq"
    title = "PQ: k-means codebooks"
    explanation = (
        "Cuts every vector into parts and stores each as the number of its nearest centroid, found by k-means. "
        "One byte can stand for 8 dimensions, so this goes below one bit a number where quality allows."
    )
    link = "https://doi.org/10.1109/TPAMI.2010.57"
    bits = (8, 4)

    class Options(ProductOptions):
        """The options of `Pq`."""

    @classmethod
    def check(cls, bits: int, options: Any, dim: int) -> None:
        """Raise a FewbitsError unless the sub-spaces divide the dimensions."""
        check_subspaces(dim, options.subspaces)

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:
        """Learn the centroids of both tables."""
        vectors = {table: as_matrix(self.vectors(layers, table), table) for table, layers in tables.items()}
        self.books = learned_books(vectors, self.options, 1 << self.width, self.seed)

    def codes(self, layers: Sequence[Any], table: str) -> ProductCodes:
        """Return the numbers of the nearest centroids."""
        return nearest_codes(as_matrix(self.vectors(layers, table), table), book_of(self, table), self.options)


class Opq(Turned):
    """Product quantization after a learned rotation."""

    name = "opq"
    title = "OPQ: learned rotation, k-means codebooks"
    explanation = (
        "PQ after a learned rotation that spreads what matters evenly over the parts of a vector. "
        "It costs nothing in a search: vectors are turned once, before they are stored."
    )
    link = "https://doi.org/10.1109/TPAMI.2013.240"
    bits = (8, 4)

    class Options(ProductOptions):
        """The options of `Opq`."""

    @classmethod
    def check(cls, bits: int, options: Any, dim: int) -> None:
        """Raise a FewbitsError unless the sub-spaces divide the dimensions."""
        check_subspaces(dim, options.subspaces)

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:
        """Learn the rotation from the item vectors, then the centroids of both tables."""
        items = self.plain(tables["item"], "item")
        self.rotation = learned_rotation(items, self.options, 1 << self.width, np.random.default_rng(self.seed))
        vectors = {table: self.vectors(layers, table) for table, layers in tables.items()}
        self.books = learned_books(vectors, self.options, 1 << self.width, self.seed)

    def codes(self, layers: Sequence[Any], table: str) -> ProductCodes:
        """Return the numbers of the nearest centroids of the rotated vectors."""
        return nearest_codes(self.vectors(layers, table), book_of(self, table), self.options)


def learned_books(
    vectors: Mapping[str, np.ndarray], options: ProductOptions, centroids: int, seed: int
) -> dict[str, np.ndarray]:
    """Return the codebooks float32 [M, K, w] of each table's vectors float32 [n, d]."""
    books = {}
    for stream, (table, z) in enumerate(sorted(vectors.items())):
        rows, weights, rng = _rows(z, options), _weights(z, table, options), np.random.default_rng([seed, stream])
        books[table] = kmeans_books(rows, options.subspaces, centroids, ROUNDS, rng, weights)
    return books


def book_of(quantizer: Pq | Opq, table: str) -> np.ndarray:
    """Return the codebooks of a table, or raise a FewbitsError where there are none yet."""
    books: dict[str, np.ndarray] = getattr(quantizer, "books", {})
    if table not in books:
        raise FewbitsError(f"got no codebooks of table {table!r}; call fit with both tables before codes")
    return books[table]


def nearest_codes(z: np.ndarray, books: np.ndarray, options: ProductOptions) -> ProductCodes:
    """Return vectors float32 [n, d] as the numbers of their nearest centroids, with a scale a row if asked."""
    rows = _rows(z, options)
    q, book = nearest(rows, books), Book(books)
    if options.scale == "none":
        return ProductCodes(q, (book,))
    along = np.einsum("nd,nd->n", rows, book.decode(q), dtype=np.float64)  # <x/|x|, v>
    scales = np.minimum(_lengths(z) / np.maximum(along, 1 / MOST), LARGEST)
    row_scale, unit = relative_scale(scales.astype(np.float32))
    return ProductCodes(q, (book,), row_scale=row_scale, unit=unit)


def learned_rotation(
    items: np.ndarray, options: ProductOptions, centroids: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the rotation of `opq`, float64 [d, d], for item vectors float32 [n, d]."""
    v, weights = sample(_rows(items, options), _weights(items, "item", options), rng)
    weights = np.ones(len(v)) if weights is None else weights / max(weights.max(initial=0), np.finfo(float).tiny)
    weighted = v * np.sqrt(weights)[:, None]  # float64 [n, d]
    rotation = balanced_directions(weighted.T @ weighted, options.subspaces)
    books = kmeans_books(rotated(v, rotation), options.subspaces, centroids, 0, rng)
    for _ in range(ROTATION_ROUNDS):
        turned = rotated(v, rotation)
        books = improved(turned, books, 1, weights)
        stored = Book(books).decode(nearest(turned, books))
        rotation = procrustes(weighted.T @ (stored * np.sqrt(weights)[:, None]))
    return rotation


def balanced_directions(moments: np.ndarray, subspaces: int) -> np.ndarray:
    """Return the eigenvectors of float64 [d, d] as columns, dealt to the parts so that their products are alike.

    Largest first, each goes to the part whose eigenvalues have the smallest product so far and that is not yet full.
    """
    check_subspaces(len(moments), subspaces)
    values, directions = np.linalg.eigh(moments)
    logs = np.log(np.maximum(values, max(values[-1], np.finfo(float).tiny) * 1e-15))  # smaller ones are noise
    logs -= logs.min()  # none is negative, so that a product never shrinks as its part fills
    parts: list[list[int]] = [[] for _ in range(subspaces)]
    for direction in np.argsort(-logs, kind="stable"):
        room = [part for part in parts if len(part) < len(moments) // subspaces]
        min(room, key=lambda part: logs[part].sum()).append(int(direction))
    return directions[:, [direction for part in parts for direction in part]]


def _rows(z: np.ndarray, options: ProductOptions) -> np.ndarray:
    """Return what k-means is given, float32 [n, d]: the vectors, or x/|x| where their lengths are taken out."""
    if options.scale == "none":
        return z
    lengths = _lengths(z)
    return np.divide(z, lengths[:, None], out=np.zeros(z.shape), where=lengths[:, None] > 0).astype(np.float32)


def _weights(z: np.ndarray, table: str, options: ProductOptions) -> np.ndarray | None:
    """Return how much the squared error of each of `_rows` counts, float64 [n], or None where all count alike."""
    if options.weights == "equal" or (table == "user" and options.scale == "row"):
        return None
    return importance(z, table)


def _lengths(z: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("nd,nd->n", z, z, dtype=np.float64))
