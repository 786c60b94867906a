"""The reference study's rows, which come with Fewbits: shown on Trade-offs and Findings beside one's own results.

Their machine's name begins with `MARK`, so that its times have a chart and a frontier of their own even where one's own
machine is of the same kind. No files of these runs are here: they can be looked at, not opened.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import frontiers, labels, naming, peers
from dashboard.widgets import plain
from engine.store import reference
from engine.study import coverage
from engine.study.figures import Study

MARK = "reference, measured on "
FIRST = "gowalla"
"""The data set that a newcomer sees."""


def version() -> str:
    """Return a text that changes with the rows; "" where none are shipped."""
    return reference.version(reference.folder())


def points() -> pd.DataFrame:
    """Return the shipped points with the columns of `dashboard.results.described` and "source"; empty where none
    are.
    """
    return _points(str(reference.folder()), version()).copy(deep=False)


def study() -> Study:
    """Return the study behind the findings. Not to be changed: it is shared."""
    return _study(str(reference.folder()), version())


def runs() -> pd.DataFrame:
    """Return the shipped runs, failed ones with their reasons."""
    return _runs(str(reference.folder()), version())


def covered() -> pd.DataFrame:
    """Return how much of the study has been run: a row a stage, a column a data set."""
    return _covered(str(reference.folder()), version())


def beside(own: pd.DataFrame) -> pd.DataFrame:
    """Return one's own described points and below them the shipped ones that were not measured here as well.

    "source" is "own" or "reference".
    """
    shipped = points()
    if own.empty:
        return shipped
    own = own.assign(source="own")
    if shipped.empty:
        return own
    both = pd.concat([own, shipped[~shipped["run_id"].isin(own["run_id"])]], ignore_index=True)
    return both.assign(tested=naming.tested(both))


def floats(table: pd.DataFrame) -> pd.DataFrame:
    """Return the float32 points to compare those of `beside` with: theirs, and the shipped ones that were measured here
    as well and have therefore no point of their own.
    """
    known = table[table["quantizer"] == "float32"]
    if not (table["source"] == "reference").any():
        return known
    shipped = points()
    shadowed = (shipped["quantizer"] == "float32") & ~shipped["run_id"].isin(known[known["source"] != "own"]["run_id"])
    return pd.concat([known, shipped[shadowed]], ignore_index=True)


def datasets(table: pd.DataFrame) -> list[str]:
    """Return the data sets of `beside`: one's own first, the last measured before others; then `FIRST`."""
    last = table.groupby(["source", "dataset"], sort=False)["finished"].max().reset_index()
    own = last["source"] == "own"
    last["first"] = own * 2 + (~own & (last["dataset"] == FIRST))
    return list(last.sort_values(["first", "finished"], ascending=False)["dataset"].unique())


def about(table: pd.DataFrame) -> str:
    """Return what the shipped points among these are, in a sentence."""
    of = table[table["source"] == "reference"]
    machines = "; ".join(sorted(name.removeprefix(MARK) for name in of["hardware"].unique()))
    return (
        f"{len(of):,} points of Fewbits' reference study, measured on {plain(machines)}, "
        f"{labels.when(of['finished'].max())[:10]}."
    )


def words(run_id: str) -> str | None:
    """Return why a run of the reference study has no page; None for another run."""
    there = runs()
    if not (there["run_id"] == run_id).any():
        return None
    return (
        f"The run “{plain(run_id)}” is of the reference study: its figures come with Fewbits, its lists, users and "
        "index do not. Run it on this machine to see all of it: choose the same settings on the New run page."
    )


@st.cache_resource(show_spinner=False, max_entries=2)
def _points(folder: str, version: str) -> pd.DataFrame:
    table = reference.points(Path(folder))
    if table.empty:
        return table
    for column in labels.COSTS:
        if column not in table:
            table[column] = float("nan")
    named = {key: _method(*key) for key in set(zip(*(table[c] for c in NAMING), strict=True))}
    return table.assign(
        queries=["float32" if bits == frontiers.FLOAT_BITS else "own" for bits in table["query_bits"]],
        method=[named[key] for key in zip(*(table[c] for c in NAMING), strict=True)],
        hardware=MARK + table["hardware"].astype(str), source="reference", tested=naming.tested(table),
    )  # fmt: skip


NAMING = ("quantizer", "bits", "encoder", "options", "chosen")


def _method(quantizer: str, bits: int, encoder: str, options: str, chosen: str) -> str:
    """Return a method's name, from the options that were not at their default when it was measured."""
    named = json.loads(chosen)
    usual: dict[str, Any] = {name: not value for name, value in named.items() if isinstance(value, bool)}
    if quantizer == peers.PEER:
        named["index"] = json.loads(options).get("index", "index")
    row = {"quantizer": quantizer, "bits": bits, "encoder": encoder, "options": named}
    return labels.method(row, {quantizer: usual})


@st.cache_resource(show_spinner=False, max_entries=2)
def _study(folder: str, version: str) -> Study:
    return Study(reference.points(Path(folder)))


@st.cache_resource(show_spinner=False, max_entries=2)
def _runs(folder: str, version: str) -> pd.DataFrame:
    return reference.runs(Path(folder))


@st.cache_data(show_spinner=False, max_entries=2)
def _covered(folder: str, version: str) -> pd.DataFrame:
    there = _runs(folder, version)
    rows = [[f"{stage}: {words}", *cells] for stage, words, *cells in coverage.rows(there)]
    return pd.DataFrame(rows, columns=["Stage", *coverage.datasets(there)])
