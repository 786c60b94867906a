"""Trade-offs: any two metrics against each other, the frontier, and the points beneath as a table and as CSV."""

import pandas as pd
import streamlit as st

from dashboard import (
    data,
    downloads,
    first_steps,
    frontiers,
    labels,
    ruler,
    shipped,
    shipped_parts,
    size_parts,
    sizes,
)
from dashboard.chart_style import SELECTABLE
from dashboard.charts import crowded
from dashboard.drawings import Drawing, Drawings, drawings
from dashboard.tradeoff_controls import Filters, View, choose_filters, choose_view
from dashboard.tradeoff_parts import Chosen, actions, beneath, clicked
from dashboard.widgets import guarded, plain

NEWCOMER = "t_newcomer"
"""Whether nothing was measured here when this session last saw the page."""


def render() -> None:
    """Draw the page."""
    st.title("Trade-offs", anchor=False)
    drawn_from, points = data.snapshot(), data.points()  # in this order: what is published between is seen by `watch`
    if points.empty:
        first_steps.show()
    elif st.session_state.get(NEWCOMER):
        st.session_state["t_datasets"] = points["dataset"].unique().tolist()[:1]  # not the reference study's any more
    st.session_state[NEWCOMER] = points.empty
    table = shipped_parts.choose()
    if table.empty:
        return
    scaled = data.scaled_points()
    view = choose_view(table, scaled)
    watch(drawn_from, len(points) + len(scaled))
    here = table.loc[frontiers.of(table, view.datasets), [*frontiers.FILTERS, "hardware"]]
    filters = choose_filters(here, _timed(here, table, scaled, view))
    size_notice = st.container()
    if view.x.column == view.y.column:
        st.info("Both axes show the same metric: choose another for one of them.", icon=":material/info:")
        return
    drawn = _drawings(table, scaled, view, filters)
    if view.items is not None:
        wanted = frontiers.filtered(table[table["source"] == "own"], view.datasets, None, filters.chosen)
        lacking = sizes.lacking(wanted, scaled, view.items)
        with size_notice:
            size_parts.missing(lacking, drawn.shown["run_id"].nunique(), view.items)
    if drawn.judged.empty:
        _nothing(drawn.shown, view)
        return
    selected = _charts(drawn, view)
    place = st.container()

    def originals() -> pd.DataFrame:  # for files: made when somebody wants one
        rows = shipped_parts.rows(points, table)
        rows = rows if view.items is None else sizes.at(rows, scaled, view.items)
        return frontiers.with_shares(rows, drawn.shown)

    selected += beneath(drawn.shown, drawn.listing, originals)
    with place:
        chosen = list(dict.fromkeys(selected))
        actions(chosen, shipped_parts.openable(chosen, points), originals, drawn.members)


def _drawings(table: pd.DataFrame, scaled: pd.DataFrame, view: View, filters: Filters) -> Drawings:
    floats = shipped.floats(table)

    def passing() -> pd.DataFrame:  # asked for once for each choice
        own = table
        for column in view.qualities if view.share else []:
            own = frontiers.share_of_float(own, column, floats)
        sized = own if view.items is None else sizes.at(own, scaled, view.items)
        return frontiers.filtered(sized, view.datasets, filters.hardware, filters.chosen)

    name = f"{data.snapshot()} {shipped.version()} {len(table)}"
    widths = ruler.widths_for("t_chart", repr((name, view, filters)))
    return drawings(str(data.root()), name, view, filters, widths, passing, floats)


def _timed(here: pd.DataFrame, table: pd.DataFrame, scaled: pd.DataFrame, view: View) -> pd.DataFrame | None:
    """Return the points whose machines are told apart; None where no axis is a time."""
    if not view.timed:
        return None
    if view.items is None:
        return here
    sized = sizes.at(table, scaled, view.items)
    return sized[frontiers.of(sized, view.datasets)]


def _nothing(shown: pd.DataFrame, view: View) -> None:
    if shown.empty and view.items is not None and view.datasets:
        words = f"No run that passes these filters was measured with {view.items:,} items yet."
    elif shown.empty:
        words = "No point passes these filters: choose a data set, or take a filter away."
    elif view.share and any(shown[a.column].isna().all() for a in (view.x, view.y) if a.column.endswith("_share")):
        words = (
            "There is no finished float32 run with the same trained model to compare with: run the float32 quantizer "
            "with the same settings on the New run page, or turn off “As a share of float32”."
        )
    else:
        words = f"None of these {len(shown)} points has both metrics measured: {view.y.title} and {view.x.title}."
    st.info(words, icon=":material/info:")


def _charts(drawn: Drawings, view: View) -> Chosen:
    """Show a chart for each data set and split (and machine, where an axis is a time); return the selected points."""
    charts, selected = drawn.charts, []
    for row in range(0, len(charts), 2):
        places = st.columns(2) if len(charts) > 1 else [st.container()]
        for place, (number, one) in zip(places, enumerate(charts[row : row + 2], row), strict=False):
            with place:
                selected += _chart(f"t_chart_{number}" if number else "t_chart", one, view)
    st.caption(" ".join(_words(drawn.judged, view)))
    if drawn.left:
        left = ", ".join(map(plain, drawn.left))
        st.caption(f":material/info: {len(charts)} charts at a time. Not drawn, but in the table: {left}.")
    return selected


def _chart(key: str, one: Drawing, view: View) -> Chosen:
    if one.title:
        st.markdown(f"**{plain(one.title)}**")
    counts = f"{one.points:,} points, {one.best} on the frontier"
    where = f" on {one.title}" if one.title else ""
    state = st.plotly_chart(
        one.figure, theme=None, key=key, config=SELECTABLE, on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        alt=f"{view.y.title} against {view.x.title}{where}: {counts}; a table follows.",
    )  # fmt: skip
    fewer = f" Points of one method that cover each other are drawn once: {one.marks:,} marks."
    fewer *= one.marks < one.points
    st.caption(f"{counts} (no other point is as good in both and better in one); the others are faded.{fewer}")
    with st.popover("Save this chart", icon=":material/download:", key=f"{key}_save"):
        downloads.chart(one.figure, "-".join(filter(None, ["fewbits", one.title.replace(" · ", "-")])), key)
    return clicked(state)


def _words(judged: pd.DataFrame, view: View) -> list[str]:
    """Return sentences on how the points were measured."""
    words = []
    if view.mean and judged["seeds"].max() > 1:
        words += _of_means(judged, view)
    elif view.qualities and view.share:
        words.append("Intervals are shown without “share of float32”.")
    elif view.qualities:
        whose = ", shown for the frontier alone where points are many" if crowded(judged) else ""
        words.append(f"Bars are 95 % bootstrap intervals over users{whose}.")
    if not view.mean and judged["seed"].nunique() > 1:
        words.append(
            "Each seed is a point of its own: the frontier takes a method's luckiest, and what was run with more seeds "
            "has more chances; “Mean over seeds” has one point for all."
        )
    if view.timed:
        machines = frontiers.distinct(judged, "hardware")
        where = f"Measured on {plain(machines[0])}.".replace(f"Measured on {shipped.MARK}", "Reference, measured on ")
        words.append(where if len(machines) == 1 else "Each machine has its own chart.")
    if view.items is not None:
        kept = " and ".join(map(labels.axis_title, view.qualities)).lower() or "quality"
        words.append(
            f"Latency and memory are measured with {view.items:,} items, the run's codes repeated in fresh random "
            f"orders; {kept} stays that of the data set."
        )
    return words


def _of_means(judged: pd.DataFrame, view: View) -> list[str]:
    """Return how points that stand for several seeds came about."""
    least, most = int(judged["seeds"].min()), int(judged["seeds"].max())
    counts = f"{least} to {most} seeds" if least < most else f"{most} seeds"
    words = [f"Each point stands for {counts}: the mean of its quality, the median of its costs."]
    if view.qualities:
        one = "of one seed there is none" if view.share else "of one seed it is a bootstrap interval over users"
        whose = ", shown for the frontier alone where points are many" if crowded(judged) else ""
        words.append(f"Bars are the 95 % interval of the mean (Student's t){f'; {one}' if least == 1 else ''}{whose}.")
    if view.timed:
        words.append("Seeds on which the machine lost its pace do not count for times, where there are others.")
    return words


@st.fragment(run_every=2)
@guarded
def watch(drawn: str | None, points: int) -> None:
    """Say that runs are under way, and draw the page anew once they added points."""
    if data.snapshot() != drawn and len(data.points()) + len(data.scaled_points()) != points:
        st.rerun()
    states = data.live_runs()["state"]
    running, waiting = int((states == "running").sum()), int((states == "queued").sum())
    if running or waiting:
        st.caption(f":material/autorenew: {running} running, {waiting} waiting; points appear here as runs finish.")


render()
