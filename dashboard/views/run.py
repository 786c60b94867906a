"""Run: everything about one run, and the command that reproduces it."""

import json
import shlex
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import commands, data, deleting, labels, refused, run_parts, shipped, size_parts, take_home
from dashboard.widgets import (
    LINK,
    QUEUE_PAGE,
    TRADEOFFS_PAGE,
    USERS_PAGE,
    ask_button,
    boundary,
    guarded,
    open_queue,
    plain,
    progress_card,
    run_picker,
    sentence,
    state_badge,
    why,
)
from engine.errors import FewbitsError


def render() -> None:
    """Draw the run that ``?run_id=`` names; offer the known ones where it names none."""
    st.title("Run", anchor=False)
    known = data.runs()
    asked = st.query_params.get("run_id")
    if known.empty:
        if asked:
            words = _why_not(asked) or f"There is no run “{plain(asked)}” here."
            st.warning(words, icon=":material/search_off:")
        st.info("No runs yet. The Trade-offs page starts a demo with one click.", icon=":material/info:")
        st.page_link(TRADEOFFS_PAGE, label="Go to Trade-offs", icon=":material/show_chart:")
        return
    run_picker("Which run", known, key="run_pick")
    if not asked:
        st.info("Choose a run above, or select a point on the Trade-offs page.", icon=":material/info:")
        return
    try:
        row = data.run(asked)
    except FewbitsError as error:
        words = _why_not(asked) or sentence(error)
        st.warning(f"{words} Choose one above.", icon=":material/search_off:")
        return
    if deleting.going(asked):
        return
    _header(row)
    {"done": _done, "running": _running}.get(row["state"], _not_done)(row)


def _why_not(run_id: str) -> str | None:
    return deleting.words(run_id) or shipped.words(run_id) or refused.words(run_id)


def _header(row: dict[str, Any]) -> None:
    st.header(labels.method(row, data.defaults()), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        state_badge(row["state"])
        st.markdown(f"on **{row['dataset']}** · {labels.model(row)}")
    times = [f"submitted {labels.when(row['submitted'])}"]
    times += [f"finished {labels.when(row['finished'])}"] if row["state"] == "done" else []
    times += [f"{row['attempts']} attempts"] if row["attempts"] > 1 else []
    st.caption(" · ".join([f"`{row['run_id']}`", *times]))


def _running(row: dict[str, Any]) -> None:
    live(row["run_id"])
    _reproduce(row)


@st.fragment(run_every=1)
@guarded
def live(run_id: str) -> None:
    """Show progress, and draw the page anew when the run's state changes."""
    if data.run(run_id)["state"] != "running":
        st.rerun()
    progress_card(run_id)
    if tail := data.folder(run_id).log_tail():
        st.code(tail, language=None, height=300)
    _cancel(run_id)


def _cancel(run_id: str) -> None:
    pending = commands.asked_for().get(run_id) == "cancel"
    ask_button("Cancel this run", "cancel", [run_id], pending, icon=":material/stop_circle:", key="cancel")


def _not_done(row: dict[str, Any]) -> None:
    (st.error if row["state"] == "failed" else st.info)(why(row), icon=labels.STATES[row["state"]][1])
    with st.container(horizontal=True, vertical_alignment="center"):
        if row["state"] == "queued":
            _cancel(row["run_id"])
        elif ask_button("Try again", "retry", [row["run_id"]], icon=":material/replay:", type="primary"):
            open_queue()
        st.page_link(QUEUE_PAGE, label="Queue", icon=":material/list_alt:")
    if tail := data.folder(row["run_id"]).log_tail():
        st.subheader("End of the log", anchor=False)
        st.code(tail, language=None, height=300)
    _reproduce(row)
    if row["state"] != "queued":
        deleting.button(row)
    _when_it_changes(row["run_id"], row["state"])


@st.fragment(run_every=2)
@guarded
def _when_it_changes(run_id: str, state: str) -> None:
    if data.run(run_id)["state"] != state:
        st.rerun()


def _done(row: dict[str, Any]) -> None:
    manifest = data.manifest(row["run_id"])
    rows = data.measurements(row["run_id"])
    run_parts.headline(rows)
    with st.container(horizontal=True):
        st.page_link(
            USERS_PAGE,
            label="See one user's recommendations",
            icon=":material/person_search:",
            query_params={"run_id": row["run_id"]},
        )
        st.page_link(TRADEOFFS_PAGE, label="Compare with other runs", icon=":material/show_chart:")
    for note in manifest.get("notes", []):
        st.info(plain(note), icon=":material/info:")
    parts: dict[str, Callable[[], None]] = {
        "Quality": lambda: run_parts.quality(rows),
        "Speed and memory": lambda: _speed(row, rows),
        "Training": lambda: _training(row, manifest),
        "Data, machine, files": lambda: run_parts.origin(manifest),
        "Log": lambda: _log(row["run_id"]),
    }
    tabs = st.tabs(list(parts), key="part", bind="query-params")
    for tab, draw in zip(tabs, parts.values(), strict=True):
        if tab.open:  # charts that nobody looks at take as long as the others
            with tab, boundary():
                draw()
    take_home.section(row, rows, manifest)
    _reproduce(row)
    deleting.button(row)


def _speed(row: dict[str, Any], rows: pd.DataFrame) -> None:
    run_parts.speed(row["run_id"], rows)
    size_parts.of_run(row)


def _training(row: dict[str, Any], manifest: dict[str, Any]) -> None:
    tuning = manifest.get("tuning") or {}
    tuning = {**data.checkpoint_meta(tuning.get("key")), **tuning}
    run_parts.training(row["run_id"], data.checkpoint_meta(row["checkpoint"]), manifest.get("timings", {}), tuning)


def _log(run_id: str) -> None:
    st.code(data.folder(run_id).log_tail(400) or "The log is empty.", language=None, height=400)


def _reproduce(row: dict[str, Any]) -> None:
    label = "Run it again from the command line; all settings"
    again = st.expander(label, icon=":material/terminal:", key="r_again", **LINK)
    if again.open:  # what colours code is loaded first, which takes a quarter of a second
        again.code(command(row), language="bash", wrap_lines=True)
        again.caption(
            "Equal settings give the same run: where it is done already, its results are shown and nothing is "
            "repeated. The specification as JSON:"
        )
        again.code(json.dumps(json.loads(row["spec"]), indent=2), language="json")


def command(row: dict[str, Any]) -> str:
    """Return the command line that means this very run."""
    spec = data.spec_of(row)
    model = spec.model
    words = ["python -m engine run --dataset", spec.dataset, "--split-seed", str(spec.split_seed)]
    for name in type(model).model_fields:
        words += [f"--{name}", str(getattr(model, name))]
    queries = ",".join(map(str, spec.query_bits))
    words += ["--quantizer", spec.quantizer, "--bits", str(spec.bits), "--query-bits", queries]
    for name, value in spec.options.items():
        words += ["--option", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return " ".join([words[0], *map(shlex.quote, words[1:])])


render()
