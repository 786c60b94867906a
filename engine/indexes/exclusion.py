"""The items that queries must not get, checked at the door: kernels read them unchecked."""

import numpy as np
from numba import njit

from engine.errors import FewbitsError
from engine.indexes.packed import plain

Exclude = tuple[np.ndarray, np.ndarray]
_NOTHING = np.empty(0, np.int32)
_INT64, _INT32 = np.dtype(np.int64), np.dtype(np.int32)


def checked_exclude(exclude: Exclude | None, batch: int, n: int) -> Exclude:
    """Return (indptr, items) as the kernels want them; FewbitsError where they are not what `Index.search` takes."""
    if exclude is None:
        return np.zeros(batch + 1, np.int64), _NOTHING
    try:
        indptr, items = exclude
        fits = indptr.dtype == _INT64 and items.dtype == _INT32 and indptr.ndim == items.ndim == 1
    except (TypeError, ValueError, AttributeError):  # no pair, or not of arrays: asking for their types takes 0.1 µs
        fits = False
    if not fits:
        got, expected = _told(exclude), f"(indptr, items) of int64 [{batch + 1}] and int32 [m]"
        raise FewbitsError(f"exclude: got {got}, expected {expected}")
    if len(indptr) != batch + 1:
        raise FewbitsError(f"exclude: got indptr of {len(indptr)}, expected {batch + 1} for {batch} queries")
    indptr, items = plain(indptr), plain(items)
    low, high = int(indptr[0]), int(indptr[-1])
    fault = _fault(indptr, items, n)
    if fault == 1:
        raise FewbitsError(f"exclude: got indptr from {low} to {high}, expected it to ascend within 0 … {len(items)}")
    if fault == 2:
        raise FewbitsError(f"exclude: got an item id outside 0 … {n - 1}, expected ids of this index")
    return (indptr - low if low else indptr), items[low:high]


def _told(exclude: object) -> str:
    """Return what was given, in words: ``int64 [2] and list``, ``tuple of 1``, ``str``."""
    if not isinstance(exclude, (tuple, list)):
        return type(exclude).__name__
    if len(exclude) != 2:
        return f"{type(exclude).__name__} of {len(exclude)}"
    return " and ".join(
        f"{part.dtype} {list(part.shape)}" if isinstance(part, np.ndarray) else type(part).__name__ for part in exclude
    )


@njit(cache=True, nogil=True)
def _fault(indptr: np.ndarray, items: np.ndarray, n: int) -> int:
    """Return 1 where indptr does not ascend within the items, 2 where one of these is not in 0 … n - 1, else 0."""
    if indptr[0] < 0 or indptr[-1] > len(items):
        return 1
    for b in range(len(indptr) - 1):
        if indptr[b + 1] < indptr[b]:
            return 1
    for i in range(indptr[0], indptr[-1]):
        if items[i] < 0 or items[i] >= n:
            return 2
    return 0
