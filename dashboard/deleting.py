"""Deleting runs: a question first, then the engine does it. What was measured of a run goes; its model stays."""

from typing import Any

import streamlit as st

from dashboard import commands, data
from dashboard.widgets import ask, guarded

DELETED = "deleted"
"""Runs that were asked to go in this session: a page of one says so."""


def button(row: dict[str, Any]) -> None:
    """Draw the button at the end of the page of a settled run, and look at it until the run is gone."""
    run_id = row["run_id"]
    pending = commands.asked_for().get(run_id) == "delete"
    measured = data.folder(run_id).alive()
    why = "It is measured at a larger catalogue now: wait until that is done, or cancel it in the queue."
    if st.button(
        "Asked to be deleted" if pending else "Delete this run", key="r_delete", icon=":material/delete:",
        disabled=pending or measured, help=why if measured else None,
    ):  # fmt: skip
        confirm([run_id])
    if pending:
        _until_gone(run_id)


@st.fragment(run_every=1)
@guarded
def _until_gone(run_id: str) -> None:
    if run_id not in set(data.live_runs()["run_id"]) or run_id not in commands.asked_for():
        st.rerun()


@st.dialog("Delete for good?")
def confirm(run_ids: list[str]) -> None:
    """Ask before runs are deleted."""
    one = len(run_ids) == 1
    runs = "this run" if one else f"these {len(run_ids)} runs"
    st.write(
        f"All that was measured of {runs} goes: codes, lists, times and {'its log' if one else 'their logs'}; "
        f"{'it leaves' if one else 'they leave'} every page. Measuring anew brings results back; trained models stay, "
        "so that this takes no training. What you exported stays."
    )
    with st.container(horizontal=True):
        if st.button(f"Delete {runs}", on_click=_ask, args=(run_ids,), type="primary", key="delete_yes"):
            st.rerun()
        if st.button("Keep"):
            st.rerun()


def _ask(run_ids: list[str]) -> None:
    ask("delete", run_ids)
    st.session_state[DELETED] = {*st.session_state.get(DELETED, ()), *run_ids}


def words(run_id: str) -> str | None:
    """Return that a run was deleted in this session; None where it was not."""
    return "This run was deleted." if run_id in st.session_state.get(DELETED, ()) else None
