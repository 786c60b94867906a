"""Half-precision numbers are read exactly, with and without the processor's help."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numba import njit

from engine.indexes.half import widen

ROOT = Path(__file__).parents[2]


@njit
def widened(bits):
    numbers = np.empty(len(bits), np.float32)
    for i in range(len(bits)):
        numbers[i] = widen(bits[i])
    return numbers


def misread() -> int:
    """The number of finite half-precision numbers, of all there are, that the kernels read wrongly."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    return int((widened(finite.view(np.uint16)).view(np.uint32) != finite.astype(np.float32).view(np.uint32)).sum())


def test_every_finite_number_is_read_exactly():
    assert misread() == 0


def test_a_processor_that_cannot_convert_reads_the_same(tmp_path):
    # a plain conversion would need a function that is not linked there, and end the process
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    code = "from tests.indexes.test_half import misread; print(misread())"
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | generic, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.stdout.strip(), run.returncode) == ("0", 0), run.stderr
