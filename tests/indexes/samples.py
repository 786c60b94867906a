"""Codes and queries whose inner products are exact in float32, so that lists can be compared place by place.

Entries are small integers, scales powers of two: no sum is rounded, in whatever order it is taken.
"""

from collections.abc import Callable

import numpy as np

from engine.codes import Codes, FloatCodes, ScalarCodes


def floats(dtype: type[np.generic]) -> Callable[..., FloatCodes]:
    """Codes of small integers as floats."""
    return lambda n, dim, rng, spread=8: FloatCodes(rng.integers(-spread, spread + 1, (n, dim)).astype(dtype))


def integers(bits: int, scaled: bool) -> Callable[..., ScalarCodes]:
    """Scalar codes; with scales 0, 1/4, 1/2 or 1 where asked."""

    def make(n: int, dim: int, rng: np.random.Generator, spread: int = 255) -> ScalarCodes:
        q = rng.integers(0, min(1 << bits, spread + 1), (n, dim)).astype(np.uint8)
        scale = rng.choice([0, 0.25, 0.5, 1], n).astype(np.float16) if scaled else None
        return ScalarCodes(q, bits, scale, 0.5)

    return make


KINDS: dict[str, Callable[..., Codes]] = {
    "float32": floats(np.float32),
    "float16": floats(np.float16),
    **{f"{bits} bits, scaled": integers(bits, True) for bits in (8, 4, 2, 1)},
    **{f"{bits} bits": integers(bits, False) for bits in (8, 4, 2, 1)},
}


def queries(batch: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Queries of small multiples of 1/4."""
    return (rng.integers(-16, 17, (batch, dim)) / 4).astype(np.float32)


def pairs(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Lists of items as (indptr, items)."""
    indptr = np.cumsum([0] + [len(items) for items in lists]).astype(np.int64)
    return indptr, np.array([item for items in lists for item in items], np.int32)
