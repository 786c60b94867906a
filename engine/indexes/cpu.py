"""What the processor that numba compiles for can do: which kernels use its own instructions, and which plain code."""

import platform

from llvmlite import binding
from numba.core import config

X86 = platform.machine().lower() in ("x86_64", "amd64")


def has(*features: str) -> bool:
    """Return whether the processor is an x86 with all of these features, by LLVM's names.

    ``NUMBA_CPU_FEATURES``, ``NUMBA_CPU_NAME=generic`` and ``NUMBA_ENABLE_AVX=0`` restrict it, as they restrict numba;
    numba's cache keeps what was compiled for one set of features apart from what was compiled for another.
    """
    if not X86 or (not config.ENABLE_AVX and any(feature.startswith("avx") for feature in features)):
        return False
    if config.CPU_FEATURES is not None:
        named = config.CPU_FEATURES.split(",")
        return all(f"+{feature}" in named for feature in features)
    found = binding.get_host_cpu_features()
    return all(found.get(feature, False) for feature in features)


BYTES_512 = has("avx512f", "avx512bw")
"""Shuffles and sums of 64 bytes at once."""
DOTS_512 = BYTES_512 and has("avx512vnni")
"""Products of bytes summed in fours."""
TABLES_512 = BYTES_512 and has("avx512vbmi")
"""Look-up in 128 bytes held by registers."""
BYTES_256 = has("avx2")
"""Shuffles and sums of 32 bytes at once."""
HALF = has("f16c") or not X86
"""Conversion of half-precision numbers."""
