"""The controls above the trade-off chart: what is compared, the axes, the filters, the machine.

All are bound to the address: a link shows the same, and the choices survive a visit to another page.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import frontiers, labels, results, shipped, size_parts
from dashboard.chart_style import rank
from dashboard.labels import AXES, COSTS, QUALITY, Axis
from dashboard.widgets import LINK

WORDS = {"float32": "float32", "own": "the items' own bits"}
EVERY = "all machines, a chart for each"
ALL_AXES = {**QUALITY, **COSTS}


@dataclass(frozen=True)
class View:
    """What the chart shows: one metric against another, of which data sets, at which catalogue size."""

    datasets: list[str]
    x: Axis
    y: Axis
    share: bool
    """Whether recall and NDCG are divided by what float32 reached."""
    items: int | None = None
    """The catalogue size that costs are shown at; None: the data set's own."""
    mean: bool = False
    """Whether several seeds of one configuration are one point."""

    @property
    def timed(self) -> bool:
        """Whether an axis is a time, so that machines are told apart."""
        return self.x.timed or self.y.timed

    @property
    def by(self) -> list[str]:
        """The columns whose values have a chart and a frontier each."""
        return ["dataset", "tested", "hardware"] if self.timed else ["dataset", "tested"]

    @property
    def qualities(self) -> list[str]:
        """The quality columns on the axes, as they are in the catalog."""
        columns = (axis.column.removesuffix("_share") for axis in (self.y, self.x))
        return [column for column in columns if column.partition("@")[0] in QUALITY]


@dataclass(frozen=True)
class Filters:
    """Which points pass, and how the axes run."""

    chosen: dict[str, list[Any]]
    """Column → values that pass; none: all."""
    hardware: str | None
    """The machine whose times are shown; None: all."""
    log_x: bool
    log_y: bool


def choose_view(table: pd.DataFrame, scaled: pd.DataFrame) -> View:
    """Draw the controls of the first rows, and return what was chosen; one's own data set measured last comes first."""
    known = shipped.datasets(table)
    a, b, c, d = st.columns([3, 3, 3, 1.4], vertical_alignment="bottom")
    datasets = a.multiselect(
        "Data set", known, default=known[:1], key="t_datasets", placeholder="choose a data set",
        help="With several, each has a chart and a frontier of its own: other users and items cannot be compared.",
        **LINK,
    )  # fmt: skip
    up = _axis(b, "Vertical axis", "recall", "t_y")
    across = _axis(c, "Horizontal axis", "bytes_per_item", "t_x")
    lengths = results.lengths(table[table["dataset"].isin(datasets)])
    usual = lengths.index(20) if 20 in lengths else len(lengths) - 1
    k = d.selectbox(
        "List length k", lengths, index=usual, key="t_k", disabled=not {up, across} & set(QUALITY),
        help="How many items are recommended. It concerns recall, NDCG and overlap.", **LINK,
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        items = size_parts.choose(scaled, **LINK)
        share = st.toggle(
            "As a share of float32", key="t_share", disabled=not {up, across} & {"recall", "ndcg"},
            help="Divides recall and NDCG by what float32 reached with the same trained model: 1 means that nothing "
            "was lost.", **LINK,
        )  # fmt: skip
        mean = _choose_mean(table[frontiers.of(table, datasets)])
    shared = share and bool({up, across} & {"recall", "ndcg"})
    return View(datasets, labels.axis(across, k, shared), labels.axis(up, k, shared), shared, items, mean)


def _choose_mean(points: pd.DataFrame) -> bool:
    """Draw the switch where a data set was measured with several seeds; return whether they are one point."""
    return points["seed"].nunique() > 1 and st.toggle(
        "Mean over seeds", value=True, key="t_mean",
        help="One point for each configuration: its mean quality over seeds with the interval of that mean, and its "
        "median costs. Off, each seed is a point of its own. Files hold each seed's own row.", **LINK,
    )  # fmt: skip


def _axis(place: Any, title: str, first: str, key: str) -> str:
    words = "\n\n".join(f"**{axis.title}**: {axis.help}" for axis in ALL_AXES.values())
    return str(
        place.selectbox(
            title, AXES, index=AXES.index(first), format_func=lambda name: ALL_AXES[name].title, key=key,
            help="Any two can be set against each other.\n\n" + words, **LINK,
        )
    )  # fmt: skip


def choose_filters(table: pd.DataFrame, timed: pd.DataFrame | None) -> Filters:
    """Draw the filters and the switches of the axes, and return what was chosen.

    A filter appears only where there is something to choose between.

    Parameters
    ----------
    timed : the points whose machines are told apart; None where no axis is a time
    """
    hardware = None if timed is None else _hardware(timed)
    every = {column: frontiers.distinct(table, column) for column in frontiers.FILTERS}
    offered = {column: values for column, values in every.items() if len(values) > 1}
    active = sum(_filters(f"t_{column}", values) for column, values in offered.items())
    chosen: dict[str, list[Any]] = {}
    title = "Filters and axes" + (f" ({active} active)" if active else "")
    with st.expander(title, icon=":material/tune:", key="t_filters"):
        columns = st.columns(3)
        for place, (column, values) in enumerate(offered.items()):
            ordered = sorted(values, key=rank) if column == "quantizer" else values
            chosen[column] = columns[place % 3].multiselect(
                frontiers.FILTERS[column], ordered, key=f"t_{column}", placeholder="all",
                format_func=_word, **LINK,
            )  # fmt: skip
        with st.container(horizontal=True):
            log_x = st.toggle("Logarithmic horizontal axis", value=True, key="t_log_x", **LINK)
            log_y = st.toggle("Logarithmic vertical axis", key="t_log_y", **LINK)
    return Filters(chosen, hardware, log_x, log_y)


def _filters(key: str, values: list[Any]) -> bool:
    """Return whether a filter is set: by its choice or, before it is drawn, by a link, to something that is there."""
    linked = set(st.query_params.get_all(key)) & set(map(_word, values))
    return bool(st.session_state.get(key, linked))


def _word(value: Any) -> str:
    return WORDS.get(value, labels.name(value)) if isinstance(value, str) else str(value)


def _hardware(table: pd.DataFrame) -> str | None:
    """Times of two machines are never drawn on one chart: choose one where there are several, or a chart for each."""
    machines = frontiers.distinct(table, "hardware")
    if len(machines) < 2:
        return machines[0] if machines else None
    words = "Times of different machines cannot be compared: one is shown at a time, or each on a chart of its own."
    chosen = str(st.selectbox("Measured on", [*machines, EVERY], key="t_hardware", help=words, **LINK))
    return None if chosen == EVERY else chosen
