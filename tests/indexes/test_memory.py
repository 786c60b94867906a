"""No kernel reads beside an index or queries: their arrays end, and begin, where memory that may not be read does."""

import ctypes
import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import indexes
from engine.indexes import packed
from tests.indexes.samples import KINDS, pairs, queries

ROOT = Path(__file__).parents[2]


def fenced(array: np.ndarray, behind: bool) -> np.ndarray:
    """A copy that ends right before a page that may not be read, or begins right behind one."""
    page = mmap.PAGESIZE
    room = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, room + page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + (room if behind else 0)), ctypes.c_size_t(page), 0) == 0
    at = room - array.nbytes if behind else page
    copy = np.frombuffer(memory, array.dtype, array.size, at).reshape(array.shape)
    copy[...] = array
    return copy


def search_within_fences(behind: bool) -> None:
    """Search indexes and queries of every kind whose arrays are fenced; a read beside them ends the process."""
    packed.ALIGN = 1  # else most arrays would be copied away from their fences
    rng = np.random.default_rng(0)
    for kind, make in KINDS.items():
        for n, dim in ((64, 64), (77, 20), (1, 7)):
            index = indexes.build(make(n, dim, rng))
            plain = {name: np.ascontiguousarray(array) for name, array in index.arrays().items()}
            inside = type(index).from_arrays({name: fenced(a, behind) for name, a in plain.items()}, index.meta())
            own = index.pack_queries(make(3, dim, rng))
            arrays = {name: fenced(array, behind) for name, array in own.arrays().items()}
            users = indexes.Packed.from_arrays(own.layout, own.dim, own.bits, arrays)
            hidden = pairs([[], [0], list(range(n))])
            for plain_queries, asked in ((own, users), (queries(3, dim, rng),) * 2):
                asked = fenced(asked, behind) if isinstance(asked, np.ndarray) else asked
                assert (inside.search(asked, 5, hidden).ids == index.search(plain_queries, 5, hidden).ids).all(), kind


@pytest.mark.skipif(sys.platform == "win32", reason="memory is fenced with mprotect")
@pytest.mark.parametrize("behind", [True, False])
def test_nothing_is_read_beside_the_arrays(behind):
    code = f"from tests.indexes.test_memory import search_within_fences; search_within_fences({behind})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr or f"ended by signal {-run.returncode}"
