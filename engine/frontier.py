"""Which points are worth a look: the Pareto frontier, and whether two runs can be told apart.

numpy and pandas only: the dashboard computes frontiers anew under every filter.
"""

import numpy as np
import pandas as pd

from engine.errors import FewbitsError

HIGHER_IS_BETTER = ("recall", "ndcg", "overlap", "throughput", "compression")


def higher_is_better(column: str) -> bool:
    """Return whether more of a metric is better; latency, bytes, seconds and ties are better when low."""
    return column.startswith(HIGHER_IS_BETTER)


def on_frontier(points: pd.DataFrame, x: str, y: str) -> pd.Series:
    """Return for each point whether no other is at least as good in both metrics and better in one.

    Points that lack either metric are never on the frontier. Points that are equal in both are on it together.

    Parameters
    ----------
    points : DataFrame with columns ``x`` and ``y``
    x, y : column names; `higher_is_better` tells their direction.

    Raises
    ------
    FewbitsError
        A column that no point has, or that holds no numbers.
    """
    numeric = [c for c in points.columns if pd.api.types.is_numeric_dtype(points[c])]
    for column in (x, y):
        if column not in numeric:
            raise FewbitsError(f"no point has a number {column!r}; measured are: {', '.join(sorted(numeric))}")
    cost = points[x].to_numpy(float) * (-1 if higher_is_better(x) else 1)
    gain = points[y].to_numpy(float) * (1 if higher_is_better(y) else -1)
    measured = np.flatnonzero(~(np.isnan(cost) | np.isnan(gain)))
    order = measured[np.lexsort((-gain[measured], cost[measured]))]
    best = np.zeros(len(points), bool)
    highest, at = -np.inf, np.nan
    for i in order:  # by rising cost, best gain first within equal cost
        if gain[i] > highest:
            highest, at = gain[i], cost[i]
            best[i] = True
        elif gain[i] == highest and cost[i] == at:
            best[i] = True
    return pd.Series(best, index=points.index, name="frontier")


def bootstrap_means(values: np.ndarray, seed: int = 0, resamples: int = 1000, block: int = 1) -> np.ndarray:
    """Return the means of bootstrap resamples of the rows of ``values`` [n, m]: float64 [resamples, m].

    Each resample draws n rows with replacement; all m columns share the draw, so differences of columns are paired.

    Parameters
    ----------
    block : resamples that are multiplied with the values at once. The draws are the same; sums are taken in another
        order, so that the last bits differ (1e-15 of a mean). With dozens of columns 32 take a third of the time.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    counts = np.empty((block, n))  # how often each row was drawn
    for first in range(0, resamples, block):
        size = min(block, resamples - first)
        for r in range(size):
            counts[r] = np.bincount(rng.integers(0, n, n, dtype=np.int32), minlength=n)
        means[first : first + size] = counts[:size] @ values
    return means / n


def interval(values: np.ndarray, seed: int = 0, resamples: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % percentile bootstrap interval of the column means of ``values`` [n, m]: low [m], high [m]."""
    low, high = np.percentile(bootstrap_means(values, seed, resamples), [2.5, 97.5], axis=0)
    return low, high
