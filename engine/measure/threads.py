"""Working on some of the cores only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import FewbitsError
from engine.measure.machine import cores


@contextmanager
def using(threads: int) -> Iterator[None]:
    """Let torch, our kernels and what counts the cores use so many while the block runs.

    Raises
    ------
    FewbitsError
        For fewer than 1, or more than the cores of this process.
    """
    import numba
    import torch

    if not 1 <= threads <= cores():
        raise FewbitsError(f"threads: got {threads}, expected 1 to {cores()}, the cores of this process")
    before = torch.get_num_threads(), numba.get_num_threads()
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    if allowed:
        os.sched_setaffinity(0, set(sorted(allowed)[:threads]))
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])
        if allowed:
            os.sched_setaffinity(0, allowed)
