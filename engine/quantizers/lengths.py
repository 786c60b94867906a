"""Lengths that are taken out of rows, so that their directions are coded and the lengths kept apart.

The square of a number below 1e-19 leaves float32's normal range: a shorter row has a wrong length or none, and its
numbers divided by that are no direction. A row shorter than SHORTEST counts as one of zeros, which has none either.
"""

from typing import Any

import numpy as np

SHORTEST = 1e-18


def unit_rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return directions float32 [n, d] and lengths float32 [n, 1] of rows float32 [n, d]; of short ones zeros."""
    sizes = np.linalg.norm(x, axis=1, keepdims=True)
    sizes[sizes < SHORTEST] = 0
    return np.divide(x, sizes, out=np.zeros_like(x), where=sizes > 0), sizes


def unit_tensors(x: Any) -> tuple[Any, Any]:
    """Return the same of a torch tensor, differentiable; no gradient goes to short rows."""
    sizes = x.norm(dim=1, keepdim=True)
    short = sizes < SHORTEST
    return (x / sizes.clamp(min=SHORTEST)).masked_fill(short, 0), sizes.masked_fill(short, 0)
