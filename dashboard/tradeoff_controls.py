"""The controls above the trade-off chart: what is compared, the filters, the machine, the axes."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import frontiers, labels, size_parts
from dashboard.chart_style import rank
from dashboard.labels import COSTS, QUALITY, Axis
from engine.spec import KS

KEEP: dict[str, Any] = {"persist_state": "session"}
"""Choices survive a visit to another page."""
WORDS = {"float32": "float32", "own": "the items' own bits"}


@dataclass(frozen=True)
class View:
    """What the chart shows: quality column against cost, of which data sets, as a share of float32 or as it is."""

    datasets: list[str]
    quality: str
    x: Axis
    share: bool
    items: int | None = None
    """The catalogue size that costs are shown at; None: the data set's own."""

    @property
    def y(self) -> str:
        """The column on the vertical axis."""
        return f"{self.quality}_share" if self.share else self.quality

    @property
    def title(self) -> str:
        return labels.axis_title(self.quality) + (", share of float32" if self.share else "")


def choose_view(table: pd.DataFrame, scaled: pd.DataFrame) -> View:
    """Draw the controls of the first rows, and return what was chosen; the data set measured last comes first."""
    known = list(table.sort_values("finished", ascending=False)["dataset"].unique())
    a, b, c, d = st.columns([3, 2, 2, 3], vertical_alignment="bottom")
    datasets = a.multiselect(
        "Data set", known, default=known[:1], key="t_datasets", placeholder="choose a data set",
        help="One at a time compares like with like. With several, each has a frontier of its own.", **KEEP,
    )  # fmt: skip
    kind = b.selectbox(
        "Quality", list(QUALITY), format_func=lambda q: QUALITY[q].title, key="t_quality",
        help="\n\n".join(f"**{q.title}**: {q.help}" for q in QUALITY.values()), **KEEP,
    )  # fmt: skip
    k = c.selectbox("List length k", KS, index=KS.index(20), key="t_k", help="How many items are recommended.", **KEEP)
    cost = d.selectbox(
        "Against", list(COSTS), format_func=lambda column: COSTS[column].title, key="t_cost",
        help="\n\n".join(f"**{axis.title}**: {axis.help}" for axis in COSTS.values()), **KEEP,
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        items = size_parts.choose(scaled, **KEEP)
        share = st.toggle(
            "As a share of float32", key="t_share", disabled=kind == "overlap",
            help="Divides each point by what float32 reached with the same trained model: 1 means that nothing was "
            "lost.", **KEEP,
        )  # fmt: skip
    return View(datasets, f"{kind}@{k}", COSTS[cost], share and kind != "overlap", items)


def choose_filters(
    table: pd.DataFrame, timed: pd.DataFrame | None
) -> tuple[dict[str, list[Any]], str | None, bool, bool]:
    """Return chosen values by column, the one hardware, and which axes are logarithmic.

    A filter appears only where there is something to choose between.

    Parameters
    ----------
    timed : the points whose machines are told apart; None where the cost is no time
    """
    hardware = None if timed is None else _hardware(timed)
    offered = [column for column in frontiers.FILTERS if len(frontiers.distinct(table, column)) > 1]
    active = sum(bool(st.session_state.get(f"t_{column}")) for column in offered)
    chosen: dict[str, list[Any]] = {}
    title = "Filters and axes" + (f" ({active} active)" if active else "")
    with st.expander(title, icon=":material/tune:", key="t_filters"):
        columns = st.columns(3)
        for place, column in enumerate(offered):
            chosen[column] = columns[place % 3].multiselect(
                frontiers.FILTERS[column], _offered(table, column), key=f"t_{column}", placeholder="all",
                format_func=_word, **KEEP,
            )  # fmt: skip
        with st.container(horizontal=True):
            log_x = st.toggle("Logarithmic cost axis", value=True, key="t_log_x", **KEEP)
            log_y = st.toggle("Logarithmic quality axis", key="t_log_y", **KEEP)
    return chosen, hardware, log_x, log_y


def _offered(table: pd.DataFrame, column: str) -> list[Any]:
    values = frontiers.distinct(table, column)
    return sorted(values, key=rank) if column == "quantizer" else values


def _word(value: Any) -> str:
    return WORDS.get(value, labels.name(value)) if isinstance(value, str) else str(value)


def _hardware(table: pd.DataFrame) -> str | None:
    """Times of two machines are never drawn on one chart: choose one where there are several."""
    machines = frontiers.distinct(table, "hardware")
    if len(machines) < 2:
        return machines[0] if machines else None
    words = "Times of different machines cannot be compared, so one is shown at a time."
    return str(st.selectbox("Measured on", machines, key="t_hardware", help=words, **KEEP))
