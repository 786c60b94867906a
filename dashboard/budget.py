"""Which configuration to ship under a budget, without streamlit: who meets it, who is best, who cannot be told apart.

A configuration is what is served: data set, model, quantizer, bits, options and how users are searched. Seeds are
repetitions of it: quality is their mean, costs are their median.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from engine.errors import FewbitsError
from engine.frontier import bootstrap_means, interval
from engine.spec import DRIFT_LIMIT
from engine.study.figures import figure

KEYS = ["dataset", "encoder", "dim", "layers", "loss", "settings", "quantizer", "bits", "options", "query_bits",
        "index"]  # fmt: skip
"""What the points of one configuration have in common: all but the seed of its model."""
PREFERENCES = {"quality": "Best lists", "index_bytes": "Least memory", "latency": "Fastest search"}
Users = Mapping[int, np.ndarray]
"""Seed of the model → the quality of each user, float [users]."""
Seeds = Mapping[int, float]
"""Seed of the model → the mean quality."""
SAME_COST = 0.02
"""Two costs that differ by less than this share count as equal: such differences do not decide what is shipped."""


@dataclass(frozen=True)
class Budget:
    """What is asked for; None: no such limit."""

    quality: str  # a column, such as recall@20
    keep: float | None = None  # least share of what float32 reaches
    latency: str = "latency_p99_us"
    most_us: float | None = None
    most_bytes: float | None = None

    def limits(self) -> dict[str, float]:
        """Return column of `configurations` → limit, of those that were set."""
        found = {"kept": self.keep, "latency": self.most_us, "index_bytes": self.most_bytes}
        return {column: limit for column, limit in found.items() if limit is not None}


class Difference(NamedTuple):
    """Quality minus that of another configuration: the mean, its 95 % interval (paired bootstrap over users or, where
    these were not kept, Student's t over seeds), and of how many seeds it is, those that both have.
    """

    mean: float
    low: float
    high: float
    seeds: int


def configurations(points: pd.DataFrame, budget: Budget) -> pd.DataFrame:
    """Return one row a configuration.

    Its points' naming columns (of the first seed), quality and kept (share of float32; means over seeds), kept_low and
    kept_high (the lowest and highest seed), latency (of the seeds on which the machine kept its pace, where there are
    any), index_bytes, bytes_per_item, drift (what the machine lost of its pace on the best of them, per cent), run_ids,
    of_seeds and of_quality (each run's), seeds (how many), and ``over``: by which share it misses the limit that it
    misses most, 0 where it meets all, NaN where one is not measured.

    Parameters
    ----------
    points : with ``<quality>_share`` (`frontiers.share_of_float`)
    """
    needed = [budget.quality, f"{budget.quality}_share", budget.latency]
    if points.empty or any(column not in points for column in needed):
        return pd.DataFrame(columns=[*KEYS, "quality", "kept", "latency", "index_bytes", "run_ids", "over"])
    drift = points["calibration_drift"] if "calibration_drift" in points else pd.Series(np.nan, points.index)
    sound = points[budget.latency].where(~(drift > DRIFT_LIMIT))
    points = points.assign(drift=drift, sound=sound).sort_values(["seed", "finished"])
    groups = points.groupby(KEYS, sort=False, dropna=False)
    kept = groups[f"{budget.quality}_share"]
    found = groups.first().assign(
        quality=groups[budget.quality].mean(), kept=kept.mean(), kept_low=kept.min(), kept_high=kept.max(),
        latency=groups["sound"].median().fillna(groups[budget.latency].median()),
        index_bytes=groups["index_bytes"].median(),
        bytes_per_item=groups["bytes_per_item"].median(), seeds=groups["seed"].nunique(),
        drift=groups["drift"].min(),
        run_ids=groups["run_id"].agg(list), of_seeds=groups["seed"].agg(list),
        of_quality=groups[budget.quality].agg(list),
    ).reset_index()  # fmt: skip
    over = missed(found, budget)
    return found.assign(over=over.max(axis=1, skipna=False) if len(over.columns) else 0.0)


def missed(table: pd.DataFrame, budget: Budget) -> pd.DataFrame:
    """Return for each limit that was set by which share of it a configuration misses it: 0 where it is met."""
    found = {}
    for column, limit in budget.limits().items():
        ratio = limit / table[column] if column == "kept" else table[column] / limit
        found[column] = (ratio - 1).clip(lower=0).where(table[column].notna())
    return pd.DataFrame(found, index=table.index)


def ranked(table: pd.DataFrame, prefer: str) -> pd.DataFrame:
    """Return configurations in the order of a preference; of nearly equal costs the one with better lists is first."""
    if prefer == "quality":
        return table.sort_values(["quality", "index_bytes", "latency"], ascending=[False, True, True])
    step = np.log(table[prefer].clip(lower=1e-12)).div(np.log1p(SAME_COST)).round()
    return table.assign(_step=step).sort_values(["_step", "quality"], ascending=[True, False]).drop(columns="_step")


def against(per_user: Mapping[Any, Users], base: Any, seed: int = 0) -> dict[Any, Difference]:
    """Return label → its difference to ``base``, over the seeds that both have: another seed is another model, and its
    luck would pass for a difference. Those that share no seed or are of other users are left out.
    """
    own, pairs = per_user[base], {}
    for label, users in per_user.items():
        seeds = sorted(users.keys() & own.keys())
        if label != base and seeds and all(len(users[s]) == len(own[s]) for s in seeds):
            pairs[label] = np.mean([users[s].astype(float) - own[s] for s in seeds], axis=0), len(seeds)
    if not pairs:
        return {}
    values = np.stack([difference for difference, _ in pairs.values()], axis=1)
    low, high = interval(values, seed)
    counts = [count for _, count in pairs.values()]
    return {
        label: Difference(*found)
        for label, *found in zip(pairs, values.mean(0).tolist(), low.tolist(), high.tolist(), counts, strict=True)
    }


def against_by_seed(per_seed: Mapping[Any, Seeds], base: Any) -> dict[Any, Difference]:
    """Return label → its difference to ``base``, paired by seed, with Student's interval over them; those that have
    fewer than two seeds in common with it are left out.
    """
    own, found = per_seed[base], {}
    for label, values in per_seed.items():
        common = sorted(values.keys() & own.keys())
        if label != base and len(common) > 1:
            f = figure(values[s] - own[s] for s in common)
            assert f is not None  # of something
            found[label] = Difference(f.mean, f.low, f.high, f.seeds)
    return found


def chance(values: np.ndarray, reference: np.ndarray, keep: float, seed: int = 0) -> float:
    """Return the share of bootstrap resamples of the users in which a mean is at least ``keep`` of the reference's.

    Parameters
    ----------
    values, reference : float [users], of the same users in the same order
    """
    if values.shape != reference.shape:
        raise FewbitsError(f"a paired comparison needs the same users: got {len(values):,} and {len(reference):,}")
    means = bootstrap_means(np.stack([values, reference], 1).astype(float), seed)
    return float((means[:, 0] >= keep * means[:, 1]).mean())


def chosen(
    meeting: pd.DataFrame,
    prefer: str,
    per_user: Mapping[Any, Any],
    against: Callable[[Mapping[Any, Any], Any], dict[Any, Difference]] = against,
    margin: float | None = None,
) -> tuple[Any, list[Any]]:
    """Return the label of the recommended configuration, and those of all whose lists are as good, itself first.

    By quality: of all that cannot be told apart from the best the smallest, of equally small ones the fastest. The
    best is that with the highest mean, unless another is clearly better on the seeds that both have. By a cost: the
    one with the least of it.

    Parameters
    ----------
    meeting : configurations that meet the budget, at least one
    per_user : label → seed → the quality of each user, of those that may be compared (the same users); or what
        ``against`` takes
    margin : the share of the best's quality that another may lose at most, for certain, and be as good (and win: more
        is better, not as good); None: whoever cannot be told apart from it is. Of few seeds that would be whatever
        varies enough.
    """
    first = ranked(meeting, prefer).index[0]
    if first not in per_user:
        return first, [first]
    found = against(per_user, first)
    if prefer == "quality":
        for _ in per_user:  # each step is to one that is better; as many as there are, whatever chance says
            better = {label: difference for label, difference in found.items() if difference.low > 0}
            if not better:
                break
            first = max(better, key=lambda label: better[label].mean)
            found = against(per_user, first)
    near = None if margin is None else margin * meeting.loc[first, "quality"]
    tied = [label for label, d in found.items() if (d.low <= 0 <= d.high if near is None else -near < d.low <= near)]
    ties = ranked(meeting.loc[[first, *tied]], "index_bytes")
    if prefer == "quality":
        smallest = ties[ties["index_bytes"] <= ties["index_bytes"].min() * (1 + SAME_COST)]
        first = smallest.sort_values("latency").index[0]
    return first, [first, *(label for label in ties.index if label != first)]


def alternatives(meeting: pd.DataFrame, best: Any, differences: Mapping[Any, Difference]) -> pd.DataFrame:
    """Return the others that are better than the best in something: lists, memory or speed, best lists first.

    Parameters
    ----------
    differences : label → its quality minus the best's (`against`); of others the means are compared
    """
    row, others = meeting.loc[best], meeting.drop(index=best)
    known = pd.Series({label: difference.mean for label, difference in differences.items()}, dtype=float)
    lists = known.reindex(others.index).fillna(others["quality"] - row["quality"])
    better = (
        (lists > 0)
        | (others["index_bytes"] < row["index_bytes"] * (1 - SAME_COST))
        | (others["latency"] < row["latency"] * (1 - SAME_COST))
    )
    return ranked(others[better], "quality")


def nearest(table: pd.DataFrame) -> Any:
    """Return the label of the configuration that misses the budget least; None where none has each limit measured."""
    known = table[table["over"].notna()]
    return None if known.empty else known.sort_values(["over", "quality"], ascending=[True, False]).index[0]
