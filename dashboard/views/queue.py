"""Queue: what runs, what waits, what went wrong and what was finished last; cancel, retry, delete, read the log."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import commands, data, deleting, labels, refused, size_parts
from dashboard.widgets import NEW_RUN_PAGE, ask_button, guarded, progress_card, run_link, run_name, state_badge, why

RECENT, WAITING_SHOWN, BROKEN_SHOWN = 10, 50, 30
TO_CONFIRM, TO_DELETE = "queue_to_confirm", "queue_to_delete"
"""Runs to ask about. The page asks, not its body: where a press and a refresh fall together, streamlit skips what lies
within the part that is refreshed, and the dialog would stay open."""


def render() -> None:
    """Draw the page; its content refreshes itself."""
    st.title("Queue", anchor=False)
    if submitted := st.session_state.pop("submitted", None):
        st.toast(f"{submitted} run{'s' if submitted != 1 else ''} submitted.", icon=":material/send:")
    active = data.live_runs()["state"].isin(data.WAITING).any() or bool(commands.asked_for())
    st.fragment(guarded(body), run_every=1 if active else 3)()
    if run_ids := st.session_state.pop(TO_CONFIRM, None):
        confirm(run_ids)
    if run_ids := st.session_state.pop(TO_DELETE, None):
        run_ids = [run_id for run_id in run_ids if data.folder(run_id).file("spec.json").exists()]  # others are gone
        settled = [run_id for run_id in run_ids if data.folder(run_id).settled()]
        if settled:
            deleting.confirm(settled, len(run_ids) - len(settled))
        elif run_ids:
            st.toast("All of them will be tried again: cancel them before.", icon=":material/info:")


def body() -> None:
    """Draw all sections from the current snapshot and the runs' progress files."""
    runs, asked = data.live_runs(), commands.asked_for()
    groups = {state: runs[runs["state"] == state] for state in labels.STATES}
    refused.note()
    unseen = [run_id for run_id, command in asked.items() if command == "submit" and run_id not in set(runs["run_id"])]
    if runs.empty and not unseen:
        st.info("Nothing was asked for yet. Choose something to measure, and watch it here.", icon=":material/info:")
        st.page_link(NEW_RUN_PAGE, label="New run", icon=":material/add_circle:")
        return
    _engine(len(groups["queued"]) + len(unseen))
    _running(groups["running"], asked)
    _waiting(groups["queued"].sort_values("submitted"), unseen, asked)
    size_parts.queue(asked)
    _broken(pd.concat([groups["failed"], groups["orphaned"], groups["cancelled"]]), asked)
    _finished(groups["done"])


def _engine(waiting: int) -> None:
    state, sentence = commands.engine_state()
    if waiting and state in ("failed", "stopped"):
        st.warning(
            f"{sentence} {waiting} run{'s wait' if waiting != 1 else ' waits'} for it.", icon=":material/warning:"
        )


def _running(runs: pd.DataFrame, asked: dict[str, str]) -> None:
    st.subheader(f"Running ({len(runs)})", anchor=False)
    if runs.empty:
        st.caption("Nothing is running.")
    for row in runs.to_dict("records"):
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                run_link(row["run_id"], run_name(row))
                _button("Cancel", row, asked, "cancel", ":material/stop_circle:")
            progress_card(row["run_id"], log=True)


def _waiting(runs: pd.DataFrame, unseen: list[str], asked: dict[str, str]) -> None:
    total = len(runs) + len(unseen)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader(f"Waiting ({total})", anchor=False)
        if total > 1 and st.button("Cancel all waiting", icon=":material/clear_all:", key="cancel_all"):
            st.session_state[TO_CONFIRM] = [*runs["run_id"], *unseen]
            st.rerun()
    if not total:
        st.caption("Nothing is waiting.")
    for row in runs.head(WAITING_SHOWN).to_dict("records"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            run_link(row["run_id"], run_name(row), icon=":material/hourglass_empty:")
            _button("Cancel", row, asked, "cancel", ":material/close:")
    if len(runs) > WAITING_SHOWN:
        st.caption(f"… and {len(runs) - WAITING_SHOWN} more.")
    if unseen:
        st.caption(
            f"{len(unseen)} submitted a moment ago; the engine has not read {'them' if len(unseen) != 1 else 'it'} yet."
        )


@st.dialog("Cancel all waiting runs?")
def confirm(run_ids: list[str]) -> None:
    """Ask before many runs are cancelled at once; those that run already go on."""
    st.write(
        f"{len(run_ids)} runs that have not begun will be cancelled. Finished results stay, and each of these can be "
        "tried again later."
    )
    with st.container(horizontal=True):
        if ask_button(f"Cancel {len(run_ids)} runs", "cancel", run_ids, type="primary"):
            st.rerun()
        if st.button("Keep them"):
            st.rerun()


def _broken(runs: pd.DataFrame, asked: dict[str, str]) -> None:
    if runs.empty:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader(f"Failed, broken off or cancelled ({len(runs)})", anchor=False)
        if len(runs) > 1:
            pending = all(asked.get(run_id) == "retry" for run_id in runs["run_id"])
            ids = list(runs["run_id"])
            ask_button("Try all again", "retry", ids, pending, icon=":material/replay:", key="retry_all")
            if st.button("Delete all", icon=":material/delete:", key="delete_all"):
                st.session_state[TO_DELETE] = ids
                st.rerun()
    for row in runs.head(BROKEN_SHOWN).to_dict("records"):
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                with st.container(horizontal=True, vertical_alignment="center", width="content"):
                    state_badge(row["state"])
                    run_link(row["run_id"], run_name(row))
                _button("Try again", row, asked, "retry", ":material/replay:")
            if row["state"] != "cancelled":
                st.markdown(why(row))
                if tail := data.folder(row["run_id"]).log_tail(30):
                    with st.expander("Log", key=f"log_{row['run_id']}"):
                        st.code(tail, language=None, height=220)
    if len(runs) > BROKEN_SHOWN:
        st.caption(f"… and {len(runs) - BROKEN_SHOWN} more.")


def _finished(runs: pd.DataFrame) -> None:
    if runs.empty:
        return
    st.subheader(f"Done ({len(runs)})", anchor=False)
    for row in runs.sort_values("finished", ascending=False).head(RECENT).to_dict("records"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            run_link(row["run_id"], run_name(row), icon=":material/check_circle:")
            st.caption(labels.when(row["finished"]), width="content")
    if len(runs) > RECENT:
        st.caption(f"The {RECENT} newest; all are on the Trade-offs page.")


def _button(label: str, row: dict[str, Any], asked: dict[str, str], command: str, icon: str) -> None:
    run_id = row["run_id"]
    words = f"{label}: {run_name(row)}"
    ask_button(label, command, [run_id], asked.get(run_id) == command, key=f"{command}_{run_id}", icon=icon, help=words)


render()
