"""Table work behind Trade-offs, without streamlit: which points are compared, with what, and which are worth it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard import labels, naming
from engine.frontier import higher_is_better, on_frontier
from engine.spec import FLOAT_BITS

FILTERS = {
    "encoder": "Encoder", "dim": "Dimensions", "layers": "Layers", "loss": "Loss", "quantizer": "Quantizer",
    "bits": "Bits of the items", "queries": "Users searched at", "seed": "Seed",
}  # fmt: skip
"""The columns that can be filtered by, and their names, in the order in which they are shown."""

SAME = ["source", "checkpoint"]
"""What points have in common whose quality is compared with float32: where they come from, and the trained model."""
NAMING = ["quantizer", "bits", "encoder", "options"]
"""The columns that a method's name is made of."""


def described(points: pd.DataFrame, runs: pd.DataFrame, defaults: labels.Defaults | None = None) -> pd.DataFrame:
    """Return the catalog's points with what the page needs beside them: checkpoint, split, the method's name,
    "queries", "tested".

    "queries" is "float32" where users keep their float32 vectors and "own" where they are searched at the items' bits;
    "tested" names the split: the test items of two are not the same.
    """
    table = points.merge(runs[["run_id", "checkpoint", "split"]], on="run_id", how="left", validate="m:1")
    for column in labels.COSTS:
        if column not in table:
            table[column] = float("nan")  # of runs before it was measured
    table["queries"] = ["float32" if bits == FLOAT_BITS else "own" for bits in table["query_bits"]]
    table["tested"] = naming.tested(table)
    table["method"] = _methods(table, defaults)
    return table


def _methods(table: pd.DataFrame, defaults: labels.Defaults | None) -> list[str]:
    """Return the method's name of each point, made once for each combination: thousands of points share a few."""
    known: dict[tuple[Any, ...], str] = {}
    rows = list(zip(*(table[column].tolist() for column in NAMING), strict=True))
    for row in set(rows):
        known[row] = labels.method(dict(zip(NAMING, row, strict=True)), defaults)
    return [known[row] for row in rows]


def filtered(
    table: pd.DataFrame, datasets: Sequence[str], hardware: str | None, chosen: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """Return the points of the data sets and one hardware (None: all) that have a chosen value of each column.

    A column without chosen values does not filter.
    """
    keep = of(table, datasets)
    if hardware is not None:
        keep &= table["hardware"] == hardware
    for column, values in chosen.items():
        if values:
            keep &= table[column].isin(list(values))
    return table[keep]


def of(table: pd.DataFrame, datasets: Sequence[str]) -> pd.Series:
    """Return which points are of the data sets: bool [n]."""
    return table["dataset"].isin(list(datasets))


def reference(table: pd.DataFrame, column: str, floats: pd.DataFrame | None = None) -> pd.Series:
    """Return for each point what the float32 run on the same checkpoint reached, NaN where there is no such run.

    Where points have a "source" it is the same one: a checkpoint's name is that of its settings, and training ends
    elsewhere on another kind of machine.

    Parameters
    ----------
    floats : the points among which float32 is looked for; None: ``table``, which must then hold all points, not the
        filtered ones, so that hiding float32 does not take the reference away.
    """
    known = table if floats is None else floats
    known = known[(known["quantizer"] == "float32") & known["checkpoint"].notna()]
    keys = [key for key in SAME if key in table]
    best = known.groupby(keys)[column].max().rename("reference")
    return table[keys].join(best, on=keys)["reference"].astype(float)


def judged(table: pd.DataFrame, x: str, y: str, by: Sequence[str] = ("dataset",)) -> pd.DataFrame:
    """Return the points that have both metrics, with "frontier" (bool), judged for each group of ``by`` on its own.

    Points of different data sets or splits never dominate each other: their recalls are of different test items. Nor do
    times of different machines: ``by`` then holds "hardware" as well.
    """
    measured = table[table[x].notna() & table[y].notna()].copy()
    measured["frontier"] = False
    for _, group in measured[[*by, x, y]].groupby(list(by)):  # these alone: a hundred columns would be copied
        measured.loc[group.index, "frontier"] = on_frontier(group, x, y)
    return measured


def panels(points: pd.DataFrame, by: Sequence[str], order: Sequence[str] = ()) -> list[tuple[str, pd.DataFrame]]:
    """Return a title and the points of each chart: one for each group, those of most points first; a single one has
    no title.

    Parameters
    ----------
    order : data sets in the order in which they were chosen
    """
    groups = [(tuple(map(str, key)), group) for key, group in points.groupby(list(by))]
    if len(groups) < 2:
        return [("", group) for _, group in groups]
    telling = [place for place in range(len(by)) if len({key[place] for key, _ in groups}) > 1]
    chosen = list(order)
    groups.sort(key=lambda g: (chosen.index(g[0][0]) if g[0][0] in chosen else len(chosen), -len(g[1]), g[0]))
    return [(" · ".join(key[place] for place in telling), group) for key, group in groups]


def share_of_float(table: pd.DataFrame, column: str, floats: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the table with ``<column>_share``: the metric divided by what float32 reached on the same checkpoint; see
    `reference`.
    """
    return table.assign(**{f"{column}_share": table[column] / reference(table, column, floats)})


def distinct(table: pd.DataFrame, column: str) -> list[Any]:
    """Return the values of a column, sorted, as plain Python values."""
    return sorted(table[column].dropna().unique().tolist())


def originals(points: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Return the catalog's own rows of the shown points, untouched by what was added beside them."""
    keys = ["run_id", "index", "query_bits"]
    return points[points.set_index(keys).index.isin(shown.set_index(keys).index)]


def with_shares(points: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Return the catalog's own rows with the shares of float32 (`share_of_float`) of the shown ones beside them."""
    keys = ["run_id", "index", "query_bits"]
    shares = [column for column in shown if column.endswith("_share") and column not in points]
    return points.merge(shown[[*keys, *shares]], on=keys, how="left", validate="1:1") if shares else points


def best_first(points: pd.DataFrame, y: str, most: int) -> pd.DataFrame:
    """Return judged points, the best by ``y`` first; of more than ``most``, the frontier's and the best others."""
    ordered = points.sort_values(y, ascending=not higher_is_better(y))
    if len(ordered) <= most:
        return ordered
    others = ordered.index[~ordered["frontier"]][: max(0, most - int(ordered["frontier"].sum()))]
    return ordered[ordered["frontier"] | ordered.index.isin(others)]
