"""Data sets of one's own that are there: what was dropped of each file, and how to remove one."""

from typing import Any

import streamlit as st

from dashboard import data
from dashboard.widgets import plain, sentence
from engine.data import own
from engine.errors import FewbitsError


def render() -> None:
    """Draw each set's report and the button that removes it."""
    if words := st.session_state.pop("o_removed", None):
        st.success(words, icon=":material/delete:")
    if words := st.session_state.pop("o_not_removed", None):
        st.error(words, icon=":material/error:")
    for name in own.names(data.root()):
        content = own.meta(name, data.root())
        if content is None:  # removed this moment
            continue
        with st.expander(f"{name}: what was read and dropped", icon=":material/receipt_long:", key=f"o_report_{name}"):
            report(content)
            if st.button(
                "Remove", icon=":material/delete:", key=f"o_remove_{name}", help=f"Remove {name}; asks first."
            ):
                _confirm(name)


def report(content: dict[str, Any]) -> None:
    """Draw the report of an import."""
    st.markdown("\n".join(f"- {plain(line)}" for line in own.sentences(content["report"])))


@st.dialog("Remove this data set?")
def _confirm(name: str) -> None:
    """Ask before a data set's files are deleted."""
    st.markdown(plain(f"{name} will be deleted from the runs folder; your own file stays where it is."))
    for words in consequences(name):
        st.markdown(f"- {words}")
    with st.container(horizontal=True):
        if st.button(
            f"Remove {name}",
            type="primary",
            icon=":material/delete:",
            key="o_remove_yes",
            on_click=_remove,
            args=(name,),
        ):
            st.rerun()
        if st.button("Keep it", key="o_remove_no"):
            st.rerun()


def _remove(name: str) -> None:
    """Delete a data set; how that ended is told when the page is drawn again."""
    try:
        own.remove(name, data.root())
    except (FewbitsError, OSError) as error:
        words = f"the data set {name!r} could not be removed: {error}"
        st.session_state["o_not_removed"] = sentence(FewbitsError(words))
    else:
        st.session_state["o_removed"] = f"{plain(name)} was removed."
        if (job := st.session_state.get("o_job")) is not None and job.name == name:
            del st.session_state["o_job"]  # that it was added is no news any more


def consequences(name: str) -> list[str]:
    """Return in sentences what becomes of the runs on a data set that is removed."""
    runs = data.live_runs()
    states = runs.loc[runs["dataset"] == name, "state"]
    done, open_ = int((states == "done").sum()), int(states.isin(data.WAITING).sum())
    words = []
    if done:
        words.append(f"{done} finished run{_s(done)} on it: what was measured stays, but can't be measured again.")
    if open_:
        words.append(f"{open_} run{_s(open_)} waiting or at work: {'it' if open_ == 1 else 'they'} will fail.")
    return words or ["No run uses it."]


def _s(count: int) -> str:
    return "" if count == 1 else "s"
