"""The interaction graph Â = D^-1/2 [[0, R], [Rᵀ, 0]] D^-1/2 and two ways to propagate: exact, and in half the bytes.

`Graph.propagate` is Â X in float32. `Graph.mean_of_layers` is (I + Â + … + Â^L) X / (L+1) as training needs it, twice a
step: Horner's rule, ``Y ← X + Â Y`` L times, keeps no layer, and what the neighbours are read from is bfloat16, cut
into blocks of BLOCK columns. Reading scattered rows is what a propagation costs: with half the bytes, and blocks that
nearly fit a core's second-level cache, three layers take 23 ms instead of 77 (Gowalla, d = 64, one core). Sums are
float32, and X enters each layer unrounded.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engine.indexes.packed import resident
from engine.indexes.simd import F32, I32, I64, load, prefetch, splat, store, values, vector

CHUNKS = 128
"""Pieces of equal work that the rows are cut into: many enough that the threads end together, few enough to cost
nothing.
"""
BLOCK = 32
"""Columns that are propagated together: one cache line of bfloat16, two registers of sums."""
LANES = 16
AHEAD = 32
"""Edges between the row that is summed and the one that is asked for ahead: a layer takes a fifth less time with it."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Â in CSR: rows are users then items; ``weights`` are 1 / sqrt(degree · degree)."""

    indptr: np.ndarray  # int64 [n+1]
    neighbours: np.ndarray  # int32 [2 · interactions + AHEAD]; the last are 0, as they are looked at ahead
    weights: np.ndarray  # float32 [2 · interactions]
    root: np.ndarray  # float32 [n], 1 / sqrt(degree)

    @property
    def n(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def bounds(self) -> np.ndarray:
        """Row boundaries of CHUNKS pieces with about equally many edges (and rows), int64 [CHUNKS+1]."""
        work = self.indptr + np.arange(self.n + 1)
        return np.searchsorted(work, np.linspace(0, work[-1], CHUNKS + 1)).astype(np.int64)

    @cached_property
    def _tables(self) -> dict[int, np.ndarray]:
        return {}

    def propagate(self, x: np.ndarray) -> np.ndarray:
        """Return Â x for float32 x [n, d]."""
        out = np.empty_like(x)
        _propagate(self.indptr, self.neighbours, self.weights, self.bounds, x, out)
        return out

    def mean_of_layers(self, x: np.ndarray, layers: int, own: bool = True) -> np.ndarray:
        """Return (x + Â x + … + Â^L x) / (L+1) for float32 x [n, d] and L ≥ 1, up to bfloat16's rounding; without
        ``own`` (Â x + … + Â^L x) / L.

        Each Â reads values rounded to 8 significant bits, to the nearest, and sums them in float32: relative to the
        largest element the result is off by some 0.1 %.
        """
        if x.shape[1] % BLOCK:
            wide = np.zeros((self.n, -(-x.shape[1] // BLOCK) * BLOCK), np.float32)
            wide[:, : x.shape[1]] = x
            return np.ascontiguousarray(self.mean_of_layers(wide, layers, own)[:, : x.shape[1]])
        out, edges = np.empty_like(x), (self.indptr, self.neighbours, self.bounds, self.root)
        now, then = self._scratch(x.shape[1] // BLOCK)
        _pack(self.bounds, self.root, x, now)
        for _ in range(layers - 1):
            _layer(*edges, now, x, then)
            now, then = then, now
        _last_layer(*edges, now, x, np.float32(own), np.float32(1 / (layers + own)), out)
        return out

    def _scratch(self, blocks: int) -> tuple[np.ndarray, np.ndarray]:
        """Return two packed tables to overwrite: fresh memory costs a page fault every 4 KiB, as much as a layer."""
        if blocks not in self._tables:
            self._tables[blocks] = resident(np.zeros((2, blocks, self.n, LANES), np.uint32))
        return self._tables[blocks][0], self._tables[blocks][1]


def normalised_graph(indptr: np.ndarray, items: np.ndarray, n_items: int) -> Graph:
    """Return Â of the training lists (CSR by user: int64 [U+1], int32 [nnz]); nodes without an edge get empty rows."""
    n_users = len(indptr) - 1
    users = np.repeat(np.arange(n_users, dtype=np.int32), np.diff(indptr))
    by_item = np.argsort(items, kind="stable")
    item_degree = np.bincount(items, minlength=n_items)
    degree = np.concatenate([np.diff(indptr), item_degree])
    root = 1.0 / np.sqrt(np.maximum(degree, 1.0))
    root = root.astype(np.float32)
    neighbours = np.concatenate([items + np.int32(n_users), users[by_item], np.zeros(AHEAD, np.int32)]).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
    weights = np.repeat(root, degree) * root[neighbours[: starts[-1]]]
    return Graph(starts, neighbours, weights, root)


@numba.njit(parallel=True, cache=True, nogil=True, fastmath={"contract"})
def _propagate(indptr, neighbours, weights, bounds, x, out):  # type: ignore[no-untyped-def]
    """Fill ``out = Â x``; every row is summed by one thread in the order of its edges: same bits each time."""
    d = x.shape[1]
    for chunk in numba.prange(len(bounds) - 1):
        for row in range(bounds[chunk], bounds[chunk + 1]):
            total = out[row]
            total[:] = 0
            for edge in range(indptr[row], indptr[row + 1]):
                weight = weights[edge]
                source = x[neighbours[edge]]
                for j in range(d):
                    total[j] += weight * source[j]


@numba.njit(parallel=True, cache=True, nogil=True)
def _pack(bounds, root, x, packed):  # type: ignore[no-untyped-def]
    """Fill ``packed = D^-1/2 x``, uint32 [blocks, n, LANES]: two bfloat16 each."""
    for chunk in numba.prange(len(bounds) - 1):
        for row in range(bounds[chunk], bounds[chunk + 1]):
            for block in range(len(packed)):
                _pack_row(x, row * x.shape[1] + block * BLOCK, root[row], packed, (block * len(x) + row) * LANES)


@numba.njit(parallel=True, cache=True, nogil=True)
def _layer(indptr, neighbours, bounds, root, packed, x, then):  # type: ignore[no-untyped-def]
    """Fill ``then = D^-1/2 (x + Â y)`` where ``packed = D^-1/2 y``."""
    for block in range(len(packed)):
        rows = packed[block]
        for chunk in numba.prange(len(bounds) - 1):
            for row in range(bounds[chunk], bounds[chunk + 1]):
                own, at = row * x.shape[1] + block * BLOCK, (block * len(x) + row) * LANES
                _sum_and_pack(rows, neighbours, indptr[row], indptr[row + 1], root[row], x, own, then, at)


@numba.njit(parallel=True, cache=True, nogil=True)
def _last_layer(indptr, neighbours, bounds, root, packed, x, share, scale, out):  # type: ignore[no-untyped-def]
    """Fill ``out = scale · (share · x + Â y)`` where ``packed = D^-1/2 y``; a share is 0 or 1."""
    for block in range(len(packed)):
        rows = packed[block]
        for chunk in numba.prange(len(bounds) - 1):
            for row in range(bounds[chunk], bounds[chunk + 1]):
                own = row * x.shape[1] + block * BLOCK
                _sum_and_scale(rows, neighbours, indptr[row], indptr[row + 1], root[row], x, own, share, scale, out)


# --- The rows, in LLVM's own vectors: numba keeps sums of so many columns in memory, not in registers. Offsets count
# elements. Two bfloat16 share 32 bits, columns j and j + LANES of a block: a shift and a mask give them back in order.

_FLOATS = ir.VectorType(F32, LANES)
_UPPER = 0xFFFF0000


def _sums(builder: Any, given: list[Any], share: Any = None) -> list[Any]:
    """Emit a block of share · x (1 by default) + D^-1/2 · Σ of the packed rows of the neighbours, as two vectors."""
    rows, edges, start, stop, root, x, own = given
    totals = [cgutils.alloca_once(builder, _FLOATS) for _ in range(2)]
    for total in totals:
        builder.store(ir.Constant(_FLOATS, None), total)

    def place(edge: Any) -> Any:
        row = builder.zext(load(builder, edges, builder.shl(edge, I64(2)), I32), I64)
        return builder.gep(rows, [builder.mul(row, I64(2 * BLOCK))])

    with cgutils.for_range_slice(builder, start, stop, I64(1), inc=True) as (edge, _):
        prefetch(builder, place(builder.add(edge, I64(AHEAD))))
        both = load(builder, place(edge), I64(0), I32, LANES)
        parts = builder.shl(both, vector(I32, LANES, 16)), builder.and_(both, vector(I32, LANES, _UPPER))
        for total, part in zip(totals, parts, strict=True):
            builder.store(builder.fadd(builder.load(total), builder.bitcast(part, _FLOATS)), total)
    weight = splat(builder, root, LANES)
    mine = [part if share is None else builder.fmul(share, part) for part in _floats(builder, x, own)]
    return [
        builder.fadd(part, builder.fmul(weight, builder.load(total))) for part, total in zip(mine, totals, strict=True)
    ]


def _floats(builder: Any, x: Any, at: Any) -> list[Any]:
    """Emit a block of float32 as two vectors."""
    first = builder.shl(at, I64(2))
    return [load(builder, x, builder.add(first, I64(4 * LANES * i)), F32, LANES) for i in range(2)]


def _packed(builder: Any, block: list[Any], root: Any) -> Any:
    """Emit root · block as bfloat16, rounded to the nearest, ties to even."""
    weight, halves = splat(builder, root, LANES), []
    for part in block:
        bits = builder.bitcast(builder.fmul(weight, part), ir.VectorType(I32, LANES))
        even = builder.and_(builder.lshr(bits, vector(I32, LANES, 16)), vector(I32, LANES, 1))
        halves.append(builder.add(builder.add(bits, vector(I32, LANES, 0x7FFF)), even))
    return builder.or_(
        builder.lshr(halves[0], vector(I32, LANES, 16)), builder.and_(halves[1], vector(I32, LANES, _UPPER))
    )


def _emit_pack_row(typingctx: Any, x: Any, own: Any, root: Any, packed: Any, at: Any) -> Any:
    """Write root · x of a block, packed."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data, start, weight, out, to = values(context, builder, signature, args)
        place = builder.gep(out, [builder.shl(to, I64(2))])
        store(builder, _packed(builder, _floats(builder, data, start), weight), place, 0)
        return context.get_dummy_value()

    return types.void(x, types.int64, types.float32, packed, types.int64), generate


def _emit_sum_and_pack(
    typingctx: Any, rows: Any, edges: Any, start: Any, stop: Any, root: Any, x: Any, own: Any, then: Any, at: Any
) -> Any:
    """Write root · (x + root · Σ of the neighbours) of a block, packed."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        *given, out, to = values(context, builder, signature, args)
        place = builder.gep(out, [builder.shl(to, I64(2))])
        store(builder, _packed(builder, _sums(builder, given), given[4]), place, 0)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(rows, edges, i64, i64, types.float32, x, i64, then, i64), generate


def _emit_sum_and_scale(
    typingctx: Any, rows: Any, edges: Any, start: Any, stop: Any, root: Any, x: Any, own: Any, share: Any, scale: Any,
    out: Any,
) -> Any:  # fmt: skip
    """Write scale · (share · x + root · Σ of the neighbours) of a block, float32, to where it lies in x."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        *given, weight, factor, result = values(context, builder, signature, args)
        place = builder.gep(result, [builder.shl(given[6], I64(2))])
        for i, part in enumerate(_sums(builder, given, splat(builder, weight, LANES))):
            store(builder, builder.fmul(splat(builder, factor, LANES), part), place, 4 * LANES * i)
        return context.get_dummy_value()

    i64, f32 = types.int64, types.float32
    return types.void(rows, edges, i64, i64, f32, x, i64, f32, f32, out), generate


_pack_row: Any = intrinsic(_emit_pack_row)
_sum_and_pack: Any = intrinsic(_emit_sum_and_pack)
_sum_and_scale: Any = intrinsic(_emit_sum_and_scale)
