"""Take it home: what a finished run gives away, with sizes before anything is made; files are made when asked for."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pandas as pd
import streamlit as st

from dashboard import data, export, failures, labels
from dashboard.downloads import ICON, PARQUET
from dashboard.widgets import guarded, plain, sentence
from engine.errors import DiskError, FewbitsError
from engine.store import bundle, bundle_texts, recommendations
from engine.store.files import disk_errors
from engine.store.folders import RunFolder

MOST = 200_000_000
"""Bytes of the largest file that goes through the browser: the server holds it in memory once, the command does not."""
ROW_BYTES = 8.0
"""Bytes of a recommendation in its file, about; measured on Gowalla, without labels."""


@st.fragment
@guarded
def section(row: dict[str, Any], rows: pd.DataFrame, manifest: dict[str, Any]) -> None:
    """Draw the section: the index as a bundle, everybody's recommendations, the measurements; and the terms."""
    folder = data.folder(row["run_id"])
    st.subheader("Take it home", anchor=False)
    parts = (lambda: _index(folder), lambda: _recommendations(folder), lambda: _measurements(rows, manifest))
    for column, part in zip(st.columns(3, gap="medium"), parts, strict=True):
        with column:
            try:
                part()
            except FewbitsError as error:
                st.caption(f":material/info: {sentence(error)}")
    terms = bundle_texts.terms(row["dataset"], data.root())
    st.caption(f"Made from {plain(str(terms['title']))}. Terms of the data: {plain(str(terms['terms']))}")


def _index(folder: RunFolder) -> None:
    st.markdown("**The index, ready to serve**")
    small, large = bundle.size(folder), bundle.size(folder, queries=True)
    queries = st.checkbox(
        f"with the users' vectors (+ {labels.amount(large - small)})", key="r_queries",
        help="The vectors as they were searched, float32 and coded, and the users' names where the data set has them.",
    )  # fmt: skip
    _file(
        folder, "Index as zip", large if queries else small, ".zip", "application/zip",
        lambda to: bundle.export(folder, to, queries), "--queries" if queries else "",
    )  # fmt: skip
    st.caption(
        "The index as it was measured (safetensors), what was measured, the items' names where there are any, and "
        "`search.py`: `engine.indexes.load(path).search(vectors, k)`, without torch or streamlit. "
        + bundle.searched_with(folder)["meaning"].replace("'turn.safetensors'", "path")
    )


def _recommendations(folder: RunFolder) -> None:
    st.markdown("**Everybody's recommendations**")
    rows = recommendations.count(folder)

    def write(to: Path) -> None:
        with open(to, "xb") as file:
            recommendations.write(folder, file)

    _file(folder, "Lists as Parquet", rows * ROW_BYTES, "-recommendations.parquet", PARQUET, write)
    st.caption(
        f"{rows:,} rows: user, rank, item and score for each way that users were searched, with names where the data "
        "set has any. What a user had in training is left out."
    )


def _measurements(rows: pd.DataFrame, manifest: dict[str, Any]) -> None:
    st.markdown("**What was measured**")
    with st.container(horizontal=True):
        for kind, text in _texts(manifest["run_id"], manifest.get("finished_ns"), rows, manifest).items():
            size = labels.amount(len(text.encode()))
            st.download_button(
                f"{kind.upper()}, {size}", text, file_name=f"{manifest['run_id']}.{kind}", mime=MIMES[kind],
                key=f"r_{kind}", icon=ICON, on_click="ignore", help=f"This run's measurements as {kind.upper()}.",
            )  # fmt: skip
    st.caption("Every figure of this run with its interval and unit; JSON also has the settings and the machine.")


@st.cache_data(show_spinner=False, max_entries=16)
def _texts(run_id: str, finished_ns: int | None, _rows: pd.DataFrame, _manifest: dict[str, Any]) -> dict[str, str]:
    """Return the measurements of a run as text, by kind of file."""
    told = {name: _manifest.get(name) for name in ("run_id", "spec", "split", "machine", "timings", "notes")}
    return {"csv": export.csv_of(_rows), "json": export.json_of(_rows, **told)}


MIMES = {"csv": "text/csv", "json": "application/json"}


def _file(
    folder: RunFolder, label: str, size: float, ending: str, mime: str, write: Callable[[Path], object],
    option: str = "",
) -> None:  # fmt: skip
    """Draw a button that makes a file when it is pressed, or the command for one that is too large for a browser."""
    name, about = f"{folder.run_id}{ending}", f"about {labels.amount(size)}"
    command = f"python -m engine export {folder.run_id} --to {name} {option}".rstrip()
    if size > MOST:
        st.markdown(f"{about}: too large for a browser. This writes it:")
        st.code(command, language="bash", wrap_lines=True)
        return
    st.download_button(
        f"{label}, {about}", failures.told(lambda: made(write, name), name), file_name=name, mime=mime,
        key=f"r{ending}", icon=ICON, on_click="ignore", wrap=True,
        help=f"Made when you press it, which takes a moment. The same from a terminal: `{command}`",
    )  # fmt: skip


def made(write: Callable[[Path], object], name: str) -> IO[bytes]:
    """Return a file, open for reading, as ``write`` makes it at a path; it has no name any more and goes when closed.

    It never lies in memory here: streamlit reads it once, to send it.

    Raises
    ------
    FewbitsError
        What ``write`` raises, or there is no room for a temporary file.
    """
    room = Path(tempfile.gettempdir())
    try:
        with disk_errors(room), tempfile.TemporaryDirectory(prefix="fewbits-") as folder:
            write(Path(folder) / name)
            return open(Path(folder) / name, "rb")
    except DiskError as error:
        raise FewbitsError(
            f"it could not be written to {room}, where it is made: free some space there, or set TMPDIR to another "
            "folder and start the dashboard again; the command under the button's help writes it anywhere"
        ) from error
