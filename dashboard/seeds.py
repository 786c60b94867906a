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
ENDS = ("_low", "_high")
TRAINED = "checkpoints"
"""The column of the models that a merged point is of, a seed each."""


def merged(points: pd.DataFrame, by_machine: bool) -> pd.DataFrame:
    """Return one row for each configuration, that of its first seed with means and medians in it, and "seeds",
    "members" and "checkpoints" (each seed's).

    ``<quality>_low`` and ``_high`` become the 95 % interval of the mean (Student's t), those of costs are taken away;
    of one seed all stay what they were. A seed that several runs measured counts once, by their mean. "checkpoint"
    becomes the model without its seed.

    Parameters
    ----------
    points : those that have what is shown: a seed without it is none of a point's seeds
    by_machine : whether points of several machines stay apart
    """
    keys = [key for key in [*KEYS, *(["hardware"] if by_machine else [])] if key in points]
    ordered = points.sort_values("seed", kind="stable")
    number = ordered.groupby(keys, dropna=False, sort=False).ngroup().rename("number")
    first = ordered[~number.duplicated()].set_index(number[~number.duplicated()])
    seeds = ordered.groupby(number)["seed"].nunique()
    machines = ordered.groupby(number)["hardware"].nunique()
    columns = {**_qualities(ordered, number, first), **_costs(ordered, number, seeds, first)}
    columns |= {"seeds": seeds, "members": _members(ordered, number), "checkpoint": _models(first)}
    columns[TRAINED] = ordered["checkpoint"].groupby(number).agg(list)
    columns["hardware"] = first["hardware"].where(machines <= 1, machines.astype(str) + " machines")
    return first.assign(**columns).reset_index(drop=True)


def beside(points: pd.DataFrame, floats: pd.DataFrame) -> pd.DataFrame:
    """Return the float32 points of the very models that are behind merged points, merged alike."""
    models = points[["source", TRAINED]].explode(TRAINED).rename(columns={TRAINED: "checkpoint"})
    return merged(floats.merge(models.dropna().drop_duplicates(), on=["source", "checkpoint"]), by_machine=False)


def _models(points: pd.DataFrame) -> pd.Series:
    """Return the name of each point's model without its seed."""
    there = (points[key].astype(object).where(points[key].notna(), "") for key in MODEL if key in points)
    rows = zip(*(column.tolist() for column in there), strict=True)
    return pd.Series([" ".join(map(str, row)) for row in rows], points.index, dtype=object)


def _members(ordered: pd.DataFrame, number: pd.Series) -> pd.Series:
    pairs = pd.Series(list(zip(ordered["run_id"], ordered["query_bits"].astype(int), strict=True)), ordered.index)
    return pairs.groupby(number).agg(list)


def _by_seed(values: pd.DataFrame, ordered: pd.DataFrame, number: pd.Series) -> Any:
    """Return a value a seed of each configuration, grouped by configuration."""
    return values.astype(float).groupby([number, ordered["seed"]]).mean().groupby(level="number")


def _qualities(ordered: pd.DataFrame, number: pd.Series, first: pd.DataFrame) -> dict[str, Any]:
    names = [c for c in ordered if c.partition("@")[0] in QUALITY and not c.endswith(ENDS)]
    groups = _by_seed(ordered[names], ordered, number)
    means, n = groups.mean(), groups.count()
    half = np.array([np.nan, np.nan, *T])[np.minimum(n, len(T) + 1)] * groups.std() / np.sqrt(n)
    columns: dict[str, Any] = {name: means[name] for name in names}
    for name in names:
        for end, sign in zip(ENDS, (-1, 1), strict=True):
            of_one = first.get(f"{name}{end}", np.nan)
            columns[f"{name}{end}"] = (means[name] + sign * half[name]).where(n[name] > 1, of_one)
    return columns


def _costs(ordered: pd.DataFrame, number: pd.Series, seeds: pd.Series, first: pd.DataFrame) -> dict[str, Any]:
    """Return the medians of sizes, and of times of one machine."""
    there = [name for name in COSTS if name in ordered]
    times = [name for name in there if COSTS[name].timed]
    sizes = [name for name in there if not COSTS[name].timed]
    columns: dict[str, Any] = dict(_by_seed(ordered[sizes], ordered, number).median())
    drift = ordered[DRIFT] if DRIFT in ordered else pd.Series(np.nan, ordered.index)
    sound = ~(drift > DRIFT_LIMIT)
    one_machine = ordered["hardware"].groupby(number).transform("nunique") <= 1
    used = (sound | ~sound.groupby(number).transform("any")) & one_machine
    columns |= dict(_by_seed(ordered[times].where(used), ordered, number).median())
    ends = [f"{name}{end}" for name in there for end in ENDS if f"{name}{end}" in ordered]
    columns |= {name: first[name].where(seeds == 1) for name in ends}  # of one seed they say nothing of a median
    return columns | {DRIFT: drift.where(used).groupby(number).max()}
