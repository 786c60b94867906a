"""k-means in each sub-space: Lloyd's turns of assignment and mean, on 32-bit numbers in plain numpy.

A sub-space is a run of neighbouring dimensions. Every centroid starts at a row of its own. One that no row is nearest
to moves to the row whose error is largest. Numbers are taken relative to a power of two above the largest, so that
squares neither vanish nor overflow, and codes do not depend on a table's overall size.
"""

import numpy as np

from engine.errors import FewbitsError

MAX_CENTROIDS = 256
SAMPLE_ROWS = 65_536
"""Rows that centroids and rotations are learned from, at most: 256 rows for each of 256 centroids."""
CHUNK_ROWS = 256
"""Rows compared with all centroids at once: 256 x 256 products stay in the second-level cache."""


def kmeans_books(
    vectors: np.ndarray,
    subspaces: int,
    centroids: int,
    rounds: int,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return codebooks float32 [M, K, w] of vectors float32 [n, d], d = M * w, after at most so many turns.

    With fewer different rows than centroids some centroids are equal; without any row all are zero.

    Parameters
    ----------
    weights : float64 [n], optional
        How much each row's squared error counts, not negative; all count alike without.

    Raises
    ------
    FewbitsError
        Where ``subspaces`` does not divide d, and for more than 256 centroids or none.
    """
    check_subspaces(vectors.shape[1], subspaces)
    if not 1 <= centroids <= MAX_CENTROIDS:
        raise FewbitsError(f"centroids: got {centroids}, expected 1 … {MAX_CENTROIDS}")
    if not len(vectors):
        return np.zeros((subspaces, centroids, vectors.shape[1] // subspaces), np.float32)
    vectors, weights = sample(vectors, weights, rng)
    starts = [rng.permutation(len(vectors))[np.arange(centroids) % len(vectors)] for _ in range(subspaces)]
    parts = np.split(vectors, subspaces, axis=1)
    return improved(vectors, np.stack([p[s] for p, s in zip(parts, starts, strict=True)]), rounds, weights)


def improved(vectors: np.ndarray, books: np.ndarray, rounds: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Return codebooks float32 [M, K, w] after at most so many more turns, as `kmeans_books` takes them."""
    exponent = _exponent(vectors, books)
    parts = np.split(np.ldexp(vectors, -exponent), len(books), axis=1)
    turned = [_turns(p, book, rounds, weights) for p, book in zip(parts, np.ldexp(books, -exponent), strict=True)]
    return np.ldexp(np.stack(turned), exponent)


def nearest(vectors: np.ndarray, books: np.ndarray) -> np.ndarray:
    """Return the numbers, uint8 [n, M], of the centroids of float32 [M, K, w] nearest to the parts of float32 [n, d].

    Of equally near ones the first is taken.
    """
    exponent = _exponent(vectors, books)
    parts = np.split(np.ldexp(vectors, -exponent), len(books), axis=1)
    codes = [_nearest(p, book) for p, book in zip(parts, np.ldexp(books, -exponent), strict=True)]
    return np.stack(codes, axis=1)


def sample(
    vectors: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return at most `SAMPLE_ROWS` rows and their weights; all rows, and nothing drawn, where there are no more."""
    if len(vectors) <= SAMPLE_ROWS:
        return vectors, weights
    rows = np.sort(rng.choice(len(vectors), SAMPLE_ROWS, replace=False))
    return vectors[rows], None if weights is None else weights[rows]


def check_subspaces(dim: int, subspaces: int) -> None:
    """Raise a FewbitsError that names the divisors of ``dim`` unless ``subspaces`` is one of them."""
    if subspaces < 1 or dim % subspaces:
        divisors = ", ".join(str(m) for m in range(1, dim + 1) if dim % m == 0)
        raise FewbitsError(f"subspaces: got {subspaces}, expected a divisor of the {dim} dimensions: {divisors}")


def _exponent(vectors: np.ndarray, books: np.ndarray) -> int:
    """Return an e such that all numbers are below 2^e in size."""
    return int(np.frexp(max(np.abs(vectors).max(initial=0), np.abs(books).max(initial=0)))[1])


def _turns(rows: np.ndarray, book: np.ndarray, rounds: int, weights: np.ndarray | None) -> np.ndarray:
    """Return centroids float32 [K, w] of one sub-space after Lloyd's turns; fewer once no row changes its centroid."""
    last = None
    for _ in range(rounds if len(rows) else 0):
        codes = _nearest(rows, book)
        if last is not None and (codes == last).all():
            break
        last, book = codes, _means(rows, codes, book, weights)
    return book


def _nearest(rows: np.ndarray, book: np.ndarray) -> np.ndarray:
    """Return argmin_k |x - v_k|^2 = argmax_k <x, v_k> - |v_k|^2 / 2, uint8 [n]."""
    terms = np.vstack([book.T, np.float32(-0.5) * _squares(book)])  # [w + 1, K]: the last row meets a 1
    codes = np.empty(len(rows), np.uint8)
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]
        padded = np.concatenate([chunk, np.ones((len(chunk), 1), np.float32)], axis=1)
        codes[start : start + CHUNK_ROWS] = (padded @ terms).argmax(axis=1)
    return codes


def _means(rows: np.ndarray, codes: np.ndarray, book: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the weighted mean of each centroid's rows, float32 [K, w]; one without rows goes to the largest error.

    One whose rows all have the weight 0 stays where it is.
    """
    weights, k = np.ones(len(rows)) if weights is None else weights, len(book)
    totals = np.bincount(codes, weights, k)[:, None]
    sums = np.stack([np.bincount(codes, weights * column, k) for column in rows.T], axis=1)  # float64 [K, w]
    means = np.divide(sums, totals, out=book.astype(np.float64), where=totals > 0)
    empty = np.flatnonzero(np.bincount(codes, minlength=k) == 0)
    errors = weights * _squares(rows - book[codes]) if len(empty) else weights
    for centroid in empty:
        worst = int(errors.argmax())
        if errors[worst] <= 0:
            break  # every row lies on a centroid
        means[centroid] = rows[worst]
        errors = np.minimum(errors, weights * _squares(rows - rows[worst]))  # the next goes elsewhere
    return means.astype(np.float32)


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nw,nw->n", rows, rows)
