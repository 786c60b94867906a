"""The formats that ``bench kernels`` measures: random codes of every kind, their queries, their peers and targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.codes import Book, Codes, FloatCodes, LayeredBinaryCodes, ProductCodes, RerankedCodes, ScalarCodes

CHUNK = 65_536
"""Vectors made at once, so that the catalogue's size is bounded by its codes and not by float32 vectors."""
STEPS = {8: 4 / 255, 4: 2.7 / 15, 2: 1.5 / 3, 1: 0.8}
"""Bits → step for numbers of standard deviation 1: the levels reach about where the tails begin."""
LAYERS, DEPTH = 3, 200


@dataclass(frozen=True)
class Source:
    """Gaussian vectors that are the same however often they are asked for, so that none has to be kept."""

    n: int
    dim: int
    seed: int = 0

    def chunks(self, width: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the rows, and their vectors float32 [m, width]; the width is ``dim`` where none is given."""
        for start in range(0, self.n, CHUNK):
            rng = np.random.default_rng([self.seed, start])
            stop = min(start + CHUNK, self.n)
            yield slice(start, stop), rng.standard_normal((stop - start, width or self.dim), np.float32)

    def first(self, most: int) -> np.ndarray:
        """Return the first vectors, float32 [at most ``most``, dim]."""
        return next(self.chunks())[1][:most]


@dataclass(frozen=True)
class Ask:
    """How a format's users are asked for: the precision of queries, the peers of that, and the ratio aimed at."""

    queries: str  # "float32" or "own"
    peers: tuple[str, ...] = ()
    target: float | None = None


@dataclass(frozen=True)
class Format:
    """One way to store a catalogue, with the bytes per dimension that building it takes at its peak."""

    name: str
    make: Callable[[Source], Codes]
    asks: tuple[Ask, ...]
    peak: float


def floats(dtype: type[np.floating], source: Source) -> FloatCodes:
    """Return the vectors as they are."""
    values = np.empty((source.n, source.dim), dtype)
    for rows, x in source.chunks():
        values[rows] = x
    return FloatCodes(values)


def scalar(bits: int, scaled: bool, source: Source) -> ScalarCodes:
    """Return integers of evenly spaced levels; with a scale a row, the row's length relative to twice the usual one."""
    q, unit = np.empty((source.n, source.dim), np.uint8), np.float32(STEPS[bits])
    scale = np.empty(source.n, np.float16) if scaled else None
    for rows, x in source.chunks():
        q[rows] = np.clip(np.floor(x / (2 * unit)) + (1 << (bits - 1)), 0, (1 << bits) - 1)
        if scale is not None:
            scale[rows] = np.minimum(np.linalg.norm(x, axis=1) / (2 * np.sqrt(source.dim)), 1)
    return ScalarCodes(q, bits, scale, float(unit))


def product(subspaces: int, bits: int, source: Source) -> ProductCodes:
    """Return random centroid numbers with random codebooks: what a search costs does not depend on them."""
    rng = np.random.default_rng(source.seed)
    shape = (subspaces, 1 << bits, source.dim // subspaces)
    q = rng.integers(0, 1 << bits, (source.n, subspaces), np.uint8, endpoint=False)
    return ProductCodes(q, (Book(rng.standard_normal(shape, np.float32)),))


def layered(source: Source) -> LayeredBinaryCodes:
    """Return the signs of three layers, each row and layer with a scale."""
    q = np.empty((source.n, LAYERS, source.dim), np.uint8)
    for rows, x in source.chunks(LAYERS * source.dim):
        q[rows] = (x >= 0).reshape(len(x), LAYERS, source.dim)
    scale = np.random.default_rng(source.seed).random((source.n, LAYERS), np.float32).astype(np.float16)
    return LayeredBinaryCodes(q, scale, 1.0, np.full(LAYERS, 1 / LAYERS, np.float32))


def reranked(source: Source) -> RerankedCodes:
    """Return signs with a scale a row, and the exact vectors that rank the first 200 again."""
    return RerankedCodes(scalar(1, True, source), floats(np.float32, source), DEPTH)


SQ8, BINARY, RABITQ = ("SQ8", "SQ8-direct"), ("BinaryFlat",), ("RaBitQFastScan", "RaBitQFastScan, q4")


def _integers(bits: int, peers: tuple[str, ...], target: float) -> tuple[Format, ...]:
    asks = (Ask("float32", peers, target), Ask("own", peers, target))
    return tuple(
        Format(f"{bits} bit" + ", row scale" * scaled, partial(scalar, bits, scaled), asks, 5.0)
        for scaled in (False, True)
    )


FORMATS: tuple[Format, ...] = (
    Format("float32", partial(floats, np.float32), (Ask("float32", ("FlatIP",), 1.0),), 12.0),
    Format("float16", partial(floats, np.float16), (Ask("float32"), Ask("own")), 6.0),
    *_integers(8, SQ8, 0.5),
    *_integers(4, ("SQ4",), 0.15),
    *_integers(2, ("SQ4",), 0.08),
    *(
        Format(
            "1 bit" + ", row scale" * scaled,
            partial(scalar, 1, scaled),
            (Ask("own", BINARY, 0.2), Ask("float32", RABITQ, 0.15)),
            5.0,
        )
        for scaled in (False, True)
    ),
    Format("PQ 16 × 4", partial(product, 16, 4), (Ask("float32", ("PQFastScan 16×4",), 1.0),), 2.0),
    Format("PQ 8 × 8", partial(product, 8, 8), (Ask("float32", ("PQ 8×8",), 0.5),), 2.0),
    Format("PQ 16 × 8", partial(product, 16, 8), (Ask("float32", ("PQ 16×8",), 0.5),), 2.0),
    Format("3 layers of 1 bit", layered, (Ask("float32"), Ask("own")), 15.0),
    Format("1 bit, re-ranked", reranked, (Ask("float32"), Ask("own")), 16.0),
)
"""All of them, in the order in which they are measured and shown: those with the same peers follow each other."""
