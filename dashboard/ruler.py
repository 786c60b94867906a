"""How wide the page is, so that a chart is drawn once.

Streamlit draws a chart before it knows its own width, hidden, and all of it again when it does. A figure that comes
with the right width is shown at once and never drawn again.
"""

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.chart_style import STATIC

PAGE, WIDTHS = "page_widths", "chart_widths"
"""Where a session keeps how wide charts are on its page, and which widths each of its charts was made for."""
JS = """
const SETTLED_MS = 600; // nothing is told while a page is being drawn or a window resized
const GAP = 16;
const STACKED = "(max-width: 640px)"; // on such a window, charts stand beneath each other

export default function ({ parentElement, data, setStateValue }) {
  const place = parentElement.host ?? parentElement;
  place.stop?.(); // called again whenever what is known changes
  let told = data.known, wait;
  const observer = new ResizeObserver(([entry]) => {
    const whole = entry.contentRect.width;
    clearTimeout(wait);
    if (whole > 0 && whole !== told) {
      const half = matchMedia(STACKED).matches ? whole : (whole - GAP) / 2;
      wait = setTimeout(() => { told = whole; setStateValue("widths", { whole, half }); }, SETTLED_MS);
    }
  });
  observer.observe(place);
  place.stop = () => { clearTimeout(wait); observer.disconnect(); };
  return place.stop;
}
"""
Widths = Mapping[str, float | None]
"""Pixels of a "whole" page's chart and of each of two, "half"; None before the browser told them."""
UNKNOWN: Widths = {"whole": None, "half": None}


def chart(figure: go.Figure, key: str, alt: str, of: Hashable, halves: bool = False) -> None:
    """Draw a chart that has no tools.

    Parameters
    ----------
    of : what it is of: with another, it is another chart
    halves : whether two charts share the page's width
    """
    fit(figure, widths_for(key, of)["half" if halves else "whole"])
    st.plotly_chart(figure, theme=None, key=key, config=STATIC, alt=alt)


def fit(figure: go.Figure, width: float | None) -> None:
    """Give a figure its width where that is known; streamlit hides a first drawing only of one that has none."""
    if width is not None:
        figure.update_layout(width=width)


def widths_for(key: str, of: Hashable) -> Widths:
    """Return the widths to make a chart for.

    They stay what they were when this chart was first asked for: another width would be another chart, drawn anew
    before one's eyes, where the browser fits the one that stands to its place by itself.
    """
    made: dict[str, tuple[Hashable, Widths]] = st.session_state.setdefault(WIDTHS, {})
    if key not in made or made[key][0] != of:
        made[key] = (of, st.session_state.get(PAGE, UNKNOWN))
    return made[key][1]


@st.fragment  # what it tells is for the next chart: nothing that stands is run again
def lay() -> None:
    """Put the ruler, which nobody sees, at the foot of the page."""
    known = st.session_state.get(PAGE, UNKNOWN)["whole"]
    _ruler()(key="ruler", data={"known": known}, on_widths_change=_remember)


def _remember() -> None:
    st.session_state[PAGE] = dict(st.session_state["ruler"]["widths"])


@functools.cache
def _ruler() -> Callable[..., Any]:
    return st.components.v2.component("fewbits_ruler", html="<div></div>", js=JS)
