"""What Compare says of configurations over their seeds, one's own and the reference study's: no users are needed.

A configuration is known by the point of its first seed; an address may name that of any. Quality is the mean over
seeds, differences are seed by seed, both with Student's 95 % interval; costs are medians on one machine.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import budget, compare, data, frontiers, labels, naming, results, seeds, shipped
from dashboard.budget import Difference, Seeds
from dashboard.compare import Key
from engine.errors import FewbitsError
from engine.study.figures import Figure, figure

SHARE = "_share"
GROUPS = ("head", "tail")
"""Of the items, by popularity: `engine.study.tail`."""
TIMES = [axis.column for axis in labels.COSTS.values() if axis.timed]
SAME = ["dataset", "tested", "source"]
"""What configurations have in common whose seeds are paired: test items, and whether they are one's own."""


@dataclass(frozen=True, eq=False)
class Known:
    """All configurations. Not to be changed: it is shared."""

    points: pd.DataFrame
    """Each seed's point."""
    table: pd.DataFrame
    """`seeds.merged` of them; "run_id" and "query_bits" are a configuration's key."""
    members: dict[Key, list[Any]]
    """Configuration → the labels of its ``points``, the first seed's first."""
    names: dict[Key, str]
    """Configuration → how it is called; no two alike."""
    of: dict[Key, Key]
    """Any point → its configuration."""


def known() -> Known:
    """Return the configurations that were measured here or are shipped; where those cannot be read, one's own."""
    return _known(str(data.root()), data.snapshot(), shipped.version())


@st.cache_resource(show_spinner="putting seeds together", max_entries=2)
def _known(root: str, snapshot: str | None, version: str) -> Known:
    own = results.described()
    tables = [own.assign(source="own")] if len(own) else []
    with contextlib.suppress(FewbitsError):  # the page says so beside its switch
        tables += [shipped.points()] if len(shipped.points()) else []
    if not tables:
        return Known(pd.DataFrame(), pd.DataFrame(), {}, {}, {})
    points = pd.concat(tables, ignore_index=True)
    for column in (f"recall@{k}" for k in results.lengths(points) if f"recall@{k}" in points):
        points = frontiers.share_of_float(points, column)
    here = set(own["run_id"]) if len(own) else set()
    rows, members, of = [], {}, {}
    for source, part in points.groupby("source", sort=False):
        pairs = zip(part["run_id"], part["query_bits"].astype(int), strict=True)
        label = dict(zip(pairs, part.index, strict=True))
        for row in seeds.merged(part, by_machine=False).to_dict("records"):
            named = [pair for pair in row["members"] if source == "own" or pair[0] not in here]
            if named:  # else all of it was measured here as well, and goes by that
                members[named[0]] = [label[pair] for pair in row["members"]]
                of |= dict.fromkeys(named, named[0])
                rows.append({**row, "run_id": named[0][0]})
    table = pd.DataFrame(rows)
    return Known(points, table, members, _names(table), of)


def _names(table: pd.DataFrame) -> dict[Key, str]:
    """Return names, the data sets in the order of Trade-offs, and in each the largest first."""
    places = {name: number for number, name in enumerate(shipped.datasets(table))}
    first = table.assign(place=table["dataset"].map(places))
    first = first.sort_values(["place", "source", "encoder", "dim", "bytes_per_item"], ascending=[True] * 4 + [False])
    rows = first.to_dict("records")
    words = [labels.point(row) + " · reference" * (row["source"] == "reference") for row in rows]
    named = naming.told_apart(words, first["settings"].tolist(), first["run_id"].tolist())
    return {(row["run_id"], int(row["query_bits"])): name for row, name in zip(rows, named, strict=True)}


def suggested(known: Known) -> list[Key]:
    """Return a comparison worth a look: of the first data set's most measured model, float32 and the frontier."""
    if known.table.empty:
        return []
    first = known.table[known.table["dataset"] == shipped.datasets(known.table)[0]]
    return compare.suggested(first[first["checkpoint"] == first["checkpoint"].mode()[0]])


def machines(known: Known, keys: Sequence[Key]) -> list[str]:
    """Return the machines of those configurations that were measured on several, that of most of them first."""
    of = [known.points.loc[known.members[key], "hardware"].dropna().unique() for key in keys]
    return list(
        pd.Series([name for names in of if len(names) > 1 for name in names], dtype=object).value_counts().index
    )


def rows_of(known: Known, keys: Sequence[Key], machine: str | None) -> list[dict[str, Any]]:
    """Return a row for each configuration: that of ``known.table``, with "spec" (of the run that it is known by),
    "of_seeds" and "machines".

    Parameters
    ----------
    machine : whose times count of what was measured on several; None: there is no such configuration
    """
    merged, rows = known.table.set_index(["run_id", "query_bits"], drop=False), []
    for key in keys:
        own, row = known.points.loc[known.members[key]], merged.loc[key].to_dict()
        here = own[own["hardware"] == machine]
        if len(here) and len(here) < len(own):
            timed = seeds.merged(here, by_machine=False).iloc[0]
            row |= {name: timed[name] for name in [*TIMES, seeds.DRIFT, "hardware"] if name in timed}
        runs = data.runs() if row["source"] == "own" else shipped.runs()
        spec = runs.loc[runs["run_id"] == row["run_id"], "spec"].iloc[0]
        named = own["hardware"].dropna().unique().tolist()
        rows.append({**row, "spec": spec, "of_seeds": sorted(own["seed"].unique().tolist()), "machines": named})
    return rows


def by_seed(known: Known, key: Key, column: str) -> Seeds:
    """Return seed → a quality of a configuration; of a seed that several runs measured the mean."""
    own = known.points.loc[known.members[key]]
    values = own.groupby("seed")[column].mean().dropna() if column in own else pd.Series(dtype=float)
    return {int(str(seed)): float(value) for seed, value in values.items()}


def mean(known: Known, key: Key, column: str) -> Figure | None:
    """Return a quality as mean over seeds; None where it was not measured."""
    return figure(by_seed(known, key, column).values())


def alike(known: Known, keys: Sequence[Key]) -> list[Key]:
    """Return the configurations that have `SAME` in common with the first."""
    of: Mapping[Key, list[Any]] = {key: known.points.loc[known.members[key][0], SAME].tolist() for key in keys}
    return [key for key in keys if of[key] == of[keys[0]]]


def differences(known: Known, keys: Sequence[Key], column: str) -> dict[Key, Difference]:
    """Return configuration → its difference to the first one, of those that are `alike` and have two seeds in common
    with it or more.
    """
    return budget.against_by_seed({key: by_seed(known, key, column) for key in alike(known, keys)}, keys[0])


def by_popularity(known: Known, keys: Sequence[Key]) -> pd.DataFrame:
    """Return the recall@20 of each of `GROUPS`, as `dashboard.who_loses.shares` has it but for "of": of those that are
    `alike`; empty where it is not known of the first or of no other.
    """
    same, rows = alike(known, keys), []
    for number, name in enumerate(GROUPS):
        values = {key: by_seed(known, key, f"recall_{name}@20") for key in same}
        own = values[keys[0]]
        for key in (key for key in same if values[key]):
            share = figure(values[key].values())
            change = figure(values[key][s] / own[s] - 1 for s in values[key] if own.get(s))
            rows.append({
                "point": keys.index(key), "group": number, **_ends(("share", "low", "high"), share),
                **_ends(("change", "change_low", "change_high"), change),
            })  # fmt: skip
    there = {row["point"] for row in rows}
    return pd.DataFrame(rows if 0 in there and len(there) > 1 else [])


def _ends(names: tuple[str, str, str], of: Figure | None) -> dict[str, float]:
    """Return a figure and the ends of its interval by these names; NaN where there is none."""
    if of is None or of.half is None:
        return dict(zip(names, (np.nan if of is None else of.mean, np.nan, np.nan), strict=True))
    return dict(zip(names, (of.mean, of.low, of.high), strict=True))
