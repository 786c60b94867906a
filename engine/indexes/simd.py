"""Pieces of LLVM code for the inner loops over blocks of 64 items, and the masks that say which items are looked at.

The loops themselves are in `dots`, `signs` and `tables`: written in LLVM's vectors where numba's vectoriser does not
find the instruction. Each reads one block (see `blocks`) of ``codes`` uint8 from byte ``at`` on and writes 64 numbers
to ``out``. No bound is checked there: codes hold whole blocks, and queries, tables and ``out`` what is said. Where the
processor has no such instruction (`cpu`), a plain loop takes the place and gives the same integers.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engine.indexes import cpu

ITEMS = 64
"""Items of a block."""
I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
F32 = ir.FloatType()
LANES = 64 if cpu.BYTES_512 else 32
"""Bytes of a register."""
LINE, AHEAD = 64, 1024
"""Bytes of a cache line, and how far ahead of its scan a line is asked for: left to the processor, memory is read at
little more than half its speed. 10 M items of 8 bits took 47 ms without, 34 with 1 KiB, 38 with 2 KiB.
"""


# --- Pieces of LLVM code.


def vector(kind: Any, lanes: int, values: Any = ir.Undefined) -> Any:
    """Return a constant vector of one value, or of a list of them."""
    values = [values] * lanes if isinstance(values, int) else values
    return ir.Constant(ir.VectorType(kind, lanes), values)


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """Emit a vector of one value."""
    empty = vector(value.type, lanes)
    return builder.shuffle_vector(builder.insert_element(empty, value, I32(0)), empty, vector(I32, lanes, 0))


def load(builder: Any, pointer: Any, offset: Any, kind: Any, lanes: int = 0) -> Any:
    """Emit a load of a number, or of lanes of them, from so many bytes behind a pointer."""
    kind = ir.VectorType(kind, lanes) if lanes else kind
    loaded = builder.load(builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer()))
    loaded.align = 1
    return loaded


def store(builder: Any, value: Any, pointer: Any, offset: int) -> None:
    """Emit a store to so many bytes behind a pointer."""
    place = builder.gep(pointer, [I64(offset)])
    builder.store(value, builder.bitcast(place, value.type.as_pointer())).align = 1


def call(builder: Any, name: str, returns: Any, *values: Any) -> Any:
    """Emit a call of one of LLVM's own functions."""
    function = ir.FunctionType(returns, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)


def prefetch(builder: Any, pointer: Any) -> None:
    """Emit the wish to read from a pointer soon; one that points nowhere is no error."""
    kind = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    builder.call(function, [pointer, I32(0), I32(3), I32(1)])  # to read, keep in all caches, data


def stream(builder: Any, codes: Any, offset: Any, kind: Any, lanes: int, starts_line: bool = True) -> Any:
    """Emit the `load` of lanes that a scan reads in order, and where they start a line the wish for one ahead."""
    if starts_line:
        prefetch(builder, builder.gep(codes, [builder.add(offset, I64(AHEAD))]))
    return load(builder, codes, offset, kind, lanes)


def sums(builder: Any, number: int, kind: Any, lanes: int) -> list[Any]:
    """Emit vectors to add to, all zero; LLVM keeps them in registers."""
    return [cgutils.alloca_once_value(builder, vector(kind, lanes, 0)) for _ in range(number)]


def accumulate(builder: Any, total: Any, value: Any) -> None:
    """Emit ``total += value``."""
    builder.store(builder.add(builder.load(total), value), total)


def values(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    """Return arrays as pointers to their first byte, integers as 64 bits and other numbers as float32."""
    found = []
    for kind, value in zip(signature.args, args, strict=True):
        if isinstance(kind, types.Array):
            data = context.make_array(kind)(context, builder, value).data
            found.append(builder.bitcast(data, I8.as_pointer()))
        else:
            integer = isinstance(kind, types.Integer)
            found.append(context.cast(builder, value, kind, types.int64 if integer else types.float32))
    return found


def kernel(emit: Any) -> Any:
    """Return the numba function of (codes, at, count, query, out) that writes the 64 integers of an emitter.

    ``emit(builder, codes, at, count, query)`` returns vectors that hold them in the items' order.
    """

    def typed(typingctx: Any, codes: Any, at: Any, count: Any, query: Any, out: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            *given, pointer = values(context, builder, signature, args)
            parts = emit(builder, *given)
            for i, part in enumerate(parts):
                store(builder, part, pointer, i * part.type.count * part.type.element.width // 8)
            return context.get_dummy_value()

        return types.void(codes, at, count, query, out), generate

    return intrinsic(typed)


# --- Masks: bit i is item i of the block.


def _above(typingctx: Any, scores: Any, at: Any, bound: Any) -> Any:
    """Return which of 64 float32 scores, from number ``at`` on, are above a bound (a NaN is not), uint64."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, place, least = values(context, builder, signature, args)
        found = load(builder, pointer, builder.shl(place, I64(2)), F32, ITEMS)
        return builder.bitcast(builder.fcmp_ordered(">", found, splat(builder, least, ITEMS)), I64)

    return types.uint64(scores, at, types.float32), generate


def _up_to(typingctx: Any, counts: Any, bound: Any) -> Any:
    """Return which of 64 counts, uint8, are at most a bound, uint64."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, most = values(context, builder, signature, args)
        found = load(builder, pointer, I64(0), I8, ITEMS)
        most = splat(builder, builder.trunc(most, I8), ITEMS)
        return builder.bitcast(builder.icmp_unsigned("<=", found, most), I64)

    return types.uint64(counts, types.int64), generate


def _lowest(typingctx: Any, mask: Any) -> Any:
    """Return the place of the lowest one of a uint64 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


def _ones(typingctx: Any, byte: Any) -> Any:
    """Return how many bits of an integer of 8 are ones."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.ctpop(builder.trunc(args[0], I8)), I64)

    return types.int64(byte), generate


def _ask(typingctx: Any, rows: Any, at: Any) -> Any:
    """Ask for the line AHEAD behind byte ``at`` of an array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer, offset = values(context, builder, signature, args)
        prefetch(builder, builder.gep(pointer, [builder.add(offset, I64(AHEAD))]))
        return context.get_dummy_value()

    return types.void(rows, types.int64), generate


ask: Any = intrinsic(_ask)
ones: Any = intrinsic(_ones)
above: Any = intrinsic(_above)
up_to: Any = intrinsic(_up_to)
lowest: Any = intrinsic(_lowest)
