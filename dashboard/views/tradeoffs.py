"""Trade-offs: quality against latency or memory, the frontier, and the points beneath as a table and as CSV."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, data, export, first_steps, frontiers, labels, size_parts, sizes
from dashboard.chart_style import STATIC
from dashboard.labels import COSTS
from dashboard.tradeoff_controls import View, choose_filters, choose_view
from dashboard.widgets import guarded, open_run

OPEN = "open_run"
"""Session state: the run whose point or row was clicked, as a plain string."""


def render() -> None:
    """Draw the page; go to a run's page when one of its points was clicked."""
    if chosen := st.session_state.pop(OPEN, None):
        open_run(chosen)
    st.title("Trade-offs", anchor=False)
    points = data.points()
    if points.empty:
        first_steps.show()
        return
    table = frontiers.described(points, data.runs(), data.defaults())
    scaled = data.scaled_points()
    view = choose_view(table, scaled)
    own = frontiers.share_of_float(table, view.quality) if view.share else table
    sized = own if view.items is None else sizes.at(own, scaled, view.items)
    here, timed = own[own["dataset"].isin(view.datasets)], sized[sized["dataset"].isin(view.datasets)]
    chosen, hardware, log_x, log_y = choose_filters(here, timed if view.x.timed else None)
    shown = frontiers.filtered(sized, view.datasets, hardware, chosen)
    watch(data.snapshot(), len(points) + len(scaled))
    if view.items is not None:
        wanted = frontiers.filtered(own, view.datasets, None, chosen)
        size_parts.missing(sizes.lacking(wanted, scaled, view.items), shown["run_id"].nunique(), view.items)
        points = sizes.at(points, scaled, view.items)
    judged = frontiers.judged(shown, view.x.column, view.y)
    if judged.empty:
        _nothing(shown, view)
        return
    _chart(judged, table, view, log_x, log_y)
    _beneath(shown, judged, points, view)


def _nothing(shown: pd.DataFrame, view: View) -> None:
    if shown.empty and view.items is not None and view.datasets:
        words = f"No run that passes these filters was measured with {view.items:,} items yet."
    elif shown.empty:
        words = "No point passes these filters: choose a data set, or take a filter away."
    elif view.share and shown[view.y].isna().all():
        words = (
            "There is no finished float32 run with the same trained model to compare with: run the float32 quantizer "
            "with the same settings on the New run page, or turn off “As a share of float32”."
        )
    else:
        words = f"None of these {len(shown)} points has both metrics measured: {view.title} and {view.x.title}."
    st.info(words, icon=":material/info:")


def _chart(judged: pd.DataFrame, table: pd.DataFrame, view: View, log_x: bool, log_y: bool) -> None:
    references = _references(judged, table, view)
    figure = charts.tradeoffs(judged, view.x, view.y, view.title, log_x=log_x, log_y=log_y, references=references)
    best = int(judged["frontier"].sum())
    _hide_labels_on_narrow_screens(first=1 + len(references), last=len(figure.layout.annotations))
    st.plotly_chart(
        figure,
        key="t_chart",
        on_select=_clicked,
        selection_mode="points",
        config=STATIC,
        alt=f"{view.title} against {view.x.title}: {len(judged)} points, {best} on the frontier; a table follows.",
    )
    words = [f"{len(judged)} points, {best} on the frontier (no other point is better in both); the others are faded."]
    if view.share:
        words.append("Intervals are shown without “share of float32”.")
    else:
        whose = ", shown for the frontier alone where points are many" if charts.crowded(judged) else ""
        words.append(f"Bars are 95 % bootstrap intervals over users{whose}.")
    if view.x.timed:
        words.append(f"Measured on {judged['hardware'].iloc[0]}.")
    if view.items is not None:
        words.append(
            f"Latency and memory are measured with {view.items:,} items, the run's codes repeated in fresh random "
            f"orders; {view.title.lower()} stays that of the data set."
        )
    st.caption(" ".join(words) + " Click a point to open its run.")


def _hide_labels_on_narrow_screens(first: int, last: int) -> None:
    """The words beside the frontier's points would cover each other on a telephone; the table names them there."""
    names = ", ".join(f'.st-key-t_chart g.annotation[data-index="{number}"]' for number in range(first, last))
    if names:
        st.html(f"<style>@media (max-width: 640px) {{ {names} {{ display: none; }} }}</style>")


def _references(judged: pd.DataFrame, table: pd.DataFrame, view: View) -> list[tuple[str, float]]:
    """The line of float32: 1 for shares and overlap; else the best float32 value of each data set on the chart."""
    if view.share or view.quality.startswith("overlap"):
        return [("float32", 1.0)]
    floats = table[(table["quantizer"] == "float32") & table["checkpoint"].isin(judged["checkpoint"])]
    several = judged["dataset"].nunique() > 1
    best = floats.groupby("dataset")[view.quality].max().dropna()
    return [(f"float32{f' on {d}' if several else ''}: {v:.4f}", float(v)) for d, v in best.items()]


def _clicked() -> None:
    for point in st.session_state["t_chart"]["selection"]["points"]:
        if point.get("customdata"):
            st.session_state[OPEN] = str(point["customdata"][0])


def _picked(order: list[str]) -> None:
    for row in st.session_state["t_table"]["selection"]["rows"]:
        st.session_state[OPEN] = order[row]


def _beneath(shown: pd.DataFrame, judged: pd.DataFrame, points: pd.DataFrame, view: View) -> None:
    """The same points as a table, best quality first, and all their columns as CSV."""
    defaults = data.defaults()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.subheader("The same points as a table", anchor=False)
        st.download_button(
            "Download CSV",
            lambda: export.to_csv(frontiers.originals(points, shown), defaults),
            file_name="fewbits-points.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="t_csv",
            help=f"All {len(shown)} points that pass the filters, with every metric and interval at full precision.",
        )
    ordered = judged.sort_values(view.y, ascending=False)
    table, settings = _table(ordered, view)
    st.dataframe(
        table, column_config=settings, hide_index=True, key="t_table", selection_mode="single-row",
        on_select=lambda: _picked(list(ordered["run_id"])), height=min(35 * (len(table) + 1) + 3, 460),
    )  # fmt: skip
    st.caption("Select a row to open its run. Click a column's head to sort.")


def _table(ordered: pd.DataFrame, view: View) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table with human columns, and how each is written."""
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "Method": ordered["method"],
        "Frontier": ordered["frontier"].map({True: "● yes", False: ""}),
        "Users searched at": ordered["query_bits"].map(labels.queries),
    }
    settings: dict[str, Any] = {"Method": st.column_config.TextColumn(pinned=True, width="medium")}
    if view.share:
        columns[view.title] = ordered[view.y]
        settings[view.title] = number(format="%.4f")
    for name in dict.fromkeys([view.quality, "recall@20", "ndcg@20", "overlap@20"]):
        if name in ordered:
            columns[labels.axis_title(name)] = ordered[name]
            settings[labels.axis_title(name)] = number(format="%.4f")
    for axis in {view.x.column: view.x, **COSTS}.values():
        if axis.column in ordered and ordered[axis.column].notna().any():
            columns[axis.title] = ordered[axis.column] * axis.scale
            settings[axis.title] = number(format=axis.format, help=axis.help)
    columns |= {"Data set": ordered["dataset"], "Model": [labels.model(r) for r in ordered.to_dict("records")]}
    columns |= {"Measured on": ordered["hardware"], "Finished": ordered["finished"]}
    settings["Finished"] = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="Time in UTC.")
    return pd.DataFrame(columns), settings


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
