"""The one token of a runs folder: whoever holds it has the machine, so that nothing else of ours disturbs a timing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


def machine_lock(root: Path) -> FileLock:
    """Return the lock that lets one attempt at a time work: training uses every core, and latency needs them quiet."""
    return FileLock(root / "machine.lock")


@contextmanager
def exclusive(root: Path, wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the machine while the block runs; ``wait`` is told where another run has it."""
    lock = machine_lock(root)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        wait("another run is at work: latency is measured with nothing else of ours running")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
