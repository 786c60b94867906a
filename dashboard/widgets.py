"""Parts that several pages share: the error boundary, links to a run, a run's state and its live progress."""

import functools
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import commands, data, labels, results
from engine.errors import FewbitsError

MARKDOWN = re.compile(r"([\\*_\[\]<>$#~|!:])")
"""Characters that markdown, or streamlit's directives in it, would take for orders."""
STAGES = {"tuning": "tuning the quantizer"}
"""Stages of a run that the engine calls by a shorter name."""
RUN_PAGE, USERS_PAGE, QUEUE_PAGE = "views/run.py", "views/users.py", "views/queue.py"
NEW_RUN_PAGE, TRADEOFFS_PAGE = "views/new_run.py", "views/tradeoffs.py"
LINK: dict[str, Any] = {"bind": "query-params"}
"""The address holds the choices: a link to it shows the same."""


@contextmanager
def boundary() -> Iterator[None]:
    """Show an error inside the block as a sentence; only the terminal gets the traceback of one nobody foresaw."""
    try:
        yield
    except FewbitsError as error:
        st.error(sentence(error), icon=":material/error:")
    except Exception:
        logging.getLogger(__name__).exception("a page could not be shown")
        st.error(
            "This page could not be shown because of a mistake in the dashboard; the terminal it was started in has "
            "the details. Your results are safe: the other pages and `python -m engine runs` still show them.",
            icon=":material/error:",
        )


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Put a `boundary` around a function: fragments rerun on their own, outside the page's."""

    @functools.wraps(function)
    def inside(*args: Any, **named: Any) -> Any:
        with boundary():
            return function(*args, **named)

    return inside


def sentence(error: FewbitsError) -> str:
    """Return an error's text as a sentence: a capital first, except of a name such as a run's, and a full stop."""
    text = str(error)
    if (text.split() or [""])[0].rstrip(",:;").replace("'", "").isalpha():
        text = text[:1].upper() + text[1:]
    return plain(text if text.endswith((".", "!", "?", ":")) else f"{text}.")


def plain(text: str) -> str:
    """Return text from a file, an address or the engine so that markdown shows it as it is; `code` stays code."""
    parts = text.split("`")
    closed = len(parts) % 2 == 1
    shown = [part if place % 2 and closed else MARKDOWN.sub(r"\\\1", part) for place, part in enumerate(parts)]
    return ("`" if closed else "\\`").join(shown)


def why(row: dict[str, Any]) -> str:
    """Return what a person needs to know about a run that is not done: its error, or what its state means."""
    if row["error"]:
        return sentence(FewbitsError(row["error"]))
    return {
        "queued": "This run waits for its turn.",
        "failed": "The run failed without saying why; the end of its log may tell.",
        "cancelled": "This run was cancelled. What it shared with others (data, trained model) is kept.",
        "orphaned": "The process of this run ended without a word, for example because the machine was switched off.",
    }.get(row["state"], "")


def run_name(row: dict[str, Any]) -> str:
    """Return a run in one line; options of its quantizer that are at their default are left out."""
    return labels.run(row, data.defaults())


def run_link(run_id: str, label: str, icon: str = ":material/science:") -> None:
    """Link to a run's page."""
    st.page_link(RUN_PAGE, label=label, icon=icon, query_params={"run_id": run_id})


def open_run(run_id: str) -> None:
    """Go to a run's page now."""
    st.switch_page(RUN_PAGE, query_params={"run_id": run_id})


def open_queue() -> None:
    """Go to the Queue page now.

    The address loses what it held for the fields of the page that is left, which Streamlit refuses to clear unasked.
    """
    st.switch_page(QUEUE_PAGE, query_params={})


def state_badge(state: str) -> None:
    """Show a run's state as a word with an icon and a colour."""
    words, icon, color = labels.STATES.get(state, (state, ":material/help:", "gray"))
    st.badge(words, icon=icon, color=color)  # type: ignore[arg-type]


def progress_card(run_id: str, log: bool = False) -> None:
    """Show how far a running run is: stage, epoch, loss, validation NDCG, time left; on request the log's end."""
    now = data.progress(run_id)
    if not now:
        st.progress(0.0, text="starting")
    else:
        fraction = min(1.0, max(0.0, float(now.get("fraction") or 0.0)))
        left = now.get("eta_s")
        stage = str(now.get("stage") or "working")
        ending = "" if left is None else f" · about {labels.duration(float(left))} of {stage} left"
        st.progress(fraction, text=f"{STAGES.get(stage, stage).capitalize()} · {fraction:.0%}{ending}")
        if words := progress_words(now):
            st.caption(words)
    if log and (tail := data.folder(run_id).log_tail(15)):
        with st.expander("Log", key=f"log_{run_id}"):
            st.code(tail, language=None, height=220)


def progress_words(now: dict[str, Any]) -> str:
    """Return a progress record's numbers in words: ``epoch 3 of 40 · loss 5.10 · validation NDCG@20 0.1200``."""
    words = []
    if now.get("epoch") is not None:
        words.append(f"epoch {now['epoch']}" + (f" of at most {now['epochs']}" if now.get("epochs") else ""))
    if now.get("loss") is not None:
        words.append(f"loss {now['loss']:.4g}")
    if now.get("valid_ndcg@20") is not None:
        words.append(f"validation NDCG@20 {now['valid_ndcg@20']:.4f}")
    if now.get("message") and now["message"] != now.get("stage"):
        words.append(plain(str(now["message"])))
    return " · ".join(words)


def ask_button(label: str, command: str, run_ids: list[str], pending: bool = False, **look: Any) -> bool:
    """Draw a button that asks the engine to "cancel", "retry" or "delete" runs; return whether it was just pressed.

    While the engine has not read the command (``pending``), the button says so and cannot be pressed again.
    """
    return st.button("asked" if pending else label, on_click=ask, args=(command, run_ids), disabled=pending, **look)


def ask(command: str, run_ids: list[str]) -> None:
    """Ask the engine; what stands in the way (a full disk) is told in a notice that stays."""
    try:
        {"cancel": commands.cancel, "retry": commands.retry, "delete": commands.delete}[command](run_ids)
    except FewbitsError as error:
        st.toast(sentence(error), icon=":material/error:", duration="infinite")


def run_picker(label: str, runs: pd.DataFrame, key: str, help: str | None = None) -> str | None:
    """Offer runs to choose from, bound to ``?run_id=`` in the address; return the chosen id, None for none."""
    ids = runs["run_id"].tolist()
    words = results.names()
    asked = st.query_params.get("run_id")
    st.session_state[key] = asked if asked in set(ids) else None

    def remember() -> None:
        if st.session_state[key]:
            st.query_params["run_id"] = st.session_state[key]

    return st.selectbox(
        label,
        ids,
        format_func=lambda i: words.get(i, i),
        key=key,
        on_change=remember,
        placeholder="choose a run, or type to search",
        help=help,
    )


def waiting_for_engine() -> None:
    """Say that the engine has not told its methods yet, and look again by itself."""

    @st.fragment(run_every=1)
    @guarded
    def look_again() -> None:
        if data.methods("quantizer"):
            st.rerun()
        st.info(
            "The engine has not said yet which methods it offers. This page fills itself as soon as it has; "
            "the state of the engine stands at the foot of the side bar.",
            icon=":material/hourglass_top:",
        )

    look_again()
