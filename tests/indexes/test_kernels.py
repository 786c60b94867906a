"""The inner loops give the same integers as plain sums, with whatever instructions the processor has."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from engine.indexes import blocks, dots, signs, simd, tables

ROOT = Path(__file__).parents[2]
AVX2 = "+avx2,+avx,+f16c,+fma,+popcnt,+sse4.2,+ssse3"
WIDTHS = (4, 8, 13, 33)


def wrong() -> list[str]:
    """The inner loops whose numbers are not those of plain sums."""
    rng = np.random.default_rng(0)
    found = [f"dots of {bits} bits" for bits in (8, 4, 2) for width in WIDTHS if not dots_agree(bits, width, rng)]
    for width in WIDTHS:
        rows = rng.integers(0, 256, (128, width)).astype(np.uint8)
        codes = blocks.to_blocks(rows, 1)
        query, counts = rng.integers(0, 256, width).astype(np.uint8), np.empty(64, np.uint8)
        _differing(codes, 64 * width, min(width, signs.MOST_COUNTED), query, counts)
        different = (rows[64:] ^ query)[:, : signs.MOST_COUNTED]
        if (counts != np.unpackbits(different, axis=1).sum(1)).any():
            found.append("differing")
        nibbles = np.stack([rows & 15, rows >> 4], 2).reshape(128, 2 * width)
        for name, kernel, parts, size in (
            ("nibbles", tables.add_nibbles, nibbles, 16),
            ("bytes", tables.add_bytes, rows, 256),
        ):
            table = rng.integers(0, tables.MOST + 1, (parts.shape[1], size)).astype(np.uint8)
            table[:, -1] = tables.MOST
            sums = np.empty(64, np.uint16)
            kernel(codes, 64 * width, width, table, sums)
            if (sums != table[np.arange(parts.shape[1]), parts[64:]].sum(1)).any():
                found.append(name)
    scores = rng.normal(size=64).astype(np.float32)
    scores[5], scores[6] = np.nan, 0.25
    if _masks(scores) != [sum(int(scores[i] > 0.25) << i for i in range(64)), 200, 37]:
        found.append("masks")
    return found


def dots_agree(bits: int, width: int, rng: np.random.Generator) -> bool:
    rows = rng.integers(0, 256, (128, width)).astype(np.uint8)
    rows[64:70] = 255
    query = rng.integers(-127, 128, (width // 4 + 1, 8 // bits, 4)).astype(np.int8)
    query[0] = 127
    out = np.empty(64, np.int32)
    dots.dots(bits, blocks.to_blocks(rows, 4), 64 * width, width // 4, width % 4, query, out)
    planes = query.transpose(1, 0, 2).reshape(8 // bits, -1)[:, :width].astype(int)
    parts = [((rows[64:] >> bits * plane) & ((1 << bits) - 1)).astype(int) for plane in range(8 // bits)]
    return bool((out == sum(part @ numbers for part, numbers in zip(parts, planes, strict=True))).all())


@njit
def _differing(codes, at, width, query, counts):
    signs.differing(codes, at, width, query, counts)


@njit
def _masked(scores, counts):
    return simd.above(scores, 0, np.float32(0.25)), simd.up_to(counts, 199), simd.lowest(np.uint64(1) << np.uint64(37))


def _masks(scores: np.ndarray) -> list[int]:
    above, few, lowest = _masked(scores, np.arange(150, 214).astype(np.uint8))
    return [int(above), int(few).bit_count() + 150, int(lowest)]


def test_inner_loops_agree_with_plain_sums():
    assert wrong() == []


@pytest.mark.parametrize(
    "settings",
    [
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
        {"NUMBA_ENABLE_AVX": "0"},
    ],
    ids=["AVX2", "no instructions of its own", "AVX switched off"],
)  # fmt: skip
def test_inner_loops_agree_on_other_processors(settings, tmp_path):
    code = "from tests.indexes.test_kernels import wrong; print(wrong())"
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | settings | {"NUMBA_CACHE_DIR": str(tmp_path)}, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr
