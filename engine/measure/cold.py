"""Emptying the caches before a single search, as they are for a server that has done something else in between.

Cold means: since the last search, a buffer of twice the last-level cache, but at least 16 and at most 128 MiB, has been
read and written, a word in every line. So the first- and second-level caches, the address translations and what a core
can keep in a last-level cache of up to 128 MiB hold nothing of the index. A larger last-level cache is shared by
many cores, and parts of it may still hold the index: emptying all of it would take a second a query. (On a virtual
Xeon with 480 MiB, 64 MiB made searches as slow as 1 GiB did; 16 MiB did not.) The query itself is in no cache either.
"""

from functools import lru_cache

import numpy as np

from engine.measure.machine import caches

LEAST, MOST = 16 << 20, 128 << 20
LINE = 64


def buffer_bytes() -> int:
    """Return how many bytes are streamed through."""
    return min(max(2 * max(caches().values(), default=MOST), LEAST), MOST)


def empty() -> None:
    """Stream through the buffer."""
    _words()[:] += 1


@lru_cache(maxsize=1)
def _words() -> np.ndarray:
    """Return one word of every cache line of the buffer, int64 [lines]: a view, kept for the next time."""
    return np.zeros(buffer_bytes() // 8, np.int64)[:: LINE // 8]
