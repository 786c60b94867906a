"""Several seeds of one configuration as one point: the mean of its quality, the median of its costs. Pure.

Quality does not depend on the machine, times do: of points of several machines the times are left out, unless each
machine has a point of its own. Seeds on which the machine did not keep its pace do not count for times, where there are
others.
"""

from typing import Any

import numpy as np
import pandas as pd

from dashboard import budget
from dashboard.labels import COSTS, QUALITY
from engine.spec import DRIFT_LIMIT
from engine.study.figures import T

MODEL = ["source", "dataset", "tested", "encoder", "dim", "layers", "loss", "settings"]
"""What tells models apart, but for the seed."""
KEYS = ["source", "tested", "items", *budget.KEYS]
"""What tells configurations apart: as for Budget, and where they were measured, on which split and catalogue size."""
NEEDED = [*KEYS, "seed", "run_id", "hardware", "checkpoint", "calibration_drift"]
DRIFT = "calibration_drift"


def merged(points: pd.DataFrame, by_machine: bool) -> pd.DataFrame:
    """Return one row for each configuration, that of its first seed with means and medians in it, and "seeds" and
    "members".

    ``<quality>_low`` and ``_high`` become the 95 % interval of the mean (Student's t); of one seed they stay what they
    were, over users. "checkpoint" becomes the model without its seed. Rows are not changed where there is one seed.

    Parameters
    ----------
    by_machine : whether points of several machines stay apart
    """
    keys = [key for key in [*KEYS, *(["hardware"] if by_machine else [])] if key in points]
    ordered = points.sort_values("seed", kind="stable")
    number = ordered.groupby(keys, dropna=False, sort=False).ngroup()
    first = ordered[~number.duplicated()].set_index(number[~number.duplicated()])
    columns = {**_qualities(ordered, number, first), **_costs(ordered, number)}
    columns["seeds"] = ordered.groupby(number)["seed"].nunique()
    columns["members"] = _members(ordered, number)
    columns["checkpoint"] = models(first)
    machines = ordered.groupby(number)["hardware"].nunique()
    columns["hardware"] = first["hardware"].where(machines <= 1, machines.astype(str) + " machines")
    return first.assign(**columns).reset_index(drop=True)


def models(points: pd.DataFrame) -> pd.Series:
    """Return the name of each point's model without its seed."""
    there = [key for key in MODEL if key in points]
    words = points[there].astype(object).where(points[there].notna(), "").astype(str)
    return words.agg(" ".join, axis=1) if len(points) else pd.Series(dtype=object)


def _members(ordered: pd.DataFrame, number: pd.Series) -> pd.Series:
    pairs = pd.Series(list(zip(ordered["run_id"], ordered["query_bits"].astype(int), strict=True)), ordered.index)
    return pairs.groupby(number).agg(list)


def _qualities(ordered: pd.DataFrame, number: pd.Series, first: pd.DataFrame) -> dict[str, Any]:
    names = [c for c in ordered if c.partition("@")[0] in QUALITY and not c.endswith(("_low", "_high"))]
    groups = ordered[names].astype(float).groupby(number)
    means, n = groups.mean(), groups.count()
    quantiles = np.array([np.nan, np.nan, *T])[np.minimum(n, len(T) + 1)]
    half = quantiles * groups.std() / np.sqrt(n)
    columns: dict[str, Any] = {name: means[name] for name in names}
    for name in names:
        for end, sign in (("_low", -1), ("_high", 1)):
            of_one = first.get(f"{name}{end}", np.nan)
            columns[f"{name}{end}"] = (means[name] + sign * half[name]).where(n[name] > 1, of_one)
    return columns


def _costs(ordered: pd.DataFrame, number: pd.Series) -> dict[str, Any]:
    """Return the medians of sizes, and of times of one machine."""
    there = [name for name in COSTS if name in ordered]
    times = [name for name in there if COSTS[name].timed]
    sizes = [name for name in there if not COSTS[name].timed]
    columns: dict[str, Any] = dict(ordered[sizes].groupby(number).median())
    drift = ordered[DRIFT] if DRIFT in ordered else pd.Series(np.nan, ordered.index)
    sound = ~(drift > DRIFT_LIMIT)
    used = (sound | ~sound.groupby(number).transform("any")) & (
        ordered["hardware"].groupby(number).transform("nunique") <= 1
    )
    columns |= dict(ordered[times].where(used).groupby(number).median())
    return columns | {DRIFT: drift.where(used).groupby(number).max()}
