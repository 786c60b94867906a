"""Half-precision numbers in kernels: numba has none, so they come as uint16 and are widened in registers.

The processor's own conversion is used where it has one. Without it the compiler would call a library function that is
not linked, and end the process; so the bits are taken apart there, which is exact too, but slower.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from engine.indexes import cpu

_I32, _F32 = ir.IntType(32), ir.FloatType()


def _widen_by_bits(builder: Any, half: Any) -> Any:
    """Emit the conversion of finite numbers from sign, exponent and fraction."""
    bits = builder.zext(half, _I32)
    magnitude = builder.and_(bits, _I32(0x7FFF))
    rebiased = builder.add(builder.shl(magnitude, _I32(13)), _I32((127 - 15) << 23))
    normal = builder.bitcast(rebiased, _F32)
    tiny = builder.fmul(builder.uitofp(magnitude, _F32), _F32(2.0**-24))  # below 2^-14 there is no hidden bit
    number = builder.select(builder.icmp_unsigned("<", magnitude, _I32(0x0400)), tiny, normal)
    sign = builder.shl(builder.and_(bits, _I32(0x8000)), _I32(16))
    return builder.bitcast(builder.or_(builder.bitcast(number, _I32), sign), _F32)


def _widen(typingctx: Any, value: Any) -> Any:
    """Return the float32 of a finite half-precision number given by its bits (uint16), or a float32 as it is."""
    if value not in (types.uint16, types.float32):
        return None

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if signature.args[0] == types.float32:
            return args[0]
        if cpu.HALF:
            return builder.fpext(builder.bitcast(args[0], ir.HalfType()), _F32)
        return _widen_by_bits(builder, args[0])

    return types.float32(value), generate


widen: Any = intrinsic(_widen)
