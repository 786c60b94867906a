"""Inner products of a query's signed bytes with the codes of a block, 8, 4 or 2 bits each: exact 32-bit integers."""

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
    splat,
    stream,
    sums,
    vector,
)  # fmt: skip

FAST = (cpu.BYTES_512 or cpu.BYTES_256) and cpu.HALF


def _dots(bits: int) -> Any:
    """Return the emitter of Σ_j query[j] · code[j], int32, over ``count`` groups of four bytes of each item.

    A byte holds 8 / bits codes, one of each plane.
    """
    planes, lanes = 8 // bits, LANES // 4
    parts = ITEMS // lanes

    def emit(builder: Any, codes: Any, at: Any, count: Any, query: Any) -> list[Any]:
        totals = [sums(builder, planes, I32, lanes) for _ in range(parts)]
        with cgutils.for_range(builder, count) as loop:
            start = builder.add(at, builder.mul(loop.index, I64(4 * ITEMS)))
            offsets = [(LANES * i, builder.add(start, I64(LANES * i))) for i in range(parts)]
            rows = [stream(builder, codes, offset, I32, lanes, i % LINE == 0) for i, offset in offsets]
            for plane in range(planes):
                place = builder.add(builder.mul(loop.index, I64(4 * planes)), I64(4 * plane))
                four = load(builder, query, place, I32)
                mask = int.from_bytes([((1 << bits) - 1) << bits * plane] * 4, "little")
                for row, total in zip(rows, totals, strict=True):
                    # a plane's codes stay where they are in their bytes: the sum is shifted, not each of them
                    part = row if bits == 8 else builder.and_(row, vector(I32, lanes, mask))
                    _add_products(builder, total[plane], part, four, lanes)
        return [_all_planes(builder, total, bits) for total in totals]

    return emit


def _all_planes(builder: Any, totals: list[Any], bits: int) -> Any:
    """Emit the sum of the planes' sums, each of codes 2^(bits · plane) times too large."""
    found = builder.load(totals[0])
    for plane, total in enumerate(totals[1:], 1):
        shift = vector(I32, found.type.count, bits * plane)
        found = builder.add(found, builder.ashr(builder.load(total), shift))
    return found


def _add_products(builder: Any, total: Any, row: Any, four: Any, lanes: int) -> None:
    """Emit ``total += Σ of four u8 · s8`` in each 32-bit lane."""
    if cpu.DOTS_512:
        bytes_ = ir.VectorType(I8, 4 * lanes)
        query = builder.bitcast(splat(builder, four, lanes), bytes_)
        name, kind = "llvm.x86.avx512.vpdpbusd.512", ir.VectorType(I32, lanes)
        added = call(builder, name, kind, builder.load(total), builder.bitcast(row, bytes_), query)
        builder.store(added, total)
        return
    name = "llvm.x86.avx512.pmaddw.d.512" if lanes == 16 else "llvm.x86.avx2.pmadd.wd"
    words = ir.VectorType(I16, 2 * lanes)
    for shift in (0, 8):  # the bytes 0 and 2, then 1 and 3, as 16-bit numbers: products in pairs cannot overflow
        part = builder.bitcast(_bits_of_words(builder, builder.bitcast(row, words), shift), words)
        pair = _signed_bytes(builder, four, shift)
        query = builder.bitcast(splat(builder, pair, lanes), words)
        accumulate(builder, total, call(builder, name, ir.VectorType(I32, lanes), part, query))


def _bits_of_words(builder: Any, words: Any, shift: int) -> Any:
    """Emit the lower or upper byte of each 16-bit lane."""
    lanes = words.type.count
    return builder.lshr(words, vector(I16, lanes, 8)) if shift else builder.and_(words, vector(I16, lanes, 255))


def _signed_bytes(builder: Any, four: Any, shift: int) -> Any:
    """Emit two of the four signed bytes of an i32, those at shift and shift + 16, as two 16-bit numbers."""
    both = builder.bitcast(four, ir.VectorType(I8, 4))
    first, second = (builder.sext(builder.extract_element(both, I32(shift // 8 + i)), I16) for i in (0, 2))
    pair = builder.insert_element(vector(I16, 2), first, I32(0))
    return builder.bitcast(builder.insert_element(pair, second, I32(1)), I32)


_dots_8, _dots_4, _dots_2 = (kernel(_dots(bits)) for bits in (8, 4, 2))
bound_8, bound_4, bound_2 = (bounding(_dots(bits), True) for bits in (8, 4, 2))


@njit(cache=True, nogil=True)
def dots(bits: int, codes: np.ndarray, at: int, groups: int, left: int, query: np.ndarray, out: np.ndarray) -> None:
    """Write Σ_j query[j] · code[j], int32 [64].

    Parameters
    ----------
    groups, left : bytes of a row: ``4 · groups + left``, the groups' interleaved by item (see `blocks`)
    query : int8 [groups + 1, 8 / bits, 4], for each byte of a group and plane its number; zeros where there is none
    """
    if FAST:
        if bits == 8:
            _dots_8(codes, at, groups, query, out)
        elif bits == 4:
            _dots_4(codes, at, groups, query, out)
        else:
            _dots_2(codes, at, groups, query, out)
    else:
        _plain(bits, codes, at, groups, query, out)
    mask = np.int32((1 << bits) - 1)
    for byte in range(left):
        row = codes[at + (4 * groups + byte) * ITEMS : at + (4 * groups + byte + 1) * ITEMS]
        for plane in range(8 // bits):
            value, shift = np.int32(query[groups, plane, byte]), np.int32(plane * bits)
            for i in range(ITEMS):
                out[i] += value * ((np.int32(row[i]) >> shift) & mask)


@njit(cache=True, nogil=True)
def _plain(bits: int, codes: np.ndarray, at: int, groups: int, query: np.ndarray, out: np.ndarray) -> None:
    mask = np.uint32((1 << bits) - 1)
    out[:] = 0
    for group in range(groups):
        rows = codes[at + 4 * ITEMS * group : at + 4 * ITEMS * (group + 1)].view(np.uint32)
        for plane in range(8 // bits):
            for byte in range(4):
                value, shift = np.int32(query[group, plane, byte]), np.uint32(8 * byte + plane * bits)
                for i in range(ITEMS):
                    out[i] += value * np.int32((rows[i] >> shift) & mask)
