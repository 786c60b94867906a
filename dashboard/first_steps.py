"""What a newcomer sees: two sentences, one button, and live progress until the first curve is there."""

import pandas as pd
import streamlit as st

from dashboard import commands, data, demo, shipped, widgets
from dashboard.widgets import NEW_RUN_PAGE, QUEUE_PAGE, guarded, progress_card, run_name, sentence
from engine.errors import FewbitsError

TRADEOFFS = (
    "how much recommendation quality is left when item vectors are stored in fewer bits, and what that saves in memory "
    "and search time"
)


def show(what: str = TRADEOFFS) -> None:
    """Say what a page shows once a run is finished, and offer the demo sweep."""
    where = "**Nothing is measured on this machine yet:** " if shipped.version() else "**Nothing is measured yet:** "
    st.markdown(
        f"Here you will see {what}. {where}the demo trains one small model on "
        "built-in synthetic data and measures it in eight formats, from 32 bits down to 1."
    )
    progress()


@st.fragment(run_every=1)
@guarded
def progress() -> None:
    """Offer the demo, or show how far the runs are; hand over to the chart once a point is there."""
    if len(data.points()):
        st.rerun()
    runs, asked = data.live_runs(), commands.asked_for()
    active = runs[runs["state"].isin(data.WAITING)]
    if active.empty and "submit" not in asked.values():
        _offer(runs)
        return
    running = active[active["state"] == "running"]
    waiting = len(active) - len(running) + sum(command == "submit" for command in asked.values())
    st.markdown(f"**{len(running)} running, {waiting} waiting.** This page is filled by itself after the first run.")
    if commands.engine_state()[0] in ("failed", "stopped"):
        st.warning("The engine is not running: start it at the foot of the side bar.", icon=":material/warning:")
    for row in running.to_dict("records"):
        st.markdown(run_name(row))
        progress_card(row["run_id"])
    if running.empty:
        st.progress(0.0, text="Waiting for the engine to begin")
    st.page_link(QUEUE_PAGE, label="Details and cancelling", icon=":material/list_alt:")


def _offer(runs: pd.DataFrame) -> None:
    broken = runs[runs["state"].isin(["failed", "orphaned"])]
    for row in broken.head(3).to_dict("records"):
        with st.container(border=True):
            widgets.state_badge(row["state"])
            st.markdown(run_name(row))
            st.caption(widgets.why(row))
    if error := st.session_state.pop("demo_error", None):
        st.error(error, icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run the demo sweep", type="primary", icon=":material/play_arrow:", on_click=_submit,
            help="8 runs; the first point is there after some 20 seconds. Needs no network.",
        )  # fmt: skip
        st.page_link(NEW_RUN_PAGE, label="or choose your own runs", icon=":material/add_circle:")
    if len(broken):
        st.page_link(QUEUE_PAGE, label="Failed runs: see why, or try again", icon=":material/list_alt:")


def _submit() -> None:
    try:
        commands.submit(demo.specs())
    except FewbitsError as error:
        st.session_state["demo_error"] = sentence(error)
