"""How many signs of a block's items differ from a query's."""

from typing import Any

from numba.core import cgutils

from engine.indexes.bounds import bounding
from engine.indexes.simd import I8, I64, ITEMS, accumulate, call, kernel, load, splat, stream, sums

MOST_COUNTED = 31
"""Bytes of a row whose differing bits surely fit 8 bits."""


def _differing(builder: Any, codes: Any, at: Any, count: Any, query: Any) -> list[Any]:
    total = sums(builder, 1, I8, ITEMS)[0]
    with cgutils.for_range(builder, count) as loop:
        row = stream(builder, codes, builder.add(at, builder.mul(loop.index, I64(ITEMS))), I8, ITEMS)
        byte = splat(builder, load(builder, query, loop.index, I8), ITEMS)
        different = builder.xor(row, byte)
        accumulate(builder, total, call(builder, f"llvm.ctpop.v{ITEMS}i8", different.type, different))
    return [builder.load(total)]


differing, bound_differing = kernel(_differing), bounding(_differing, False)
"""Write the differing bits, uint8 [64], of ``count`` bytes (at most MOST_COUNTED) of each item and a query uint8; or
bounds of them.
"""
