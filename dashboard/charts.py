"""The trade-off chart: a table of points becomes a plotly figure. Pure."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard import labels
from dashboard.chart_names import USUAL, Reference, frontier_names, line_name
from dashboard.chart_style import GREY, MARKS, TOP, finished, intervals, logarithmic, rank, style
from dashboard.labels import Axis
from dashboard.point_words import NEEDED, hover, records
from dashboard.thinning import thinned
from engine.frontier import higher_is_better

FADED = 0.7
CROWDED = 40
"""With more points than this, those off the frontier have no error bars: the bars would cover the markers."""
LEGEND, LEGEND_ROW = 0.18, 19
"""How far the legend is beneath the axis, as a share of the axes' height, and the height of one of its rows in
pixels."""
TOOLS = 55
"""How wide the tools in the upper right corner are, in pixels."""
ARROWS = {(False, True): "↖ better", (True, True): "better ↗", (False, False): "↙ better", (True, False): "better ↘"}
"""Whether more is better across and upward → where better is."""


Columns = dict[str, list[Any]]
"""Column → its values: a few points are taken from lists faster than from tables."""


def tradeoffs(
    points: pd.DataFrame,
    x: Axis,
    y: Axis,
    *,
    log_x: bool,
    log_y: bool,
    references: Sequence[Reference] = (),
    narrow: bool = False,
    width: float | None = None,
) -> go.Figure:
    """Return one metric against another.

    Parameters
    ----------
    points : judged points (`dashboard.frontiers.judged`): columns of the catalog, "frontier", "method", "queries".
        Where they are many, those that would cover each other are drawn once (`dashboard.thinning`).
    x, y : the metrics; a scale turns the catalog's unit into the shown one. ``<column>_low`` and ``<column>_high``
        become error bars where they are there. `engine.frontier.higher_is_better` tells the direction of each.
    narrow : whether the chart has half of the page's width
    width : in pixels; None: not known yet
    """
    bars = not crowded(points)
    drawn = thinned(points, x, y, log_x, log_y)
    traces = [_frontier_line(own, x, y, str(name)) for name, own in points[points["frontier"]].groupby("dataset")]
    for (quantizer, best), group in _by_method(drawn):
        traces.append(_markers(group, x, y, quantizer, best, best or bars))
        if best and traces[-2].get("legendgroup") == quantizer:
            _one_entry(*traces[-2:])
    right, up = higher_is_better(x.column), higher_is_better(y.column)
    better = {
        "x": 1 if right else 0, "y": 1 if up else 0, "xref": "paper", "yref": "paper", "text": ARROWS[right, up],
        "showarrow": False, "xanchor": "right" if right else "left", "yanchor": "bottom",
        "xshift": -TOOLS if right and up else 0,
    }  # fmt: skip
    traces += frontier_names(points, x, y, log_x, log_y, references, USUAL[narrow] if width is None else width)
    traces += _fillings(points)
    named = [line_name(line, right, up, log_y if line.axis == "y" else log_x) for line in references]
    entries = sum(trace.get("showlegend", True) for trace in traces)
    height = 520 + 8 * max(0, entries - 6)  # a narrow screen has two or three in a row
    rows = -(-entries // (4 if narrow else 9))
    beneath = (LEGEND * (height - TOP) + LEGEND_ROW * rows + 10) / (1 + LEGEND)
    axes = {
        place: {"title": {"text": axis.title}, **(logarithmic(points[axis.column] * axis.scale) if log else {})}
        for place, axis, log in (("xaxis", x, log_x), ("yaxis", y, log_y))
    }
    layout = {
        **axes, "annotations": [better, *named], "shapes": [_line(line) for line in references],
        "clickmode": "event+select", "dragmode": "pan",  # as streamlit would, in a drawing of its own
    }  # fmt: skip
    return finished(traces, layout, height=height, legend=-LEGEND, left=80, bottom=round(beneath))


def needed(x: Axis, y: Axis) -> list[str]:
    """Return the columns that `tradeoffs` reads; with all others, a hundred, each step would take ten times as long."""
    axes = [f"{axis.column}{end}" for axis in (x, y) for end in ("", "_low", "_high")]
    return ["run_id", "quantizer", "queries", *NEEDED, *axes]


def crowded(points: pd.DataFrame) -> bool:
    """Return whether there are so many points that only those on the frontier get error bars."""
    return len(points) > CROWDED


def _frontier_line(group: pd.DataFrame, x: Axis, y: Axis, dataset: str) -> dict[str, Any]:
    """A step line that bounds what can be had: its corners lie where both metrics are those of the worse neighbour."""
    line = group.sort_values([x.column, y.column])
    shape = "vh" if higher_is_better(x.column) else "hv"
    return {
        "type": "scatter", "x": _values(line[x.column], x), "y": _values(line[y.column], y), "mode": "lines",
        "hoverinfo": "skip", "showlegend": False, "name": f"frontier of {dataset}", "opacity": 0.8,
        "line": {"color": GREY, "width": 2, "shape": shape},
    }  # fmt: skip


def _by_method(drawn: pd.DataFrame) -> Iterator[tuple[tuple[str, bool], Columns]]:
    """Yield ((quantizer, on the frontier), its points): methods in the order of the legend, hollow marks last."""
    columns: Columns = {name: drawn[name].tolist() for name in drawn} | {"words": list(map(hover, records(drawn)))}
    of, best, queries = (columns[name] for name in ("quantizer", "frontier", "queries"))
    order = sorted(range(len(drawn)), key=lambda i: (rank(of[i]), best[i], queries[i] == "own"))
    for kind, places in itertools.groupby(order, key=lambda i: (of[i], best[i])):
        own = list(places)
        yield kind, {name: [values[i] for i in own] for name, values in columns.items()}


def _markers(group: Columns, x: Axis, y: Axis, quantizer: str, best: bool, bars: bool) -> dict[str, Any]:
    """The points of one quantizer that are all on the frontier, or all dominated and faded; with coded users hollow."""
    color, symbol = style(quantizer)
    symbols = [f"{symbol.removesuffix('-open')}-open" if own == "own" else symbol for own in group["queries"]]
    marker = {
        "color": color, "symbol": symbols, "size": MARKS[best],
        "line": {"color": color, "width": [2.2 if symbol.endswith("open") else 0.5 for symbol in symbols]},
    }  # fmt: skip
    axes = {"error_x": x, "error_y": y} if bars else {}
    errors = {name: error for name, axis in axes.items() if (error := _error(group, axis, color))}
    return {
        "type": "scatter", "x": _values(group[x.column], x), "y": _values(group[y.column], y), "mode": "markers",
        "name": labels.name(quantizer), "legendgroup": quantizer, "marker": marker,
        "opacity": 1.0 if best else FADED, **errors,
        "customdata": [[r, int(b)] for r, b in zip(group["run_id"], group["query_bits"], strict=True)],
        "text": group["words"], "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _one_entry(faded: dict[str, Any], solid: dict[str, Any]) -> None:
    """Leave a method's points off and on the frontier one legend entry, which hides both: the solid one, unless only
    the other one's first mark, which the legend shows, is filled.
    """
    hollow = [trace["marker"]["symbol"][0].endswith("-open") for trace in (faded, solid)]
    (solid if hollow == [False, True] else faded)["showlegend"] = False


def _values(values: Iterable[float], axis: Axis) -> list[float]:
    return [value * axis.scale for value in values]


def _error(group: Columns, axis: Axis, color: str) -> dict[str, Any] | None:
    low, high = f"{axis.column}_low", f"{axis.column}_high"
    if low not in group or high not in group:
        return None
    above, below = (
        [(0.0 if b < a else b - a) * axis.scale for a, b in zip(group[start], group[end], strict=True)]
        for start, end in ((axis.column, high), (low, axis.column))
    )
    return {**intervals(above, below), "color": color, "thickness": 1.2, "width": 3}


def _line(line: Reference) -> dict[str, Any]:
    """Return a dotted line across the whole chart."""
    other = {"x": "y", "y": "x"}[line.axis]
    ends = {f"{line.axis}0": line.value, f"{line.axis}1": line.value, f"{other}0": 0, f"{other}1": 1}
    refs = {f"{line.axis}ref": line.axis, f"{other}ref": f"{other} domain"}
    return {"type": "line", **ends, **refs, "line": {"color": GREY, "dash": "dot", "width": 1.5}}


def _fillings(points: pd.DataFrame) -> list[dict[str, Any]]:
    """Return legend entries for what filled and open markers mean, where there are both."""
    if points["queries"].nunique() < 2:
        return []
    return [_entry("filled: float32 users", "circle"), _entry("open: users at the items' bits", "circle-open")]


def _entry(name: str, symbol: str) -> dict[str, Any]:
    marker = {"color": GREY, "symbol": symbol, "size": 11, "line": {"width": 2.2 if symbol.endswith("open") else 0}}
    return {
        "type": "scatter", "x": [None], "y": [None], "mode": "markers", "name": name, "marker": marker,
        "legendgroup": name, "hoverinfo": "skip",
    }  # fmt: skip
