"""What Compare says of configurations over their seeds, one's own and the reference study's: no users are needed.

A configuration is known by the point of its first seed; an address may name that of any. Quality is the mean over
seeds, differences are seed by seed, both with Student's 95 % interval; costs are medians on one machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import budget, compare, data, frontiers, labels, naming, results, seeds, shipped
from dashboard.budget import Difference, Seeds
from dashboard.compare import Key
from engine.study.figures import Figure, figure

SHARE = "_share"
GROUPS = ("head", "tail")
"""Of the items, by popularity: `engine.study.tail`."""
TIMES = [axis.column for axis in labels.COSTS.values() if axis.timed]


@dataclass(frozen=True, eq=False)
class Known:
    """All configurations. Not to be changed: it is shared."""

    points: pd.DataFrame
    """Each seed's point; its row's label is in ``members``."""
    members: dict[Key, list[Any]]
    """Configuration → its points, the first seed's first."""
    names: dict[Key, str]
    """Configuration → how it is called; no two alike."""
    of: dict[Key, Key]
    """Any point → its configuration."""


def known() -> Known:
    """Return the configurations that were measured here or are shipped."""
    return _known(str(data.root()), data.snapshot(), shipped.version())


@st.cache_resource(show_spinner="putting seeds together", max_entries=2)
def _known(root: str, snapshot: str | None, version: str) -> Known:
    points = shipped.beside(results.described()).reset_index(drop=True)
    floats = shipped.floats(points) if len(points) else points
    for column in [f"recall@{k}" for k in results.lengths(points)]:
        if column in points:
            points = frontiers.share_of_float(points, column, floats)
    ordered = points.sort_values("seed", kind="stable") if len(points) else points
    keys = [key for key in seeds.KEYS if key in ordered]
    groups = ordered.groupby(keys, dropna=False, sort=False) if len(points) else ()
    labelled = zip(ordered["run_id"], ordered["query_bits"].astype(int), strict=True) if len(points) else ()
    pairs = dict(zip(ordered.index, labelled, strict=True))
    members = {pairs[own.index[0]]: own.index.tolist() for _, own in groups}
    of = {pairs[label]: key for key, own in members.items() for label in own}
    return Known(points, members, _names(points, members), of)


def _names(points: pd.DataFrame, members: Mapping[Key, Sequence[Any]]) -> dict[Key, str]:
    """Return names, the data sets in the order of Trade-offs, and in each the largest first."""
    if points.empty:
        return {}
    first = points.loc[[own[0] for own in members.values()]].assign(key=list(members))
    first["seeds"] = [points.loc[own, "seed"].nunique() for own in members.values()]
    first["place"] = first["dataset"].map({name: n for n, name in enumerate(shipped.datasets(points))})
    first = first.sort_values(["place", "source", "encoder", "dim", "bytes_per_item"], ascending=[True] * 4 + [False])
    words = [labels.point(row) for row in first.to_dict("records")]
    words = [f"{word} · reference" * (s == "reference") or word for word, s in zip(words, first["source"], strict=True)]
    named = naming.told_apart(words, first["settings"].tolist(), first["run_id"].tolist())
    return dict(zip(first["key"], named, strict=True))


def suggested(known: Known) -> list[Key]:
    """Return a comparison worth a look: of the first data set's most measured model, float32 and the frontier."""
    if known.points.empty:
        return []
    first = known.points[known.points["dataset"] == shipped.datasets(known.points)[0]]
    merged = seeds.merged(first, by_machine=False)
    return compare.suggested(merged[merged["checkpoint"] == merged["checkpoint"].mode()[0]])


def machines(known: Known, keys: Sequence[Key]) -> list[str]:
    """Return the machines on which the configurations were measured, that of most of them first."""
    counted = pd.Series([name for key in keys for name in known.points.loc[known.members[key], "hardware"].unique()])
    return list(counted.value_counts().index)


def rows_of(known: Known, keys: Sequence[Key], machine: str) -> list[dict[str, Any]]:
    """Return a row for each configuration: that of its first seed, with "seeds" and "spec" (of its first run), and the
    median of costs, times on ``machine``, or on its own where it was measured on one other alone.
    """
    specs = pd.concat([table[["run_id", "spec"]] for table in (data.runs(), shipped.runs()) if len(table)])
    spec = specs.drop_duplicates("run_id").set_index("run_id")["spec"]
    rows = []
    for key in keys:
        own = known.points.loc[known.members[key]]
        here = own[own["hardware"] == machine]
        row = seeds.merged(own, by_machine=False).iloc[0].to_dict()
        if len(here) and len(here) < len(own):
            timed = seeds.merged(here, by_machine=False).iloc[0]
            row |= {name: timed[name] for name in [*TIMES, seeds.DRIFT, "hardware"] if name in timed}
        rows.append({**row, "spec": spec[row["run_id"]], "of_seeds": sorted(own["seed"].unique().tolist())})
    return rows


def by_seed(known: Known, key: Key, column: str) -> Seeds:
    """Return seed → a quality of a configuration; of a seed that several runs measured the mean."""
    own = known.points.loc[known.members[key]]
    values = own.groupby("seed")[column].mean().dropna() if column in own else pd.Series(dtype=float)
    return {int(str(seed)): float(value) for seed, value in values.items()}


def mean(known: Known, key: Key, column: str) -> Figure | None:
    """Return a quality as mean over seeds; None where it was not measured."""
    return figure(by_seed(known, key, column).values())


def differences(known: Known, keys: Sequence[Key], column: str) -> dict[Key, Difference]:
    """Return configuration → its difference to the first one, of those with two seeds in common with it or more, and
    the same test items.
    """
    return budget.against_by_seed({key: by_seed(known, key, column) for key in _same(known, keys)}, keys[0])


def by_popularity(known: Known, keys: Sequence[Key]) -> pd.DataFrame:
    """Return the recall@20 of each of `GROUPS`, as `dashboard.who_loses.shares` has it but for "of": of the
    configurations that have the test items of the first; empty where it is not known of that or of no other.
    """
    same, rows = _same(known, keys), []
    for number, name in enumerate(GROUPS):
        column = f"recall_{name}@20"
        values = {key: by_seed(known, key, column) for key in same}
        own = values[keys[0]]
        for key in (key for key in same if values[key]):
            share = figure(values[key].values())
            change = figure(values[key][s] / own[s] - 1 for s in values[key] if own.get(s))
            assert share is not None  # of something
            rows.append({
                "point": keys.index(key), "group": number, **_ends(("share", "low", "high"), share),
                **_ends(("change", "change_low", "change_high"), change),
            })  # fmt: skip
    found = pd.DataFrame(rows)
    return found if len(found) and 0 in found["point"].array and found["point"].nunique() > 1 else pd.DataFrame()


def _ends(names: tuple[str, str, str], of: Figure | None) -> dict[str, float]:
    """Return a figure and the ends of its interval by these names; NaN where there is none."""
    mean, low, high = (np.nan,) * 3 if of is None else (of.mean, of.low, of.high)
    known = of is not None and of.half is not None
    return dict(zip(names, (mean, low, high) if known else (mean, np.nan, np.nan), strict=True))


def _same(known: Known, keys: Sequence[Key]) -> list[Key]:
    """Return the configurations that have the test items of the first."""
    tested = {key: known.points.loc[known.members[key][0], ["dataset", "tested"]].tolist() for key in keys}
    return [key for key in keys if tested[key] == tested[keys[0]]]
