"""What Trade-offs shows, charts and table, made once for each choice: selecting and coming back draw nothing anew."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, frontiers, labels, point_table, ruler, seeds
from dashboard.chart_names import Reference
from dashboard.labels import QUALITY, Axis
from dashboard.point_table import Listing
from dashboard.tradeoff_controls import Filters, View

PANELS = 6
"""Most charts beside and beneath each other."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """One chart. Not to be changed: it is shared."""

    title: str
    figure: go.Figure
    points: int
    best: int
    """How many are on the frontier."""
    marks: int
    """How many were drawn."""


@dataclass(frozen=True, eq=False)
class Drawings:
    """All that one choice shows. Not to be changed: it is shared."""

    shown: pd.DataFrame
    """The points that pass the filters."""
    judged: pd.DataFrame
    """Those of them that have both metrics, with "frontier"; where seeds are one point, a row for each of these."""
    charts: list[Drawing]
    left: list[str]
    """Titles of charts that there was no room for."""
    listing: Listing

    @cached_property
    def members(self) -> dict[tuple[str, int], list[tuple[str, int]]]:
        """The points of all seeds that a drawn one stands for, by its run id and query bits; {} where each is one."""
        if "members" not in self.judged:
            return {}
        keys = zip(self.judged["run_id"], self.judged["query_bits"].astype(int), strict=True)
        return dict(zip(keys, self.judged["members"], strict=True))


@st.cache_resource(show_spinner=False, max_entries=32)
def drawings(
    root: str,
    name: str,
    view: View,
    filters: Filters,
    widths: ruler.Widths,
    _passing: Callable[[], pd.DataFrame],
    _floats: pd.DataFrame,
) -> Drawings:
    """Return the charts of the points that pass the filters, and their table.

    Parameters
    ----------
    name : of all points
    widths : of the page's charts, in pixels
    _passing : gives the points, which the other arguments name
    _floats : the float32 points to compare with (`dashboard.shipped.floats`)
    """
    shown = _passing()
    needed = {*charts.needed(view.x, view.y), *point_table.needed(view.qualities), *view.by, *frontiers.SAME}
    needed |= set(seeds.NEEDED) if view.mean else set()
    narrow = shown[[column for column in shown if column in needed]]
    if view.mean:
        narrow = narrow[narrow[view.x.column].notna() & narrow[view.y.column].notna()]
        narrow = seeds.merged(narrow, view.timed)
    judged = frontiers.judged(narrow, view.x.column, view.y.column, view.by)
    panels = frontiers.panels(judged, view.by, view.datasets)
    some = panels[:PANELS]
    width = widths["whole" if len(some) == 1 else "half"]
    made = [_drawn(title, points, _floats, view, filters, len(panels) > 1, width) for title, points in some]
    listed = point_table.listing(judged, view.x, view.y, view.qualities)
    return Drawings(shown, judged, made, [title for title, _ in panels[PANELS:]], listed)


def _drawn(
    title: str, points: pd.DataFrame, floats: pd.DataFrame, view: View, filters: Filters, narrow: bool,
    width: float | None,
) -> Drawing:  # fmt: skip
    floats = seeds.beside(points, floats) if view.mean else floats
    lines = [r for axis, name in ((view.y, "y"), (view.x, "x")) for r in _references(points, floats, axis, name)]
    logs = {"log_x": filters.log_x, "log_y": filters.log_y}
    figure = charts.tradeoffs(points, view.x, view.y, **logs, references=lines, narrow=narrow, width=width)
    ruler.fit(figure, width)
    marks = sum(len(trace.customdata) for trace in figure.data if trace.customdata is not None)
    return Drawing(title, figure, len(points), int(points["frontier"].sum()), marks)


def _references(points: pd.DataFrame, floats: pd.DataFrame, axis: Axis, name: str) -> list[Reference]:
    """Return the line of float32 on an axis: 1 for shares and overlap, else the best of the same models, which is named
    where there are several; none for costs.
    """
    if axis.column.partition("@")[0] not in QUALITY:
        return []
    if axis.column.endswith("_share") or axis.column.startswith("overlap"):
        return [Reference(name, "float32", 1.0)]
    same = floats.merge(points[frontiers.SAME].dropna().drop_duplicates(), on=frontiers.SAME)
    same = same[same[axis.column].notna()]
    if same.empty:
        return []
    best = same.loc[same[axis.column].idxmax()]
    return [Reference(name, f"{_whose(same, best)}: {best[axis.column]:.4f}", float(best[axis.column]))]


def _whose(models: pd.DataFrame, best: pd.Series) -> str:
    """Return what the line of the best of several float32 models is called, with the first thing that tells it from
    the others: there is little room.
    """
    if models["checkpoint"].nunique() < 2:
        return "float32"
    telling = {"dim": f"{best['dim']} d", "encoder": labels.name(best["encoder"])}
    telling |= {} if "seeds" in models else {"seed": f"seed {best['seed']}"}
    words = [text for column, text in telling.items() if models[column].nunique() > 1]
    return f"best float32 ({words[0]})" if words else "best float32"
