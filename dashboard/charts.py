"""The trade-off chart: a table of points becomes a plotly figure. Pure."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from dashboard import labels
from dashboard.chart_style import GREY, TOP, framed, logarithmic, rank, style
from dashboard.labels import Axis
from dashboard.point_words import hover, records, short_names
from dashboard.thinning import thinned
from engine.frontier import higher_is_better

FADED = 0.7
CROWDED = 40
"""With more points than this, those off the frontier have no error bars: the bars would cover the markers."""
NEAR = (0.12, 0.035)
"""Shares of the chart's width and height within which two labels would cover each other."""
LABELLED = 14
"""Where the frontier has more points than this, none is labelled: the words would cover each other."""
LEGEND, LEGEND_ROW = 0.18, 19
"""How far the legend is beneath the axis, as a share of the axes' height, and the height of one of its rows in
pixels."""
ARROWS = {(False, True): "↖ better", (True, True): "better ↗", (False, False): "↙ better", (True, False): "better ↘"}
"""Whether more is better across and upward → where better is."""


class Reference(NamedTuple):
    """A line at a value of one axis ("x" or "y") and what it is called, e.g. what float32 reaches."""

    axis: str
    text: str
    value: float


def tradeoffs(
    points: pd.DataFrame,
    x: Axis,
    y: Axis,
    *,
    log_x: bool,
    log_y: bool,
    references: Sequence[Reference] = (),
    narrow: bool = False,
) -> go.Figure:
    """Return one metric against another.

    Parameters
    ----------
    points : judged points (`dashboard.frontiers.judged`): columns of the catalog, "frontier", "method", "queries".
        Where they are many, those that would cover each other are drawn once (`dashboard.thinning`).
    x, y : the metrics; a scale turns the catalog's unit into the shown one. ``<column>_low`` and ``<column>_high``
        become error bars where they are there. `engine.frontier.higher_is_better` tells the direction of each.
    narrow : whether the chart has half of the page's width, so that fewer names fit.
    """
    traces: list[dict[str, Any]] = []
    bars = not crowded(points)
    drawn = thinned(points, x, y, log_x, log_y)
    drawn = drawn.assign(words=[hover(row) for row in records(drawn)])
    for dataset, group in points[points["frontier"]].groupby("dataset"):
        traces.append(_frontier_line(group, x, y, str(dataset)))
    for (quantizer, best), group in sorted(
        drawn.groupby(["quantizer", "frontier"]), key=lambda g: (rank(g[0][0]), g[0][1])
    ):
        traces.append(_markers(group, x, y, str(quantizer), bool(best), bool(best) or bars))
    right, up = higher_is_better(x.column), higher_is_better(y.column)
    better = {
        "x": 1 if right else 0, "y": 1 if up else 0, "xref": "paper", "yref": "paper", "text": ARROWS[right, up],
        "showarrow": False, "xanchor": "right" if right else "left", "yanchor": "bottom",
    }  # fmt: skip
    named = [_line_name(line, right, up, log_y if line.axis == "y" else log_x) for line in references]
    lines = [line.value for line in references if line.axis == "y"]
    named += _frontier_names(points, x, y, log_x, log_y, narrow, lines)  # last: narrow screens hide these, by number
    legend = _legend(points)
    figure = go.Figure({  # made at once, of plain values: plotly's own objects, one by one, take four times as long
        "data": [*traces, *legend],
        "layout": {
            "annotations": [better, *named], "shapes": [_line(line) for line in references],
            "xaxis": {"title": {"text": x.title}, **(logarithmic(points[x.column] * x.scale) if log_x else {})},
            "yaxis": {"title": {"text": y.title}, **(logarithmic(points[y.column] * y.scale) if log_y else {})},
        },
    })  # fmt: skip
    height = 520 + 8 * max(0, len(legend) - 6)  # a narrow screen has two or three in a row
    rows = -(-len(legend) // (4 if narrow else 9))
    beneath = (LEGEND * (height - TOP) + LEGEND_ROW * rows + 10) / (1 + LEGEND)
    framed(figure, height, -LEGEND, left=80, bottom=round(beneath))
    return figure.update_layout(clickmode="event+select", dragmode="pan")  # as streamlit would, in a drawing of its own


def crowded(points: pd.DataFrame) -> bool:
    """Return whether there are so many points that only those on the frontier get error bars."""
    return len(points) > CROWDED


def _frontier_line(group: pd.DataFrame, x: Axis, y: Axis, dataset: str) -> dict[str, Any]:
    """A step line that bounds what can be had: its corners lie where both metrics are those of the worse neighbour."""
    line = group.sort_values([x.column, y.column])
    shape = "vh" if higher_is_better(x.column) else "hv"
    return {
        "type": "scatter", "x": _values(line, x), "y": _values(line, y), "mode": "lines", "hoverinfo": "skip",
        "showlegend": False, "name": f"frontier of {dataset}", "opacity": 0.8,
        "line": {"color": GREY, "width": 2, "shape": shape},
    }  # fmt: skip


def _markers(group: pd.DataFrame, x: Axis, y: Axis, quantizer: str, best: bool, bars: bool) -> dict[str, Any]:
    """The points of one quantizer that are all on the frontier, or all dominated and faded; with coded users hollow."""
    color, symbol = style(quantizer)
    group = group.sort_values("queries", key=lambda queries: queries == "own", kind="stable")
    symbols = [f"{symbol.removesuffix('-open')}-open" if own else symbol for own in group["queries"] == "own"]
    marker = {
        "color": color, "symbol": symbols, "size": 13 if best else 10,
        "line": {"color": color, "width": [2.2 if symbol.endswith("open") else 0.5 for symbol in symbols]},
    }  # fmt: skip
    axes = {"error_x": x, "error_y": y} if bars else {}
    errors = {name: error for name, axis in axes.items() if (error := _error(group, axis, color))}
    return {
        "type": "scatter", "x": _values(group, x), "y": _values(group, y), "mode": "markers",
        "name": labels.name(quantizer), "legendgroup": quantizer, "showlegend": False, "marker": marker,
        "opacity": 1.0 if best else FADED, **errors,
        "customdata": [[r, int(b)] for r, b in zip(group["run_id"], group["query_bits"], strict=True)],
        "text": group["words"].tolist(), "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _values(points: pd.DataFrame, axis: Axis) -> list[float]:
    return (points[axis.column] * axis.scale).tolist()


def _error(group: pd.DataFrame, axis: Axis, color: str) -> dict[str, Any] | None:
    low, high = f"{axis.column}_low", f"{axis.column}_high"
    if low not in group or high not in group:
        return None
    at = group[axis.column]
    above, below = (group[high] - at).clip(lower=0) * axis.scale, (at - group[low]).clip(lower=0) * axis.scale
    bars = {"type": "data", "symmetric": False, "array": above.tolist(), "arrayminus": below.tolist()}
    return {**bars, "color": color, "thickness": 1.2, "width": 3}


def _line(line: Reference) -> dict[str, Any]:
    """Return a dotted line across the whole chart."""
    other = {"x": "y", "y": "x"}[line.axis]
    ends = {f"{line.axis}0": line.value, f"{line.axis}1": line.value, f"{other}0": 0, f"{other}1": 1}
    refs = {f"{line.axis}ref": line.axis, f"{other}ref": f"{other} domain"}
    return {"type": "line", **ends, **refs, "line": {"color": GREY, "dash": "dot", "width": 1.5}}


def _line_name(line: Reference, right: bool, up: bool, log: bool) -> dict[str, Any]:
    """Return a line's name at its worse end, on its worse side: few points reach it, and their names are beyond."""
    words: dict[str, Any] = {
        "text": line.text, "showarrow": False, "xanchor": "right" if right else "left", "xshift": -4 if right else 4,
    }  # fmt: skip
    at = _at(line.value, log)
    if line.axis == "y":
        return {**words, "x": 1 if right else 0, "xref": "paper", "y": at, "yanchor": "top" if up else "bottom"}
    return {**words, "x": at, "y": 0 if up else 1, "yref": "paper", "yanchor": "bottom" if up else "top"}


def _frontier_names(
    points: pd.DataFrame,
    x: Axis,
    y: Axis,
    log_x: bool,
    log_y: bool,
    narrow: bool,
    lines: Sequence[float],
) -> list[dict[str, Any]]:
    """Return the names of the frontier's points, on the side where no point can be: beyond the frontier.

    A name that would cover that of a better point, or of a line (at ``lines`` of the vertical axis), is left out.
    """
    right, up = higher_is_better(x.column), higher_is_better(y.column)
    best = points[points["frontier"]].drop_duplicates([x.column, y.column]).sort_values(y.column, ascending=not up)
    if len(best) > LABELLED:
        return []
    names: list[dict[str, Any]] = []
    across = [_at(v * x.scale, log_x) for v in (points[x.column].min(), points[x.column].max())]
    upward = [_at(v * y.scale, log_y) for v in (points[y.column].min(), points[y.column].max())]
    placed: list[tuple[float, float]] = []
    models = points[points["encoder"] != "popularity"]["encoder"].nunique()
    wide = NEAR[0] * (2 if narrow else 1)
    for (_, row), method in zip(best.iterrows(), short_names(best["method"]), strict=True):
        text = method if models < 2 or row["encoder"] == "popularity" else f"{labels.name(row['encoder'])}, {method}"
        at, height = _at(row[x.column] * x.scale, log_x), _at(row[y.column] * y.scale, log_y)
        if any(_share(at - a, across) < wide and _share(height - h, upward) < NEAR[1] for a, h in placed):
            continue
        below = [
            _share(_at(v, log_y) - height, upward) * (1 if (v > row[y.column] * y.scale) == up else -1) for v in lines
        ]
        if _share(at - across[right], across) < 2 * wide and any(NEAR[1] / 2 < gap < 2.5 * NEAR[1] for gap in below):
            continue
        placed.append((at, height))
        names.append({
            "x": at, "y": height, "text": text, "showarrow": False, "xanchor": "left" if right else "right",
            "yanchor": "bottom" if up else "top", "xshift": 6 if right else -6, "yshift": 5 if up else -5,
        })  # fmt: skip
    return names


def _share(distance: float, values: Sequence[float]) -> float:
    """Return a distance as a share of the range of the values."""
    return abs(distance) / ((max(values) - min(values)) or 1.0)


def _at(value: float, logarithm: bool) -> float:
    """Return where an annotation goes: on a logarithmic axis plotly places them by the logarithm."""
    return math.log10(value) if logarithm and value > 0 else value


def _legend(points: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one entry a quantizer (a click hides its points) and what filled and open markers mean."""
    entries = []
    for quantizer in sorted(points["quantizer"].unique(), key=rank):
        color, symbol = style(quantizer)
        entries.append(_entry(labels.name(quantizer), color, symbol, quantizer))
    if points["queries"].nunique() > 1:
        entries.append(_entry("filled: float32 users", GREY, "circle", "filled"))
        entries.append(_entry("open: users at the items' bits", GREY, "circle-open", "open"))
    return entries


def _entry(name: str, color: str, symbol: str, group: str) -> dict[str, Any]:
    marker = {"color": color, "symbol": symbol, "size": 11, "line": {"width": 2.2 if symbol.endswith("open") else 0}}
    return {
        "type": "scatter", "x": [None], "y": [None], "mode": "markers", "name": name, "marker": marker,
        "legendgroup": group, "hoverinfo": "skip",
    }  # fmt: skip
