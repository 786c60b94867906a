"""What pages show of larger catalogues: who lacks a measurement and the button that asks for it, and what waits."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import commands, data, labels, sizes
from dashboard.widgets import ask_button, guarded, plain, run_link, run_name, sentence
from engine.errors import FewbitsError
from engine.store.scaling import Request

COLUMNS = ("latency_p50_us", "latency_p95_us", "latency_p99_us", "latency_cold_p50_us", "index_bytes", "bytes_per_item")


def choose(scaled: pd.DataFrame, key: str = "t_items", **look: Any) -> int | None:
    """Draw the choice of a catalogue size; None stands for the data set's own."""
    return st.selectbox(
        "At my catalogue size", [None, *sizes.offered(scaled)], key=key, format_func=_title, width=300,
        help="Latency and memory measured with so many items: a run's codes are repeated in fresh random orders, "
        "indexed and searched for real. Nothing is extrapolated. Quality stays that of the data set.", **look,
    )  # fmt: skip


def _title(items: int | None) -> str:
    return "as in the data set" if items is None else f"{items:,} items"


@st.fragment(run_every=2)
@guarded
def missing(run_ids: list[str], shown: int, items: int) -> None:
    """Say how many runs were not measured at a size, and offer to measure them."""
    if not run_ids:
        return
    if sizes.lacking(pd.DataFrame({"run_id": run_ids}), data.scaled_points(), items) != run_ids:
        st.rerun()  # it was measured meanwhile: the page shows it
    asked = {r.run_id: r for r in commands.scaling() if items in r.items}
    failed = [r for run_id in run_ids if (r := asked.get(run_id)) and r.error]
    waiting = [run_id for run_id in run_ids if run_id in asked and not asked[run_id].error]
    open_ids = [run_id for run_id in run_ids if run_id not in asked or asked[run_id].error]
    total = shown + len(run_ids)
    words = f"{len(run_ids)} of {total} runs that pass the filters" if total > 1 else "This run"
    was = "were" if len(run_ids) > 1 else "was"
    words += f" {was} not measured with {items:,} items" + (" and cannot be shown." if total > 1 else ".")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/straighten: {words}", width="content")
        if open_ids:
            label = f"Measure {len(open_ids)} run{'s' if len(open_ids) != 1 else ''} with {items:,} items"
            st.button(label, icon=":material/add_circle:", key="ask_size", on_click=_ask, args=(open_ids, items))
    if waiting:
        now = [asked[run_id].message for run_id in waiting if asked[run_id].pid]
        at_work = f" Now: {plain(now[0])}." if now and now[0] else ""
        st.caption(
            f":material/autorenew: {len(waiting)} asked for, one after the other, when nothing else runs.{at_work}"
        )
    for request in failed[:3]:
        st.caption(f":material/error: {plain(request.run_id)}: {sentence(FewbitsError(str(request.error)))}")


def _ask(run_ids: list[str], items: int) -> None:
    try:
        commands.scale(run_ids, items)
    except FewbitsError as error:
        st.toast(sentence(error), icon=":material/error:", duration="infinite")


def of_run(row: dict[str, Any]) -> None:
    """Show what was measured of a run at larger catalogues, and offer further sizes."""
    scaled = data.scaled_points()
    own = scaled[scaled["run_id"] == row["run_id"]] if len(scaled) else scaled
    st.markdown("**At larger catalogues**")
    st.caption(
        "The run's codes repeated in fresh random orders, indexed and searched for real; nothing is extrapolated."
    )
    if len(own):
        st.dataframe(_table(own), hide_index=True)
        for note in _doubts(row["run_id"]):
            st.warning(plain(note), icon=":material/warning:")
    others = [items for items in sizes.offered(scaled) if own.empty or items not in set(own["items"])]
    if others:
        items = st.selectbox(
            "Measure this run with", others, index=None, key="r_size", format_func=_title, width=300,
            placeholder="choose a number of items",
        )  # fmt: skip
        if items is not None:
            missing([row["run_id"]], 0, items)


def _table(own: pd.DataFrame) -> pd.DataFrame:
    own = own.sort_values(["items", "query_bits"], ascending=[True, False])
    table = {"Items": [f"{n:,}" for n in own["items"]], "Users searched at": own["query_bits"].map(labels.queries)}
    for column in COLUMNS:
        if column in own and own[column].notna().any():
            axis = labels.COSTS[column]
            table[axis.short] = (own[column] * axis.scale).map(labels.number)
    return pd.DataFrame({**table, "Measured on": own["hardware"]})


def _doubts(run_id: str) -> list[str]:
    return [f"With {n:,} items, {note}" for n, entry in data.scaled(run_id).items() for note in entry["notes"]]


def queue(asked: dict[str, str]) -> None:
    """Show what was asked for at larger catalogues, with a way to withdraw it or to try again."""
    wanted = commands.scaling()
    if not wanted:
        return
    runs = data.runs().set_index("run_id")
    st.subheader(f"At larger catalogues ({len(wanted)})", anchor=False)
    for request in wanted:
        with st.container(border=True):
            _wanted(request, runs.loc[request.run_id].to_dict() if request.run_id in runs.index else None, asked)


def _wanted(request: Request, row: dict[str, Any] | None, asked: dict[str, str]) -> None:
    run_id, many = request.run_id, " and ".join(f"{n:,}" for n in request.items)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        run_link(run_id, run_id if row is None else run_name(row), icon=":material/straighten:")
        with st.container(horizontal=True, width="content"):
            if request.error:
                st.button("Try again", key=f"again_{run_id}", on_click=_again, args=(request,))
            pending = asked.get(run_id) == "cancel"
            ask_button("Withdraw", "cancel", [run_id], pending, key=f"withdraw_{run_id}", icon=":material/close:")
    if request.error:
        st.markdown(sentence(FewbitsError(request.error)))
    else:
        st.caption(f"{many} items: " + plain(request.message if request.pid else "waiting"))


def _again(request: Request) -> None:
    for items in request.items:
        _ask([request.run_id], items)
