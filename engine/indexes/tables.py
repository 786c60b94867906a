"""Sums of table entries that the codes of a block name: tables of small integers, held by registers.

An entry is at most MOST, so that two fit a byte; their sums are exact 16-bit integers.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils

from engine.indexes import cpu
from engine.indexes.bounds import bounding
from engine.indexes.simd import (
    I8,
    I16,
    I32,
    I64,
    ITEMS,
    LANES,
    LINE,
    accumulate,
    call,
    kernel,
    load,
    stream,
    sums,
    vector,
)  # fmt: skip

MOST = 127
MOST_ADDED = 256
"""Bytes of a row whose sums surely fit 16 bits: two entries a byte."""
NIBBLES = (cpu.BYTES_512 or cpu.BYTES_256) and cpu.HALF
"""Whether tables of 16 entries have an instruction of their own."""
BYTES = cpu.TABLES_512 and cpu.HALF
"""Whether tables of 256 entries have one."""


def _add_words(builder: Any, totals: list[Any], part: Any) -> None:
    """Emit the sums of even and of odd bytes as 16-bit numbers."""
    lanes = part.type.count // 2
    words = builder.bitcast(part, ir.VectorType(I16, lanes))
    accumulate(builder, totals[0], builder.and_(words, vector(I16, lanes, 255)))
    accumulate(builder, totals[1], builder.lshr(words, vector(I16, lanes, 8)))


def _in_order(builder: Any, totals: list[Any]) -> Any:
    """Emit the even and odd sums in the items' order."""
    even, odd = (builder.load(total) for total in totals)
    lanes = even.type.count
    order = [i // 2 + lanes * (i % 2) for i in range(2 * lanes)]
    return builder.shuffle_vector(even, odd, vector(I32, 2 * lanes, order))


def _nibbles(builder: Any, codes: Any, at: Any, count: Any, query: Any) -> list[Any]:
    parts, words = ITEMS // LANES, ir.VectorType(I16, LANES // 2)
    totals = [sums(builder, 2, I16, LANES // 2) for _ in range(parts)]
    bytes_ = ir.VectorType(I8, LANES)
    name = "llvm.x86.avx512.pshuf.b.512" if LANES == 64 else "llvm.x86.avx2.pshuf.b"
    with cgutils.for_range(builder, count) as loop:
        tables = []
        for half in range(2):
            table = load(builder, query, builder.mul(loop.index, I64(32)), I8, 32)
            order = vector(I32, LANES, [16 * half + i % 16 for i in range(LANES)])
            tables.append(builder.shuffle_vector(table, vector(I8, 32), order))
        start = builder.add(at, builder.mul(loop.index, I64(ITEMS)))
        for i in range(parts):
            row = stream(builder, codes, builder.add(start, I64(LANES * i)), I8, LANES, LANES * i % LINE == 0)
            upper = builder.lshr(builder.bitcast(row, words), vector(I16, LANES // 2, 4))
            both = (row, builder.bitcast(upper, bytes_))
            found = [
                call(builder, name, bytes_, table, builder.and_(part, vector(I8, LANES, 15)))
                for table, part in zip(tables, both, strict=True)
            ]
            _add_words(builder, totals[i], builder.add(*found))
    return [_in_order(builder, total) for total in totals]


def _bytes(builder: Any, codes: Any, at: Any, count: Any, query: Any) -> list[Any]:
    totals = sums(builder, 2, I16, ITEMS // 2)
    kind, name = ir.VectorType(I8, ITEMS), "llvm.x86.avx512.vpermi2var.qi.512"
    with cgutils.for_range(builder, count) as loop:
        row = stream(builder, codes, builder.add(at, builder.mul(loop.index, I64(ITEMS))), I8, ITEMS)
        place = builder.mul(loop.index, I64(256))
        table = [load(builder, query, builder.add(place, I64(64 * i)), I8, ITEMS) for i in range(4)]
        low = call(builder, name, kind, table[0], row, table[1])
        high = call(builder, name, kind, table[2], row, table[3])
        upper = builder.icmp_signed("<", row, vector(I8, ITEMS, 0))
        _add_words(builder, totals, builder.select(upper, high, low))
    return [_in_order(builder, totals)]


_add_nibbles, _add_bytes = kernel(_nibbles), kernel(_bytes)
bound_nibbles, bound_bytes = bounding(_nibbles, False), bounding(_bytes, False)


@njit(cache=True, nogil=True)
def add_nibbles(codes: np.ndarray, at: int, count: int, table: np.ndarray, out: np.ndarray) -> None:
    """Write the sums, uint16 [64], of table entries, uint8 [2 · count, 16], of both nibbles of ``count`` bytes."""
    if NIBBLES:
        _add_nibbles(codes, at, count, table, out)
        return
    out[:] = 0
    for byte in range(count):
        row = codes[at + byte * ITEMS : at + (byte + 1) * ITEMS]
        for i in range(ITEMS):
            out[i] += np.uint16(table[2 * byte, row[i] & np.uint8(15)])
            out[i] += np.uint16(table[2 * byte + 1, row[i] >> np.uint8(4)])


@njit(cache=True, nogil=True)
def add_bytes(codes: np.ndarray, at: int, count: int, table: np.ndarray, out: np.ndarray) -> None:
    """Write the sums, uint16 [64], of table entries, uint8 [count, 256], of ``count`` bytes."""
    if BYTES:
        _add_bytes(codes, at, count, table, out)
        return
    out[:] = 0
    for byte in range(count):
        row = codes[at + byte * ITEMS : at + (byte + 1) * ITEMS]
        for i in range(ITEMS):
            out[i] += np.uint16(table[byte, row[i]])


@njit(cache=True, nogil=True)
def shrink(exact: np.ndarray, small: np.ndarray, plan: np.ndarray) -> None:
    """Write tables of small integers and the (slope, offset) of a bound of the sums that they stand for.

    With T ≈ δ t + the least entry of its table, Σ_j T[j, c_j] is at most δ Σ_j t[j, c_j] + Σ_j (least_j + the largest
    error of table j).

    Parameters
    ----------
    exact : float64 [M, K]
    small : uint8 [M, K], written: 0 … MOST
    plan : float32 [2], written
    """
    widest, offset, size = 0.0, 0.0, 0.0
    for table in exact:
        widest = max(widest, table.max() - table.min())
    slope = widest / MOST if widest > 0 else 1.0
    for j in range(len(exact)):
        least, error = exact[j].min(), 0.0
        for c in range(exact.shape[1]):
            value = np.rint((exact[j, c] - least) / slope)
            small[j, c] = np.uint8(value)
            error = max(error, exact[j, c] - least - slope * value)
        offset += least + error
        size += abs(least) + widest
    plan[0], plan[1] = slope, offset + 2.0**-20 * size  # what float32 may round away
