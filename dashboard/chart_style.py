"""How every chart looks: colours and symbols of methods, ticks of logarithmic axes, margins. Equal in both themes."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.peers import PEER

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C48600", "#3D9BD6", "#8C6BB1")
"""After Okabe and Ito's colour-blind-safe set; orange and sky blue are darkened for a contrast of 3 on white."""
GREY = "#888888"
STYLES = {
    "float32": (GREY, "square"), "float16": (GREY, "diamond"),
    "uniform": ("#0072B2", "circle"), "sign": ("#D55E00", "triangle-up"), "lsh": ("#CC79A7", "hourglass"),
    "itq": ("#8C6BB1", "triangle-down"), "rabitq": ("#009E73", "cross"), "pq": ("#009E73", "triangle-left"),
    "opq": ("#C48600", "hexagon"), "hqgnn": ("#C48600", "star"), "l2qgcn": ("#D55E00", "bowtie"),
    "hashgnn": ("#3D9BD6", "diamond-tall"), "dpq": ("#8C6BB1", "x"), "mgqe": ("#3D9BD6", "star-diamond"),
    PEER: (GREY, "pentagon-open"),
}  # fmt: skip
"""Method → colour and symbol, kept whichever others are there, in the order of legends. Other libraries' indexes, the
peers, have one grey, hollow mark together.

Each has a symbol of its own, so that colour is never the only difference. Where two symbols have a like outline (two
triangles, two stars), the colours are far apart in normal and in colour-blind eyes: no other assignment of these
symbols to the palette that we searched keeps them further apart (`tests/dashboard/test_chart_style.py` measures it).
"""
SPARE = ("hexagram", "triangle-right", "diamond-wide", "star-square")
"""Symbols of methods that are not listed."""
STATIC = {"displayModeBar": False}
"""Plotly's configuration for all charts: no tool bar, since there is nothing to zoom."""
SELECTABLE = {"displayModeBar": True, "displaylogo": False, "modeBarButtons": [["select2d", "lasso2d"]]}
"""The same for charts whose points can be selected: two tools, for a box and for a lasso."""
FONT = {"family": '"Source Sans", sans-serif', "size": 12}
CLEAR, FAINT = "rgba(0, 0, 0, 0)", "rgba(128, 128, 128, 0.25)"
"""The page shines through; grids are seen on light and on dark."""
AXIS: dict[str, Any] = {
    "automargin": True, "gridcolor": FAINT, "zerolinecolor": FAINT, "tickcolor": FAINT,
    "title": {"font": {"size": 14}, "standoff": 20},
}  # fmt: skip
MARKS = {False: 10, True: 13}
"""Whether a point is on the frontier → the size of its mark, in pixels."""
TOP = 30
"""Margin above a chart, in pixels."""
TICKS = 12
"""Most labels on a logarithmic axis; beyond that only powers of ten are written."""


def style(quantizer: str) -> tuple[str, str]:
    """Return the colour and the symbol of a quantizer; colour is never the only difference."""
    place = sum(map(ord, quantizer))
    return STYLES.get(quantizer) or (PALETTE[place % len(PALETTE)], SPARE[place % len(SPARE)])


def rank(quantizer: str) -> tuple[int, str]:
    """Return a sort key: references first, then the known methods in their order, then others by name."""
    order = list(STYLES)
    return (order.index(quantizer) if quantizer in order else len(order), quantizer)


def logarithmic(values: pd.Series) -> dict[str, Any]:
    """Return the settings of a logarithmic axis with every tick written out (plotly writes a bare 2 for 20)."""
    positive = values[values > 0]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 10.0)
    ticks = _ticks(low / 1.3, high * 1.3)
    return {"type": "log", "tickmode": "array", "tickvals": ticks, "ticktext": [f"{t:,.6g}" for t in ticks]}


def _ticks(low: float, high: float) -> list[float]:
    """Return ticks at 1, 2 and 5 times the powers of ten; a short range has even steps, a long one powers alone."""
    if high < 8 * low:
        raw = (high - low) / 5
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw)
        return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    powers = [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    fine = [m * p for p in powers for m in (1, 2, 5) if low <= m * p <= high]
    return fine if len(fine) <= TICKS else [p for p in powers if low <= p <= high]


def frame(height: int = 340, legend: float = -0.25, left: int = 10, bottom: int = 10) -> dict[str, Any]:
    """Return the layout that all charts share: height, margins, a legend beneath, the look of both themes.

    Margins grow by themselves to what axes and legend take, but then all is drawn once more: ``left`` and ``bottom``
    are for charts with so many marks that this would be felt.

    Streamlit hands plotly an equal copy of each chart right after the chart itself. Where the copy has a template, or
    new arrays without a revision that stays the same, plotly draws all of it again: so there is no template
    (`finished`), and ``st.plotly_chart`` is called with ``theme=None``. ``look.css`` gives text the page's colour.
    """
    return {
        "height": height, "margin": {"l": left, "r": 10, "t": TOP, "b": bottom, "pad": 8}, "dragmode": False,
        "hovermode": "closest", "datarevision": 1,
        "legend": {
            "orientation": "h", "yanchor": "top", "y": legend, "x": 0, "itemsizing": "constant",
        },
        "font": FONT, "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR, "hoverlabel": {"font": FONT, "align": "left"},
        "modebar": {"bgcolor": CLEAR, "color": GREY, "activecolor": PALETTE[0]},
        "newselection": {"line": {"color": GREY}},
        "xaxis": {**AXIS, "showgrid": False, "zeroline": False}, "yaxis": {**AXIS},
    }  # fmt: skip


def intervals(above: Iterable[float], below: Iterable[float]) -> dict[str, Any]:
    """Return the bars of an axis as plotly wants them: how far they reach above and below each value; where one
    is NaN there is no bar, since half of one would be read as an interval that ends at the value.

    Lists, since plotly draws anew what comes as an equal copy of other arrays; but of a list it takes NaN for zero.
    """
    ends = [np.asarray(list(values), float) for values in (above, below)]
    whole = ~np.isnan(ends).any(axis=0)
    up, down = [end.tolist() for end in ends] if whole.all() else [np.where(whole, end, np.nan) for end in ends]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down}


def finished(traces: list[dict[str, Any]], layout: dict[str, Any], **frames: Any) -> go.Figure:
    """Return a figure of plain values, made at once: plotly's own objects, one by one, take ten times as long.

    Plotly does not look at each value here, which is most of its work: tests/dashboard/test_charts.py does.

    Parameters
    ----------
    layout : what differs from `frame`
    frames : what `frame` is given
    """
    made = go.Figure({"data": traces, "layout": _over(frame(**frames), layout)}, _validate=False)
    made.layout.template = None
    return made


def _over(usual: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return settings with one's own in their place, inside of others as well."""
    inner = {k: _over(usual[k], v) for k, v in own.items() if isinstance(v, dict) and isinstance(usual.get(k), dict)}
    return {**usual, **own, **inner}
