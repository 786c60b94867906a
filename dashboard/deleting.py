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


def going(run_id: str) -> bool:
    """Say so where a run is deleted already and pages still know it, until they do not; return whether that is so."""
    if _there(run_id):
        return False
    st.info("This run was deleted; it leaves all pages in a moment.", icon=":material/delete:")
    _until_gone(run_id)
    return True


@st.fragment(run_every=1)
@guarded
def _until_gone(run_id: str) -> None:
    refused = _there(run_id) and run_id not in commands.asked_for()
    if refused or run_id not in set(data.live_runs()["run_id"]):
        st.rerun()


def _there(run_id: str) -> bool:
    return data.folder(run_id).file("spec.json").exists()


@st.dialog("Delete for good?")
def confirm(run_ids: list[str], staying: int = 0) -> None:
    """Ask before runs are deleted; ``staying``: how many others can't be."""
    one = len(run_ids) == 1
    runs = "this run" if one else f"these {len(run_ids)} runs"
    st.write(
        f"All that was measured of {runs} goes: codes, lists, times and {'its log' if one else 'their logs'}; "
        f"{'it leaves' if one else 'they leave'} every page. Measuring anew brings results back; models that were "
        "trained stay, and what you exported."
    )
    if staying:
        st.caption(f"{staying} more will be tried again without being asked, and can be deleted once cancelled.")
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
