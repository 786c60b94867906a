"""How wide the page is, so that a chart is drawn once.

Streamlit draws a chart before it knows its own width, hidden, and all of it again when it does. A figure that comes
with the right width is shown at once and never drawn again.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.chart_style import STATIC

KEY, WIDTHS = "page_width", "chart_widths"
"""Where a session keeps how wide its page is, and which width each of its charts was made for."""
GAP, NARROW = 16.0, 640.0
"""Pixels between two charts beside each other, and of the widest page that has them beneath each other instead."""
JS = """
const SETTLED_MS = 600; // nothing is told while a page is being drawn or a window resized

export default function ({ parentElement, data, setStateValue }) {
  const place = parentElement.host ?? parentElement;
  place.ruler?.disconnect(); // called again whenever ``known`` changes
  let told = data.known, wait;
  const observer = new ResizeObserver(([entry]) => {
    const width = entry.contentRect.width;
    clearTimeout(wait);
    if (width > 0 && width !== told) {
      wait = setTimeout(() => { told = width; setStateValue("width", width); }, SETTLED_MS);
    }
  });
  observer.observe(place);
  place.ruler = observer;
  return () => { clearTimeout(wait); observer.disconnect(); };
}
"""


def chart(figure: go.Figure, key: str, alt: str, of: Hashable, halves: bool = False) -> None:
    """Draw a chart that has no tools.

    Parameters
    ----------
    of : what it is of: with another, it is another chart
    halves : whether two charts share the page's width
    """
    page = width_for((key, of))
    figure.update_layout(width=half(page) if halves else page)
    st.plotly_chart(figure, theme=None, key=key, config=STATIC, alt=alt)


def width_for(what: Hashable) -> float | None:
    """Return the page's width in pixels, to make a chart of ``what`` for; None before the browser told it.

    It stays what it was when it was first asked for: another one would be another chart, drawn anew before one's eyes,
    where the browser fits the one that stands to its place by itself.
    """
    return st.session_state.setdefault(WIDTHS, {}).setdefault(what, st.session_state.get(KEY))


def half(page: float | None) -> float | None:
    """Return the width of each of two charts beside each other."""
    return page if page is None or page <= NARROW else (page - GAP) / 2


def lay() -> None:
    """Put the ruler, which nobody sees, at the foot of the page: the page is run once more when its width changed."""
    _ruler()(key="ruler", data={"known": st.session_state.get(KEY)}, on_width_change=_remember)


def _remember() -> None:
    st.session_state[KEY] = st.session_state["ruler"]["width"]


@functools.cache
def _ruler() -> Callable[..., Any]:
    return st.components.v2.component("fewbits_ruler", html="<div></div>", js=JS)
