"""Names beside what is drawn on the trade-off chart: of the frontier's points and of lines. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from dashboard import labels
from dashboard.chart_style import GREY, MARKS
from dashboard.labels import Axis
from dashboard.point_words import short_names
from engine.frontier import higher_is_better

NEAR = 0.035
"""Share of the points' height within which two names cover each other, where they share a place across."""
LABELLED = 30
"""Where the frontier has more points than this, none is labelled: too few would find room to tell anything."""
UNSEEN = {"size": MARKS[True], "opacity": 0}
"""A mark as large as the point's own, that its name keeps clear of."""
LETTER = 5.5
"""How wide a letter is, in pixels, about."""
BESIDE = 100
"""How much of a chart's width is beside its plot, in pixels: the axis with its title, and a margin."""
POINTS = 0.65
"""The least share of the plot's width that points keep beside names."""
USUAL = {False: 600, True: 300}
"""How wide a chart is taken to be before the browser told: of a whole page, and of half of one."""


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
    points: pd.DataFrame, x: Axis, y: Axis, log_x: bool, log_y: bool, lines: Sequence[Reference], width: float
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the names of the frontier's points as one trace of text, none where none is named.

    They stand on the side where no point can be: beyond the frontier. A name that would cover that of a better point,
    or one of the horizontal ``lines`` or its name, or for which the points would have to give up too much of the plot,
    loses its options, and where that is not enough it is left out.

    Parameters
    ----------
    width : of the chart, in pixels
    """
    right, up = higher_is_better(x.column), higher_is_better(y.column)
    best = points[points["frontier"]].drop_duplicates([x.column, y.column]).sort_values(y.column, ascending=not up)
    if len(best) > LABELLED:
        return []
    flat = [line for line in lines if line.axis == "y"]
    across = [_at(v * x.scale, log_x) for v in (points[x.column].min(), points[x.column].max())]
    upward = _ends(points, best, y, log_y, flat)
    models = best[best["encoder"] != "popularity"]
    telling = [column for column in ("encoder", "loss", "dim") if models[column].nunique() > 1]
    side = across[right]  # the best end: names are written away from the points
    plot = max(1.0, width - BESIDE)
    wanted = []
    for (_, row), *methods in zip(best.iterrows(), short_names(best["method"]), _heads(points, best), strict=True):
        at, height = row[x.column] * x.scale, row[y.column] * y.scale
        shares = _share(_at(at, log_x) - side, across), _share(_at(height, log_y) - upward[0], upward)
        either = [Name(_named(row, method, telling), at, height, *shares) for method in methods]
        if fitting := [name for name in either if name.wide <= plot and _room(plot, [name]) >= POINTS * plot]:
            wanted.append(fitting)
    taken = [span for line in flat for span in _spans(line, upward, log_y, up, plot)]
    kept = _apart(wanted, plot, _room(plot, [name for name, *_ in wanted]), taken)
    room = _room(plot, kept)  # more, where the longest came to nothing
    kept = _apart(wanted, plot, room, taken)
    if not kept:
        return []
    # an unseen mark where the room ends: plotly's axes make room for marks, not for text
    edge = side + (1 if right else -1) * (max(across) - min(across)) * (plot - room) / room
    still = {"textfont": {"color": GREY}}  # where other points are selected, names do not fade: the page has the colour
    return [{
        "type": "scatter", "mode": "markers+text",
        "x": [*(name.x for name in kept), 10**edge if log_x and points[x.column].min() > 0 else edge],
        "y": [*(name.y for name in kept), kept[0].y], "text": [*(name.text for name in kept), ""],
        "marker": UNSEEN, "textposition": f"{'top' if up else 'bottom'} {'right' if right else 'left'}",
        "hoverinfo": "skip", "showlegend": False, "cliponaxis": False, "unselected": still,
    }]  # fmt: skip


def _heads(points: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    """Return the frontier's methods without their options; where another method of the chart has the same, ``DPQ 8 bit,
    …``: a name must not be another's.
    """
    heads = Counter(method.split(", ")[0] for method in points["method"].unique())
    return [head + ", …" * (heads[head] > 1) for head in (method.split(", ")[0] for method in best["method"])]


def _ends(
    points: pd.DataFrame, best: pd.DataFrame, y: Axis, log: bool, lines: Sequence[Reference]
) -> tuple[float, float]:
    """Return the lowest and the highest that is drawn: points, the frontier's intervals, and lines."""
    values = [
        value
        for table in (points[y.column], *(best[c] for c in (f"{y.column}_low", f"{y.column}_high") if c in best))
        for value in (table.min(), table.max())
    ]
    drawn = [_at(value * y.scale, log) for value in values if not math.isnan(value)]
    drawn += [_at(line.value, log) for line in lines]
    return min(drawn), max(drawn)


class Name(NamedTuple):
    """A name of a point: where it stands in the chart's units, and as shares of the points' width, from the side to
    which it is written, and of their height.
    """

    text: str
    x: float
    y: float
    across: float
    upward: float

    @property
    def wide(self) -> float:
        """How wide it is, in pixels."""
        return _wide(self.text)


def _wide(text: str) -> float:
    return (len(text) + 2) * LETTER


def _room(plot: float, names: Sequence[Name]) -> float:
    """Return how much of the plot's width is left for the points, in pixels, where these names have room beside."""
    return min([plot, *((plot - name.wide) / (1 - name.across) for name in names if name.across < 1)])


class Span(NamedTuple):
    """What a name may not cover: at a height (that of the point whose name would stand there, as a share of the
    points'), from and to a place across, in pixels; ``near`` is how far another height must be away.
    """

    height: float
    begin: float
    end: float
    near: float = NEAR


def _apart(wanted: Sequence[Sequence[Name]], plot: float, room: float, taken: Sequence[Span]) -> list[Name]:
    """Return of each point the first name that covers none before it, and nothing that is taken; some have none."""
    kept, spans = [], list(taken)
    for names in wanted:
        for name in names:
            end = plot - room + name.across * room
            begin = end - name.wide
            if begin > -LETTER and not any(
                abs(name.upward - s.height) < s.near and begin < s.end and s.begin < end for s in spans
            ):
                kept.append(name)
                spans.append(Span(name.upward, begin, end))
                break
    return kept


def _spans(line: Reference, upward: Sequence[float], log: bool, up: bool, plot: float) -> list[Span]:
    """Return what a line takes: its name, which begins where names end, on its worse side, while a point's name is on
    its better one; and its own length.
    """
    height = (_at(line.value, log) - upward[0]) / ((upward[1] - upward[0]) or 1.0)
    worse = -NEAR if up else NEAR
    name = Span(height + 2.2 * worse, 0.0, _wide(line.text), 1.15 * NEAR)
    return [name, Span(height + 1.3 * worse, 0.0, plot, 0.65 * NEAR)]  # of a chart 520 pixels high


def _named(row: pd.Series, method: str, telling: Sequence[str]) -> str:
    """Return a method with what tells its model from the others' on the chart: ``LightGCN BPR, sign 1 bit, 64 d``."""
    if row["encoder"] == "popularity":
        return method
    model = " ".join(labels.name(row[column]) for column in telling if column != "dim")
    return ", ".join([*filter(None, [model]), method, *([f"{row['dim']} d"] if "dim" in telling else [])])


def _share(distance: float, values: Sequence[float]) -> float:
    """Return a distance as a share of the range of the values."""
    return abs(distance) / ((max(values) - min(values)) or 1.0)


def _at(value: float, logarithm: bool) -> float:
    """Return where a value lies along an axis; plotly's annotations are placed by it, too."""
    return math.log10(value) if logarithm and value > 0 else value
