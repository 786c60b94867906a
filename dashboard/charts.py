"""The trade-off chart: a table of points becomes a plotly figure. Pure."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard import labels
from dashboard.chart_style import GREY, framed, logarithmic, rank, style
from dashboard.labels import Axis
from engine.frontier import higher_is_better
from engine.spec import DRIFT_LIMIT

FADED = 0.7
CROWDED = 40
"""With more points than this, those off the frontier have no error bars: the bars would cover the markers."""
NEAR = (0.12, 0.035)
"""Shares of the chart's width and height within which two labels would cover each other."""
LABELLED = 14
"""Where the frontier has more points than this, none is labelled: the words would cover each other."""


def tradeoffs(
    points: pd.DataFrame,
    x: Axis,
    y: str,
    y_title: str,
    *,
    log_x: bool,
    log_y: bool,
    references: Sequence[tuple[str, float]] = (),
) -> go.Figure:
    """Return quality against cost.

    Parameters
    ----------
    points : judged points (`dashboard.frontiers.judged`): columns of the catalog, "frontier", "method", "queries".
    x : the cost; its scale turns the catalog's unit into the shown one.
    y : quality column; ``<y>_low`` and ``<y>_high`` become error bars where they are there.
    references : (text, value) of horizontal lines, e.g. what float32 reaches.
    """
    figure = go.Figure()
    for dataset, group in points[points["frontier"]].groupby("dataset"):
        figure.add_trace(_frontier_line(group, x, y, str(dataset)))
    for quantizer in sorted(points["quantizer"].unique(), key=rank):
        for queries in ("float32", "own"):
            same = points[(points["quantizer"] == quantizer) & (points["queries"] == queries)]
            for best in (False, True):
                group = same[same["frontier"] == best]
                if len(group):
                    bars = _error(group, y, style(quantizer)[0]) if best or not crowded(points) else None
                    figure.add_trace(_markers(group, x, y, quantizer, best, bars))
    right = higher_is_better(x.column)
    figure.add_annotation(
        x=1 if right else 0, y=1, xref="paper", yref="paper", text="better ↗" if right else "↖ better", showarrow=False,
        xanchor="right" if right else "left", yanchor="bottom",
    )  # fmt: skip
    for text, value in references:
        _reference_line(figure, text, value, right, log_y)
    _label_frontier(
        figure, points, x, y, log_x, log_y
    )  # last: on narrow screens these alone are hidden, by their number
    _legend(figure, points)
    figure.update_xaxes(title=x.title, **(logarithmic(points[x.column] * x.scale) if log_x else {}))
    figure.update_yaxes(title=y_title, **(logarithmic(points[y]) if log_y else {}))
    entries = sum(bool(trace.showlegend is not False) for trace in figure.data)
    return framed(figure, 520 + 8 * max(0, entries - 6), -0.18)  # a narrow screen has two or three entries in a row


def crowded(points: pd.DataFrame) -> bool:
    """Return whether there are so many points that only those on the frontier get error bars."""
    return len(points) > CROWDED


def _frontier_line(group: pd.DataFrame, x: Axis, y: str, dataset: str) -> go.Scatter:
    """A step line: between two points the better quality costs what the next point costs."""
    line = group.sort_values([x.column, y])
    shape = "vh" if higher_is_better(x.column) else "hv"
    return go.Scatter(
        x=line[x.column] * x.scale, y=line[y], mode="lines", hoverinfo="skip", showlegend=False,
        name=f"frontier of {dataset}", line={"color": GREY, "width": 2, "shape": shape}, opacity=0.8,
    )  # fmt: skip


def _markers(
    group: pd.DataFrame, x: Axis, y: str, quantizer: str, best: bool, bars: dict[str, Any] | None
) -> go.Scatter:
    """The points of one quantizer and query precision that are all on the frontier, or all dominated and faded."""
    color, symbol = style(quantizer)
    if group["queries"].iloc[0] == "own":
        symbol = f"{symbol.removesuffix('-open')}-open"
    marker = {
        "color": color, "symbol": symbol, "size": 13 if best else 10,
        "line": {"color": color, "width": 2.2 if symbol.endswith("open") else 0.5},
    }  # fmt: skip
    return go.Scatter(
        x=group[x.column] * x.scale, y=group[y], mode="markers", name=labels.name(quantizer), legendgroup=quantizer,
        showlegend=False, marker=marker, opacity=1.0 if best else FADED, error_y=bars,
        customdata=[[r, int(b)] for r, b in zip(group["run_id"], group["query_bits"], strict=True)],
        text=[hover(row) for row in group.to_dict("records")], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _error(group: pd.DataFrame, y: str, color: str) -> dict[str, Any] | None:
    low, high = f"{y}_low", f"{y}_high"
    if low not in group or high not in group:
        return None
    above, below = (group[high] - group[y]).clip(lower=0), (group[y] - group[low]).clip(lower=0)
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    return {**bars, "color": color, "thickness": 1.2, "width": 3}


def hover(row: dict[str, Any]) -> str:
    """Return the full specification and the main measurements of a point, as lines."""
    lines = [f"<b>{row['method']}</b>, {labels.queries(row['query_bits'])}", f"{row['dataset']} · {labels.model(row)}"]
    for column in ("recall@20", "ndcg@20", "overlap@20"):
        lines.append(f"{labels.axis_title(column)}: {labels.share(row.get(column))}{_interval(row, column)}")
    for axis in labels.COSTS.values():
        if not pd.isna(row.get(axis.column)):
            lines.append(f"{axis.title}: {labels.number(row[axis.column] * axis.scale)}")
    if (drift := row.get("calibration_drift")) is not None and drift > DRIFT_LIMIT:
        lines.append(f"times in doubt: the machine lost {drift:.0f} % of its pace meanwhile")
    if row.get("hardware"):
        lines.append(str(row["hardware"]) + (f", {row['items']:,} items" if row.get("items") else ""))
    return "<br>".join([*lines, "<i>click to open the run</i>"])


def _interval(row: dict[str, Any], column: str) -> str:
    low, high = row.get(f"{column}_low"), row.get(f"{column}_high")
    return "" if pd.isna(low) or pd.isna(high) else f" ({low:.4f}–{high:.4f})"


def _reference_line(figure: go.Figure, text: str, value: float, right: bool, log_y: bool) -> None:
    """A dotted line, named below its end where cheap points are: few reach it, and their own names stand above."""
    figure.add_hline(value, line={"color": GREY, "dash": "dot", "width": 1.5})
    figure.add_annotation(
        x=1 if right else 0, xref="paper", y=_at(value, log_y), text=text, showarrow=False,
        xanchor="right" if right else "left", yanchor="top", xshift=-4 if right else 4,
    )  # fmt: skip


def _label_frontier(figure: go.Figure, points: pd.DataFrame, x: Axis, y: str, log_x: bool, log_y: bool) -> None:
    """Name the frontier's points on the side where no point can be: beyond the frontier."""
    best = points[points["frontier"]].drop_duplicates([x.column, y]).sort_values(y, ascending=False)
    if len(best) > LABELLED:
        return
    right = higher_is_better(x.column)
    across = [_at(v * x.scale, log_x) for v in points[x.column]]
    upward = [_at(v, log_y) for v in points[y]]
    placed: list[tuple[float, float]] = []
    models = points[points["encoder"] != "popularity"]["encoder"].nunique()
    for (_, row), method in zip(best.iterrows(), short_names(best["method"]), strict=True):
        text = method if models < 2 or row["encoder"] == "popularity" else f"{labels.name(row['encoder'])}, {method}"
        at, height = _at(row[x.column] * x.scale, log_x), _at(row[y], log_y)
        if any(_share(at - a, across) < NEAR[0] and _share(height - h, upward) < NEAR[1] for a, h in placed):
            continue  # its word would cover that of a better point
        placed.append((at, height))
        figure.add_annotation(
            x=at, y=height, text=text, showarrow=False, xanchor="left" if right else "right", yanchor="bottom",
            xshift=6 if right else -6, yshift=5,
        )  # fmt: skip


def _share(distance: float, values: Sequence[float]) -> float:
    """Return a distance as a share of the range of the values."""
    return abs(distance) / ((max(values) - min(values)) or 1.0)


def short_names(methods: Sequence[str]) -> list[str]:
    """Return "uniform 4 bit" for "uniform 4 bit, scale row", keeping options that tell two of one name apart."""
    parts = [method.split(", ") for method in methods]
    named = []
    for head, *options in parts:
        others = [set(rest) for other, *rest in parts if other == head]
        telling = [o for o in options if not all(o in rest for rest in others)]
        named.append(", ".join([head, *telling]))
    return named


def _at(value: float, logarithm: bool) -> float:
    """Return where an annotation goes: on a logarithmic axis plotly places them by the logarithm."""
    return math.log10(value) if logarithm and value > 0 else value


def _legend(figure: go.Figure, points: pd.DataFrame) -> None:
    """Add one entry a quantizer (a click hides its points) and what filled and open markers mean."""
    for quantizer in sorted(points["quantizer"].unique(), key=rank):
        color, symbol = style(quantizer)
        _entry(figure, labels.name(quantizer), color, symbol, quantizer)
    if points["queries"].nunique() > 1:
        _entry(figure, "filled: float32 users", GREY, "circle", "filled")
        _entry(figure, "open: users at the items' bits", GREY, "circle-open", "open")


def _entry(figure: go.Figure, name: str, color: str, symbol: str, group: str) -> None:
    marker = {"color": color, "symbol": symbol, "size": 11, "line": {"width": 2.2 if symbol.endswith("open") else 0}}
    figure.add_scatter(
        x=[None], y=[None], mode="markers", name=name, marker=marker, legendgroup=group, hoverinfo="skip"
    )
