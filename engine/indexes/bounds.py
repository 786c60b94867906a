"""From the integers of a block to scores, or bounds of them, and the mask of those above the k-th best so far.

The bound of an item is ``(slope · integer + offset) · ((unit · scale) · step)``, each operation rounded to float32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from engine.indexes import cpu
from engine.indexes.half import widen
from engine.indexes.simd import F32, I64, ITEMS, load, splat, store, values

_BITS = {"uint8": 8, "uint16": 16, "int32": 32}


def _judged(builder: Any, parts: list[Any], signed: bool, half: Any, at: Any, numbers: list[Any], out: Any) -> Any:
    """Emit the bounds of 64 items, whose integers come in vectors, and return the mask; no ``half``: all scales one."""
    mask = I64(0)
    lanes = parts[0].type.count
    slope, offset, unit, step, floor = (splat(builder, number, lanes) for number in numbers)
    for i, part in enumerate(parts):
        kind = ir.VectorType(F32, lanes)
        wide = builder.sitofp(part, kind) if signed else builder.uitofp(part, kind)
        steps = builder.fmul(unit, step)
        if half is not None:
            place = builder.shl(builder.add(at, I64(i * lanes)), I64(1))
            read = builder.fpext(load(builder, half, place, ir.HalfType(), lanes), kind)
            steps = builder.fmul(builder.fmul(unit, read), step)
        scores = builder.fmul(builder.fadd(builder.fmul(slope, wide), offset), steps)
        store(builder, scores, out, 4 * i * lanes)
        above = builder.bitcast(builder.fcmp_ordered(">", scores, floor), ir.IntType(lanes))
        above = above if lanes == ITEMS else builder.shl(builder.zext(above, I64), I64(i * lanes))
        mask = builder.or_(mask, above)
    return mask


def bounding(emit: Callable[..., list[Any]], signed: bool) -> Any:
    """Return the numba function of (codes, at, count, query, scales, place, slope, offset, unit, step, floor, bounds).

    It writes float32 bounds [64] of the integers that ``emit(builder, codes, at, count, query)`` returns in vectors,
    and returns the mask, uint64, of those above the floor. Scales are uint16 [n], half-precision numbers read from
    ``place`` on, or the number 0: then all are one.
    """

    def typed(
        typingctx: Any, codes: Any, at: Any, count: Any, query: Any, scales: Any, place: Any,
        slope: Any, offset: Any, unit: Any, step: Any, floor: Any, bounds: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            codes, at, count, query, half, place, *numbers, out = values(context, builder, signature, args)
            parts = emit(builder, codes, at, count, query)
            half = half if isinstance(scales, types.Array) else None
            return _judged(builder, parts, signed, half, place, numbers, out)

        return types.uint64(codes, at, count, query, scales, place, *[types.float32] * 5, bounds), generate

    return intrinsic(typed)


def _scored(
    typingctx: Any, sums: Any, scales: Any, at: Any, slope: Any, offset: Any, unit: Any, step: Any, floor: Any, out: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found, half, at, *numbers, out = values(context, builder, signature, args)
        parts = [load(builder, found, I64(0), ir.IntType(_BITS[str(sums.dtype)]), ITEMS)]
        half = half if isinstance(scales, types.Array) else None
        return _judged(builder, parts, sums.dtype.signed, half, at, numbers, out)

    return types.uint64(sums, scales, at, *[types.float32] * 5, out), generate


_score: Any = intrinsic(_scored)


@njit(cache=True, nogil=True)
def bound(  # type: ignore[no-untyped-def]
    sums, scales, at, slope, offset, unit, step, floor, bounds
):
    """Write the bounds, float32 [64], of integers [64]; return the mask, uint64, of those above the floor.

    Scales are uint16 [n], half-precision numbers of which those from ``at`` on are read, or empty: then all are one.
    """
    if len(scales) == 0:
        return _score(sums, 0, at, slope, offset, unit, step, floor, bounds)
    if cpu.HALF:
        return _score(sums, scales, at, slope, offset, unit, step, floor, bounds)
    mask = np.uint64(0)
    for i in range(ITEMS):
        bounds[i] = (slope * np.float32(sums[i]) + offset) * ((unit * widen(scales[at + i])) * step)
        mask |= np.uint64(bounds[i] > floor) << np.uint64(i)
    return mask
