"""Run folders whose specification this version refuses: no page can show them as runs, so they are told by name."""

import streamlit as st

from dashboard import data
from dashboard.widgets import plain
from engine.errors import FewbitsError
from engine.store.folders import run_folders

SHOWN = 20
LOOK_AGAIN_S = 30
"""Seconds between two looks at the folders; a new snapshot is looked at at once."""


def reasons() -> dict[str, str]:
    """Return run id → why its specification is refused, of all run folders that are not in the catalog."""
    return _reasons(str(data.root()), data.snapshot())


@st.cache_data(ttl=LOOK_AGAIN_S, max_entries=4, show_spinner=False)
def _reasons(root: str, name: str | None) -> dict[str, str]:
    known, found = set(data.runs()["run_id"]), {}
    for folder in run_folders(data.root()):
        if folder.run_id not in known:
            try:
                folder.spec()
            except FewbitsError as error:
                found[folder.run_id] = str(error)
    return found


def note() -> None:
    """Say which runs are not shown and why; draw nothing where there are none."""
    found = reasons()
    if not found:
        return
    runs, them = ("A run is", "its") if len(found) == 1 else (f"{len(found)} runs are", "their")
    st.warning(
        f"{runs} not shown: {them} settings were allowed once and are refused by this version. To have the results "
        f"again, ask for the runs anew with settings that are allowed; to be rid of this note, delete {them} folders "
        f"in `{data.root()}`.",
        icon=":material/visibility_off:",
    )
    with st.expander("Which, and why", key="refused"):
        lines = [f"- `{run_id}`: {plain(why)}" for run_id, why in list(found.items())[:SHOWN]]
        lines += [f"- … and {len(found) - SHOWN} more: `python -m engine doctor` lists all"] * (len(found) > SHOWN)
        st.markdown("\n".join(lines))


def words(run_id: str) -> str | None:
    """Return why a run that was asked for by its id cannot be shown; None where that is not the reason."""
    why = reasons().get(run_id)
    return why and (
        f"The run “{plain(run_id)}” is there but cannot be shown: this version refuses its settings: {plain(why)}."
    )
