"""Fewer marks for thousands of points: marks of one kind that would cover each other are drawn once. Pure."""

import numpy as np
import pandas as pd

from dashboard.labels import Axis
from engine.frontier import higher_is_better

MOST = 400
"""Marks that a browser draws at once without a pause that is felt; with fewer points than this all are drawn."""
GRIDS = (160, 110, 80, 55, 40, 28, 20)
"""Places across the chart, twice as many as upward; the finest grid with few enough marks is taken."""


def thinned(points: pd.DataFrame, x: Axis, y: Axis, log_x: bool, log_y: bool) -> pd.DataFrame:
    """Return the points to draw: all on the frontier; of the others one for each method, query precision and place.

    Of several in one place the one that is best by the vertical axis is drawn.

    Parameters
    ----------
    points : columns of the two axes, "quantizer", "queries", "frontier"
    """
    if len(points) <= MOST:
        return points
    ordered = points.sort_values(y.column, ascending=not higher_is_better(y.column), kind="stable")
    across, upward = _places(ordered[x.column], log_x), _places(ordered[y.column], log_y)
    kinds = ordered.groupby(["quantizer", "queries"]).ngroup().to_numpy()
    best = ordered["frontier"].to_numpy()
    keep = best
    for grid in GRIDS:
        column, row = (across * grid).astype(np.int64), (upward * grid / 2).astype(np.int64)
        _, first = np.unique((kinds * (grid + 1) + column) * (grid + 1) + row, return_index=True)
        keep = best.copy()
        keep[first] = True
        if keep.sum() <= MOST:
            break
    return ordered[keep]


def _places(values: pd.Series, log: bool) -> np.ndarray:
    """Return where values lie between the least and the greatest, 0 to 1: float64 [n]."""
    numbers = values.to_numpy(float)
    if log:
        least = numbers[numbers > 0].min(initial=np.inf)
        numbers = np.log(np.maximum(numbers, least if np.isfinite(least) else 1.0))
    span = np.ptp(numbers) or 1.0
    return (numbers - numbers.min()) / span
