"""The charts of Trade-offs, made once for each choice: selecting and coming back draw nothing anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, frontiers, ruler
from dashboard.charts import Reference
from dashboard.labels import QUALITY, Axis
from dashboard.tradeoff_controls import View

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
    named: tuple[int, int]
    """Which annotations name points: from, up to and without."""


@dataclass(frozen=True, eq=False)
class Drawings:
    """All charts, the judged points, and the titles of charts that there was no room for."""

    judged: pd.DataFrame
    charts: list[Drawing]
    left: list[str]


@st.cache_resource(show_spinner=False, max_entries=32)
def drawings(
    root: str,
    snapshot: str | None,
    view: View,
    hardware: str | None,
    chosen: Mapping[str, Sequence[Any]],
    log_x: bool,
    log_y: bool,
    widths: ruler.Widths,
    _shown: pd.DataFrame,
    _table: pd.DataFrame,
) -> Drawings:
    """Return the charts of the points ``_shown``, which the other arguments name; ``_table`` holds all points.

    Parameters
    ----------
    widths : of the page's charts, in pixels
    """
    judged = frontiers.judged(_shown, view.x.column, view.y.column, view.by)
    panels = frontiers.panels(judged, view.by, view.datasets)
    some = panels[:PANELS]
    made = [_drawn(title, points, _table, view, log_x, log_y, len(panels) > 1) for title, points in some]
    for one in made:
        one.figure.update_layout(width=widths["whole" if len(made) == 1 else "half"])
    return Drawings(judged, made, [title for title, _ in panels[PANELS:]])


def _drawn(
    title: str, points: pd.DataFrame, table: pd.DataFrame, view: View, log_x: bool, log_y: bool, narrow: bool
) -> Drawing:
    lines = [r for axis, name in ((view.y, "y"), (view.x, "x")) for r in _references(points, table, axis, name)]
    figure = charts.tradeoffs(points, view.x, view.y, log_x=log_x, log_y=log_y, references=lines, narrow=narrow)
    marks = sum(len(trace.customdata) for trace in figure.data if trace.customdata is not None)
    named = (1 + len(lines), len(figure.layout.annotations))
    return Drawing(title, figure, len(points), int(points["frontier"].sum()), marks, named)


def _references(points: pd.DataFrame, table: pd.DataFrame, axis: Axis, name: str) -> list[Reference]:
    """Return the line of float32 on an axis: 1 for shares and overlap, else the best of the same models; none for
    costs."""
    if axis.column.partition("@")[0] not in QUALITY:
        return []
    if axis.column.endswith("_share") or axis.column.startswith("overlap"):
        return [Reference(name, "float32", 1.0)]
    floats = table[(table["quantizer"] == "float32") & table["checkpoint"].isin(points["checkpoint"])]
    best = floats[axis.column].max() if len(floats) else float("nan")
    return [] if pd.isna(best) else [Reference(name, f"float32: {best:.4f}", float(best))]
