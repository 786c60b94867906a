"""How wide the page is, so that a chart is drawn once.

Streamlit draws a chart before it knows its own width, hidden, and all of it again when it does. A figure that comes
with the right width is shown at once and never drawn again.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

WIDTHS = "widths"
"""Where a session keeps the width that each of its charts was made for."""
JS = """
const SETTLED_MS = 250; // while a window is being resized nothing is told

export default function ({ parentElement, data, setStateValue }) {
  const place = parentElement.host ?? parentElement;
  let told = data.known, wait;
  const observer = new ResizeObserver(([entry]) => {
    const width = entry.contentRect.width;
    clearTimeout(wait);
    if (width > 0 && width !== told) {
      wait = setTimeout(() => { told = width; setStateValue("width", width); }, SETTLED_MS);
    }
  });
  observer.observe(place);
  return () => { clearTimeout(wait); observer.disconnect(); };
}
"""


def width_for(key: str, what: Hashable) -> float | None:
    """Return the width in pixels to make a chart of ``what`` for; None before the browser told the page's.

    It stays what it was when it was first asked for: another one would be another chart, drawn anew before one's eyes,
    where the browser fits the one that stands to its place by itself.
    """
    widths = st.session_state.setdefault(WIDTHS, {})
    return widths.setdefault(what, _known(key))


def lay(key: str) -> None:
    """Put the ruler, which nobody sees, at the foot of the page: the page is run once more when its width changed."""
    _ruler()(key=key, data={"known": _known(key)}, on_width_change=lambda: None)


def _known(key: str) -> float | None:
    return (st.session_state.get(key) or {}).get("width")


@functools.cache
def _ruler() -> Callable[..., Any]:
    return st.components.v2.component("fewbits_ruler", html="<div></div>", js=JS)
