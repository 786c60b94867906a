"""Names beside what is drawn on the trade-off chart: of the frontier's points and of lines. Pure."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from dashboard import labels
from dashboard.chart_style import GREY, MARKS
from dashboard.labels import Axis
from dashboard.point_words import short_names
from engine.frontier import higher_is_better

NEAR = (0.12, 0.035)
"""Shares of the chart's width and height within which two labels would cover each other."""
LABELLED = 30
"""Where the frontier has more points than this, none is labelled: too few would find room to tell anything."""
UNSEEN = {"size": MARKS[True], "opacity": 0}
"""A mark as large as the point's own, that its name keeps clear of."""
LETTER = 0.012
"""How wide a letter is, as a share of the width that points take, about: 5.5 of 460 pixels in a window of 1280."""


class Reference(NamedTuple):
    """A line at a value of one axis ("x" or "y") and what it is called, e.g. what float32 reaches."""

    axis: str
    text: str
    value: float


def line_name(line: Reference, right: bool, up: bool, log: bool) -> dict[str, Any]:
    """Return a line's name at its worse end, on its worse side: few points reach it, and their names are beyond."""
    words: dict[str, Any] = {
        "text": line.text, "showarrow": False, "xanchor": "right" if right else "left", "xshift": -4 if right else 4,
    }  # fmt: skip
    at = _at(line.value, log)
    if line.axis == "y":
        return {**words, "x": 1 if right else 0, "xref": "paper", "y": at, "yanchor": "top" if up else "bottom"}
    return {**words, "x": at, "y": 0 if up else 1, "yref": "paper", "yanchor": "bottom" if up else "top"}


def frontier_names(
    points: pd.DataFrame,
    x: Axis,
    y: Axis,
    log_x: bool,
    log_y: bool,
    narrow: bool,
    lines: Sequence[float],
) -> list[dict[str, Any]]:
    """Return the names of the frontier's points as one trace of text, none where none is named.

    They stand on the side where no point can be: beyond the frontier. A name that would cover that of a better point,
    or of a line (at ``lines`` of the vertical axis), is left out.
    """
    right, up = higher_is_better(x.column), higher_is_better(y.column)
    best = points[points["frontier"]].drop_duplicates([x.column, y.column]).sort_values(y.column, ascending=not up)
    if len(best) > LABELLED:
        return []
    names: list[tuple[float, float, str]] = []
    across = [_at(v * x.scale, log_x) for v in (points[x.column].min(), points[x.column].max())]
    upward = [_at(v * y.scale, log_y) for v in (points[y.column].min(), points[y.column].max())]
    placed: list[tuple[float, float]] = []
    models = points[points["encoder"] != "popularity"]
    telling = [column for column in ("encoder", "loss", "dim") if models[column].nunique() > 1]
    half = 2 if narrow else 1
    for (_, row), method in zip(best.iterrows(), short_names(best["method"]), strict=True):
        text = _named(row, method, telling)
        wide = max(NEAR[0], (len(text) + 2) * LETTER) * half
        at, height = _at(row[x.column] * x.scale, log_x), _at(row[y.column] * y.scale, log_y)
        if any(_share(at - a, across) < wide and _share(height - h, upward) < NEAR[1] for a, h in placed):
            continue
        below = [
            _share(_at(v, log_y) - height, upward) * (1 if (v > row[y.column] * y.scale) == up else -1) for v in lines
        ]
        if _share(at - across[right], across) < 2 * wide and any(NEAR[1] / 2 < gap < 3 * NEAR[1] for gap in below):
            continue
        placed.append((at, height))
        names.append((row[x.column] * x.scale, row[y.column] * y.scale, text))
    if not names:
        return []
    names += [(_end(v, text, across, log_x, right, narrow), height, "") for v, height, text in names]
    across_at, upward_at, words = zip(*names, strict=True)
    still = {"textfont": {"color": GREY}}  # where other points are selected, names do not fade: the page has the colour
    return [{
        "type": "scatter", "mode": "markers+text", "x": across_at, "y": upward_at, "text": words, "marker": UNSEEN,
        "textposition": f"{'top' if up else 'bottom'} {'right' if right else 'left'}", "hoverinfo": "skip",
        "showlegend": False, "cliponaxis": False, "unselected": still,
    }]  # fmt: skip


def _named(row: pd.Series, method: str, telling: Sequence[str]) -> str:
    """Return a method with what tells its model from the others' on the chart: ``LightGCN BPR, sign 1 bit, 64 d``."""
    if row["encoder"] == "popularity":
        return method
    model = " ".join(labels.name(row[column]) for column in telling if column != "dim")
    return ", ".join([*filter(None, [model]), method, *([f"{row['dim']} d"] if "dim" in telling else [])])


def _end(value: float, text: str, across: Sequence[float], log: bool, right: bool, narrow: bool) -> float:
    """Return the value at a name's far end, for an unseen mark there: plotly's axes make room for marks, not text."""
    share = min(0.5, (len(text) + 2) * LETTER * (2 if narrow else 1))
    length = share / (1 - share) * (max(across) - min(across))
    end = _at(value, log) + (length if right else -length)
    return 10**end if log and value > 0 else end


def _share(distance: float, values: Sequence[float]) -> float:
    """Return a distance as a share of the range of the values."""
    return abs(distance) / ((max(values) - min(values)) or 1.0)


def _at(value: float, logarithm: bool) -> float:
    """Return where a value lies along an axis; plotly's annotations are placed by it, too."""
    return math.log10(value) if logarithm and value > 0 else value
