"""Codes and queries whose inner products are exact in float32, so that lists can be compared place by place.

Entries are small integers, scales powers of two: no sum is rounded, in whatever order it is taken.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.codes import Book, Codes, FloatCodes, LayeredBinaryCodes, ProductCodes, RerankedCodes, ScalarCodes


def floats(dtype: type[np.generic]) -> Callable[..., FloatCodes]:
    """Codes of small integers as floats."""
    return lambda n, dim, rng, spread=8: FloatCodes(small(n, dim, rng, spread).astype(dtype))


def small(n: int, dim: int, rng: np.random.Generator, spread: int) -> np.ndarray:
    """Integers from -8 to 8, or of a smaller spread."""
    return rng.integers(-min(spread, 8), min(spread, 8) + 1, (n, dim))


def scales(shape: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Scales 0, 1/4, 1/2 and 1."""
    return rng.choice([0, 0.25, 0.5, 1], shape).astype(np.float16)


def integers(bits: int, scaled: bool) -> Callable[..., ScalarCodes]:
    """Scalar codes; with scales 0, 1/4, 1/2 or 1 where asked."""

    def make(n: int, dim: int, rng: np.random.Generator, spread: int = 255) -> ScalarCodes:
        q = rng.integers(0, min(1 << bits, spread + 1), (n, dim)).astype(np.uint8)
        return ScalarCodes(q, bits, scales(n, rng) if scaled else None, 0.5)

    return make


def product(size: int, tail_size: int = 0, shared: bool = False, scaled: bool = False) -> Callable[..., ProductCodes]:
    """Product codes of subspaces of one or two dimensions; a tail of its own has one subspace for all dimensions."""

    def make(n: int, dim: int, rng: np.random.Generator, spread: int = 8) -> ProductCodes:
        width = 2 if dim % 2 == 0 else 1
        head = small(dim // width * size, width, rng, spread).reshape(-1, size, width).astype(np.float32)
        tail = head[:, :tail_size] if shared else small(max(tail_size, 1), dim, rng, spread).astype(np.float32)[None]
        books = (Book(head), Book(tail)) if tail_size else (Book(head),)
        flags = rng.random(n) < 0.7 if tail_size else None
        q = rng.integers(0, size, (n, len(head))).astype(np.uint8)
        if flags is not None:
            q[flags] %= tail_size
            q[flags, books[1].subspaces :] = 0
        scale = (scales(n, rng), 0.5) if scaled else (None, 1.0)
        return ProductCodes(q, books, flags, shared, *scale)

    return make


def layered(scaled: bool) -> Callable[..., LayeredBinaryCodes]:
    """Layered codes of three layers, or as many as divide the dimensions."""

    def make(n: int, dim: int, rng: np.random.Generator, spread: int = 1) -> LayeredBinaryCodes:
        layers = next(number for number in (3, 2, 1) if dim % number == 0)
        q = rng.integers(0, min(spread, 1) + 1, (n, layers, dim // layers)).astype(np.uint8)
        scale = (scales((n, layers), rng), 0.5) if scaled else (None, 1.0)
        return LayeredBinaryCodes(q, *scale, np.array([0.25, 0.5, 1], np.float32)[:layers])

    return make


def reranked(n: int, dim: int, rng: np.random.Generator, spread: int = 8) -> RerankedCodes:
    """Re-ranked codes, so many candidates that every item is one."""
    exact = floats(np.float32)(n, dim // 2, rng, spread)
    return RerankedCodes(product(16, scaled=True)(n, dim - dim // 2, rng, spread), exact, 20_000)


KINDS: dict[str, Callable[..., Codes]] = {
    "float32": floats(np.float32),
    "float16": floats(np.float16),
    **{f"{bits} bits, scaled": integers(bits, True) for bits in (8, 4, 2, 1)},
    **{f"{bits} bits": integers(bits, False) for bits in (8, 4, 2, 1)},
    "product": product(256),
    "product, scaled": product(16, scaled=True),
    "product, a tail of the same book": product(200, 50, shared=True),
    "product, a tail of another book": product(64, 5, scaled=True),
    "layered": layered(False),
    "layered, scaled": layered(True),
    "reranked": reranked,
}


def rough(codes: Codes, rng: np.random.Generator) -> Codes:
    """Codes of the same kind whose products must be rounded."""
    scale, unit = rng.random(codes.n).astype(np.float16), float(np.float32(0.037))
    if isinstance(codes, FloatCodes):
        return FloatCodes(rng.normal(size=(codes.n, codes.dim)).astype(codes.values.dtype))
    if isinstance(codes, ScalarCodes):
        return replace(codes, row_scale=scale, unit=unit)
    if isinstance(codes, LayeredBinaryCodes):
        steps = rng.random((codes.n, codes.layers)).astype(np.float16)
        return replace(codes, row_scale=steps, unit=unit, weights=(codes.weights / 3).astype(np.float32))
    if isinstance(codes, RerankedCodes):
        return replace(codes, first=rough(codes.first, rng), exact=rough(codes.exact, rng))
    books = [Book(rng.normal(size=book.centroids.shape).astype(np.float32)) for book in codes.books]
    if codes.shared:
        books[1] = Book(books[0].centroids[:, : books[1].size])
    return replace(codes, books=tuple(books), row_scale=scale, unit=unit)


def queries(batch: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Queries of small multiples of 1/4."""
    return (rng.integers(-16, 17, (batch, dim)) / 4).astype(np.float32)


def pairs(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Lists of items as (indptr, items)."""
    indptr = np.cumsum([0] + [len(items) for items in lists]).astype(np.int64)
    return indptr, np.array([item for items in lists for item in items], np.int32)
