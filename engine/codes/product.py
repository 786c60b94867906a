"""Product codes: a vector is cut into subspaces, and each part is the number of one of K centroids.

Rows may form two groups, a head (often seen) and a tail (seldom), each with its own codebooks, so that frequent rows
get more bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.codes.checks import UNIT_BYTES, check, check_optional_scales, row_steps
from engine.errors import FewbitsError


@dataclass(frozen=True, eq=False)
class Book:
    """The codebooks of one group of rows.

    Parameters
    ----------
    centroids : float32 [M, K, w]
        K centroids (2 … 256) of w dimensions in each of M subspaces.

    Raises
    ------
    FewbitsError
        For another dtype or shape, and for NaN or infinite numbers.
    """

    centroids: np.ndarray

    def __post_init__(self) -> None:
        """Check the array."""
        check("centroids", self.centroids, (np.dtype(np.float32),), 3)
        subspaces, size, width = self.centroids.shape
        if not (subspaces and 2 <= size <= 256 and width):
            raise FewbitsError(f"centroids: got {[subspaces, size, width]}, expected [M, 2 … 256, w]")
        if not np.isfinite(self.centroids).all():
            raise FewbitsError("centroids: got NaN or infinite numbers, expected finite ones")

    @property
    def subspaces(self) -> int:
        """Return M, the codes of a row."""
        return int(self.centroids.shape[0])

    @property
    def size(self) -> int:
        """Return K, the centroids of a subspace."""
        return int(self.centroids.shape[1])

    @property
    def bits(self) -> int:
        """Return the bits of a code: 1 … 8."""
        return (self.size - 1).bit_length()

    @property
    def dim(self) -> int:
        """Return the number of dimensions, M * w."""
        return self.subspaces * int(self.centroids.shape[2])

    @property
    def row_bytes(self) -> int:
        """Return the bytes of a row's packed codes."""
        return -(-self.subspaces * self.bits // 8)

    def decode(self, q: np.ndarray) -> np.ndarray:
        """Return the vectors float32 [m, dim] of codes uint8 [m, at least M]; further places are ignored."""
        return self.centroids[np.arange(self.subspaces), q[:, : self.subspaces]].reshape(len(q), self.dim)


@dataclass(frozen=True, eq=False)
class ProductCodes:
    """One centroid per subspace: a row stands for its centroids side by side, times its scale where it has one.

    Parameters
    ----------
    q : uint8 [n, M]
        Centroid numbers, below K of the row's book; M is the larger number of subspaces, and the places behind those
        of a row's own book are 0.
    books : tuple of Book
        One, or two (head and tail) of equal dim.
    tail : bool [n] or None
        The rows of the second book, where there are two.
    shared : bool
        The tail's centroids are the first ones of the head's: stored and counted once.
    row_scale : float16 [n] or None
        In [0, 1], relative to ``unit``.
    unit : float
        Not negative, exactly representable as float32; 1 where there is no row_scale.

    Raises
    ------
    FewbitsError
        For arrays of another dtype or shape, for values outside these ranges, and for books that are not shared though
        they should be.
    """

    q: np.ndarray
    books: tuple[Book, ...]
    tail: np.ndarray | None = None
    shared: bool = False
    row_scale: np.ndarray | None = None
    unit: float = 1.0

    def __post_init__(self) -> None:
        """Check arrays and ranges."""
        check("q", self.q, (np.dtype(np.uint8),), 2)
        if len(self.books) not in (1, 2) or len({book.dim for book in self.books}) != 1:
            dims = [book.dim for book in self.books]
            raise FewbitsError(f"books: got {len(dims)} of dimensions {dims}, expected one, or two of equal dimension")
        self._check_tail()
        width = max(book.subspaces for book in self.books)
        if self.q.shape[1] != width:
            raise FewbitsError(f"q: got {self.q.shape[1]} codes a row, expected {width}, one for each subspace")
        for book, ids in self.groups():
            q = self.q[ids]
            if (q[:, : book.subspaces] > book.size - 1).any() or q[:, book.subspaces :].any():
                raise FewbitsError(
                    f"q: got codes up to {q.max()} in a group of {book.subspaces} subspaces of {book.size} centroids, "
                    "expected smaller ones, and 0 behind the last subspace"
                )
        check_optional_scales(self.row_scale, self.unit, self.n)

    def _check_tail(self) -> None:
        if (self.tail is None) != (len(self.books) == 1):
            raise FewbitsError(
                f"tail: got {self.tail!r} with {len(self.books)} books, expected flags where there are 2"
            )
        if self.tail is not None:
            check("tail", self.tail, (np.dtype(np.bool_),), 1)
            if len(self.tail) != self.n:
                raise FewbitsError(f"tail: got {len(self.tail)} flags, expected one for each of {self.n} rows")
        if self.shared:
            head, tail = (self.books[0].centroids, self.books[-1].centroids)
            if self.tail is None or not np.array_equal(head[:, : tail.shape[1]], tail):
                raise FewbitsError("shared: got True, expected two books, the tail's centroids the first of the head's")

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return int(self.q.shape[0])

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.books[0].dim

    @property
    def bits(self) -> int:
        """Return the bits of a code; of the head's where there are two groups."""
        return self.books[0].bits

    @property
    def nbytes(self) -> int:
        """Return the stored bytes: packed codes, centroids, tail flags, and scales with their unit."""
        packed = sum(book.row_bytes * len(self.q[ids]) for book, ids in self.groups())
        centroids = sum(book.centroids.nbytes for book in (self.books[:1] if self.shared else self.books))
        flags = 0 if self.tail is None else -(-self.n // 8)
        return packed + centroids + flags + (0 if self.row_scale is None else 2 * self.n + UNIT_BYTES)

    def groups(self) -> Iterator[tuple[Book, np.ndarray]]:
        """Yield each book with its rows, bool [n]."""
        tail = np.zeros(self.n, np.bool_) if self.tail is None else self.tail
        yield from zip(self.books, (~tail, tail), strict=False)

    def decode(self) -> np.ndarray:
        """Return the vectors that the codes stand for, float32 [n, dim]."""
        vectors = np.empty((self.n, self.dim), np.float32)
        for book, ids in self.groups():
            vectors[ids] = book.decode(self.q[ids])
        return vectors if self.row_scale is None else vectors * self.steps()[:, None]

    def steps(self) -> np.ndarray:
        """Return what each row's centroids are multiplied with, float32 [n]."""
        return row_steps(self.row_scale, self.unit, self.n)

    def rows(self, ids: np.ndarray | slice) -> Self:
        """Return the codes of these rows."""
        tail = None if self.tail is None else self.tail[ids]
        scale = None if self.row_scale is None else self.row_scale[ids]
        return type(self)(self.q[ids], self.books, tail, self.shared, scale, self.unit)
