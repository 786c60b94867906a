"""Download buttons: `table` for CSV, Parquet and JSON of points, `chart` for PNG, SVG and HTML of a chart.

Files are made when a button is pressed, not before. Pictures are made by the browser, with the plotly that has drawn
the chart there, in the colours that are seen: on the server that would take a browser of its own.
"""

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import data, export, failures

Points = pd.DataFrame | Callable[[], pd.DataFrame]
ICON = ":material/download:"
SPREADSHEET = "For spreadsheets: text that one could run as a formula is preceded by an apostrophe."
TYPED = "Whole numbers, numbers and times (UTC) keep their type, and each column brings its unit and what it means."


def table(points: Points, name: str, key: str) -> None:
    """Draw buttons that save points (or what a function returns as such) as ``name``.csv, .parquet and .json.

    Every column at full precision; what was not measured is empty. The widgets are ``key``\\_csv and so on.
    """
    defaults = data.defaults()

    def made(write: Callable[..., str | bytes]) -> Callable[[], str | bytes]:
        return lambda: write(points() if callable(points) else points, defaults)

    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        _button("Download CSV", made(export.to_csv), f"{name}.csv", "text/csv", f"{key}_csv", SPREADSHEET)
        _button("Parquet", made(export.to_parquet), f"{name}.parquet", PARQUET, f"{key}_parquet", TYPED)
        _button("JSON", made(export.to_json), f"{name}.json", "application/json", f"{key}_json", TYPED)


PARQUET = "application/vnd.apache.parquet"


def _button(label: str, make: Callable[[], Any], file_name: str, mime: str, key: str, help: str) -> None:
    st.download_button(
        label, failures.told(make, file_name), file_name=file_name, mime=mime, key=key, help=help, icon=ICON,
        on_click="ignore",
    )  # fmt: skip


def chart(figure: go.Figure, name: str, key: str) -> None:
    """Draw buttons that save the chart shown by ``st.plotly_chart(figure, key=key)`` as PNG, SVG and HTML.

    The picture is what the browser shows, at least 1,000 pixels wide; the HTML file is made here and needs no network.
    """
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        _pictures()(key=f"{key}_pictures", data={"chart": key, "name": name}, width="content")
        _button(
            "HTML", lambda: export.to_html(figure, name), f"{name}.html", "text/html", f"{key}_html",
            "The chart as a page of its own that needs no network (5 MB): hover, zoom, and a picture in light colours.",
        )  # fmt: skip


@functools.cache
def _pictures() -> Callable[..., Any]:
    """Return the component with both picture buttons; declared once, at its first use."""
    return st.components.v2.component("fewbits_pictures", html=HTML, css=CSS, js=JS)


HTML = """
<div class="pictures" role="group" aria-label="Download the chart as a picture">
  <button type="button" data-format="png" disabled title="Download the chart as PNG">Chart as PNG</button>
  <button type="button" data-format="svg" disabled title="Download the chart as SVG">SVG</button>
  <span role="status"></span>
  <a hidden></a>
</div>
"""
CSS = """
.pictures { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; font-family: var(--st-font); }
button {
  min-height: 2.5rem; padding: 0.25rem 0.75rem; font: inherit; font-size: 0.875rem; color: inherit; cursor: pointer;
  background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius);
}
button:disabled { opacity: 0.5; cursor: default; }
button:enabled:hover, button:focus-visible { color: var(--st-primary-color); border-color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
span { font-size: 0.875rem; }
span:empty { display: none; }
"""
JS = """
const SCALES = { png: 2, svg: 1 };
const FONT = "Arial, Helvetica, sans-serif"; // pictures do not hold the page's own font: another would not fit its room

function asSeen(chart) { // the page gives its colours by style sheet, which pictures do not have
  const ink = getComputedStyle(chart).color;
  const paper = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
  const own = { font: { family: "", ...chart.layout.font, color: ink }, paper_bgcolor: paper, plot_bgcolor: paper };
  const text = JSON.stringify({ ...chart.layout, ...own });
  return JSON.parse(text, (name, value) => (name === "family" ? FONT : value));
}

export default function ({ parentElement, data }) {
  const told = parentElement.querySelector("[role=status]");
  const link = parentElement.querySelector("a"); // in here: a click elsewhere would close a popover around us
  const save = async (format) => {
    const chart = document.querySelector(`.st-key-${CSS.escape(data.chart)} .js-plotly-plot`);
    if (!chart || !window.Plotly) {
      told.textContent = "The chart is not drawn yet: wait a moment, or take the HTML.";
      return;
    }
    const shown = chart.getBoundingClientRect();
    const size = { width: Math.max(1000, Math.round(shown.width)), height: Math.max(560, Math.round(shown.height)) };
    told.textContent = "making the picture";
    try {
      const figure = { data: chart.data.map((trace) => ({ ...trace })), layout: asSeen(chart) };
      link.href = await window.Plotly.toImage(figure, { format, scale: SCALES[format], ...size });
      link.download = `${data.name}.${format}`;
      link.click();
      told.textContent = "";
    } catch (error) {
      told.textContent = "This browser could not make the picture: take the HTML.";
    }
  };
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = () => save(button.dataset.format);
    button.disabled = false; // before this line a press would be lost
  }
}
"""
