"""The only door to the engine's results: cached reads of the catalog's snapshot and of the folders of finished runs.

Caches are keyed by the runs folder, the snapshot's name and plain ids, never by a table (streamlit hashes large ones by
sample). A snapshot is immutable, so a cached read can never be stale. Tables of all runs are shared; whoever changes
one has a copy (pandas copies on write).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import streamlit as st

from dashboard import labels, naming
from engine.errors import FewbitsError
from engine.spec import FLOAT_BITS, RunSpec
from engine.store import catalog, prepared, rows
from engine.store.files import read_json
from engine.store.folders import RunFolder, run_folder, runs_root
from engine.store.scaling import results

WAITING = ("queued", "running")
RUN_COLUMNS = tuple(rows.RUNS.names)


def root() -> Path:
    """Return the folder of all runs."""
    return runs_root()


def snapshot() -> str | None:
    """Return the name of the catalog's current snapshot; None before the engine published its first."""
    return catalog.snapshot_id(root())


def runs() -> pd.DataFrame:
    """Return all runs, newest first, with the columns of the catalog; empty before the first."""
    name = snapshot()
    return pd.DataFrame(columns=list(RUN_COLUMNS)) if name is None else _runs(str(root()), name).copy(deep=False)


def live_runs() -> pd.DataFrame:
    """Return `runs` with the state "running" for those that began after the snapshot was published.

    The engine publishes nothing while a run works, so as not to disturb its timing; that an attempt has begun is seen
    in the run's folder.
    """
    table = runs()
    waiting = table.loc[table["state"] == "queued", "run_id"]
    began = [place for place, i in waiting.items() if folder(i).file("attempt.json").exists()]
    if began:
        table["state"] = table["state"].mask(table.index.isin(began), "running")
    return table


def points() -> pd.DataFrame:
    """Return the catalog's measured points, one row per (run, index, query bits); empty before the first."""
    name = snapshot()
    return pd.DataFrame() if name is None else _points(str(root()), name).copy(deep=False)


def scaled_points() -> pd.DataFrame:
    """Return the points at larger catalogues, one row per (run, index, query bits, items); empty where none were
    measured."""
    name = snapshot()
    return pd.DataFrame() if name is None else _points(str(root()), name, scaled=True).copy(deep=False)


def methods(kind: str) -> list[dict[str, Any]]:
    """Return the engine's descriptions of a kind ("quantizer", "encoder", "loss"); empty until it has told them."""
    name = snapshot()
    return [] if name is None else _methods(str(root()), name, kind)


def defaults() -> labels.Defaults:
    """Return quantizer → option → default, for labels that tell only what differs. Not to be changed: it is shared."""
    name = snapshot()
    return {} if name is None else _defaults(str(root()), name)


def measurements(run_id: str) -> pd.DataFrame:
    """Return the measurement rows of one run; empty while it is not finished."""
    name = snapshot()
    return pd.DataFrame(columns=rows.ROWS.names) if name is None else _measurements(str(root()), name, run_id)


@st.cache_resource(show_spinner=False, max_entries=4)
def _runs(folder: str, name: str) -> pd.DataFrame:
    table = naming.with_settings(catalog.runs(Path(folder)))
    table = table.astype({"error": object, "checkpoint": object, "split": object})
    return table.assign(**{c: table[c].where(table[c].notna(), None) for c in ("error", "checkpoint", "split")})


@st.cache_resource(show_spinner=False, max_entries=4)
def _points(folder: str, name: str, scaled: bool = False) -> pd.DataFrame:
    return catalog.scaled_points(Path(folder)) if scaled else naming.with_settings(catalog.points(Path(folder)))


@st.cache_data(show_spinner=False, max_entries=12)
def _methods(folder: str, name: str, kind: str) -> list[dict[str, Any]]:
    return catalog.methods(Path(folder), kind)


@st.cache_resource(show_spinner=False, max_entries=4)
def _defaults(folder: str, name: str) -> labels.Defaults:
    described = _methods(folder, name, "quantizer")
    return {m["name"]: {o["name"]: o["default"] for o in m.get("options", [])} for m in described}


@st.cache_data(show_spinner=False, max_entries=64)
def _measurements(folder: str, name: str, run_id: str) -> pd.DataFrame:
    return catalog.measurements(Path(folder), [run_id])


def run(run_id: str) -> dict[str, Any]:
    """Return a run's row in the catalog.

    Raises
    ------
    FewbitsError
        There is no such run; the text says where the known ones are listed.
    """
    known = live_runs()
    found = known[known["run_id"] == run_id]
    if found.empty:
        raise FewbitsError(
            f"there is no run {run_id!r} here: it may have been deleted, or the link is of another folder"
        )
    return found.iloc[0].to_dict()


def folder(run_id: str) -> RunFolder:
    """Return a run's folder; FewbitsError for a name that is no run id."""
    return run_folder(root(), run_id)


def spec_of(row: dict[str, Any]) -> RunSpec:
    """Return the specification in a row of `runs`."""
    return RunSpec.model_validate_json(row["spec"])


def manifest(run_id: str) -> dict[str, Any]:
    """Return a finished run's manifest; FewbitsError where the run is not (or no longer) whole."""
    content = folder(run_id).manifest()
    if content is None:
        raise FewbitsError(f"the results of {run_id} are not there or not whole: run it again from the Queue page")
    return content


def scaled(run_id: str) -> dict[int, dict[str, Any]]:
    """Return a run's measurements at larger catalogues as its folder holds them: items → rows, machine, notes."""
    return results(folder(run_id))


def progress(run_id: str) -> dict[str, Any]:
    """Return what a running run last said about itself; {} where it has said nothing yet."""
    return read_json(folder(run_id).file("progress.json")) or {}


def checkpoint_meta(key: str | None) -> dict[str, Any]:
    """Return what is recorded beside a checkpoint (training time, history per epoch); {} where there is none."""
    return (read_json(root() / "cache" / key / "meta.json") or {}) if isinstance(key, str) and key else {}


def latency_samples(run_id: str) -> pd.DataFrame:
    """Return the raw latency samples of a run (query_bits, threads, batch, microseconds); empty where none are."""
    return _parquet(str(folder(run_id).file("latency.parquet")), snapshot()).copy(deep=False)


def user_metrics(run_id: str) -> pd.DataFrame:
    """Return one row per (user with test items, query bits): user, query_bits, n_test, recall@k, ndcg@k, overlap@k."""
    return _parquet(str(folder(run_id).file("users.parquet")), snapshot()).copy(deep=False)


@st.cache_resource(show_spinner=False, max_entries=16)
def _parquet(path: str, name: str | None) -> pd.DataFrame:
    return pq.read_table(path).to_pandas() if Path(path).exists() else pd.DataFrame()


def list_of(run_id: str, user: int, query_bits: int) -> dict[str, Any] | None:
    """Return a user's list in a run ({"items", "scores"}, best first); None for a user that is not there."""
    return _one_row(folder(run_id).file("lists.parquet"), user, query_bits)


def float_list(checkpoint: str | None, user: int) -> dict[str, Any] | None:
    """Return a user's list of the float32 model itself (100 places); None where it was not kept."""
    return _one_row(root() / "cache" / checkpoint / "top.parquet", user, FLOAT_BITS) if checkpoint else None


def _one_row(path: Path, user: int, query_bits: int) -> dict[str, Any] | None:
    found = prepared.read_row(path, user, query_bits) if path.exists() else []
    return found[0] if found else None


def float_run(checkpoint: str | None) -> str | None:
    """Return the finished float32 run on a checkpoint; None where there is none."""
    known = runs()
    same = known[(known["checkpoint"] == checkpoint) & (known["quantizer"] == "float32") & (known["state"] == "done")]
    return None if same.empty else str(same.iloc[0]["run_id"])


def splits() -> list[dict[str, Any]]:
    """Return the descriptions of all prepared splits, each with its ``key``."""
    return prepared.prepared_splits(root())


def person(split: str, user: int) -> dict[str, Any]:
    """Return one user of a split: label, train, valid and test as lists of item ids."""
    row = prepared.read_user(root(), split, user) if (root() / "cache" / split / "users.parquet").exists() else None
    if row is None:
        raise FewbitsError(f"there is no user {user} in this data set")
    return row


def items(split: str) -> pd.DataFrame:
    """Return the items of a split (label, key, train_users), indexed by item id. Not to be changed: it is shared."""
    if not (root() / "cache" / split / "items.parquet").exists():
        raise FewbitsError(
            f"the prepared data {split} is gone from the cache: running any run on it again brings it back"
        )
    return prepared.items_table(root(), split)


@st.cache_resource(show_spinner=False, max_entries=8)
def _labels(folder: str, split: str, changed_ns: int) -> tuple[str | None, ...]:
    return tuple(prepared.user_labels(Path(folder), split))


def user_labels(split: str) -> tuple[str | None, ...]:
    """Return the users' own labels in the order of their ids; None for each where the set has none."""
    changed_ns = rows.mtime(root() / "cache" / split / "users.parquet")
    if changed_ns is None:
        raise FewbitsError(
            f"the prepared data {split} is gone from the cache: running any run on it again brings it back"
        )
    return _labels(str(root()), split, changed_ns)


@st.cache_data(show_spinner=False, max_entries=8)
def _history_lengths(path: str) -> np.ndarray:
    lists = pq.read_table(path, columns=["train"])["train"]
    return pc.list_value_length(lists).to_numpy()


def history_lengths(split: str) -> np.ndarray:
    """Return how many training items each user of a split has: int32 [users]."""
    return _history_lengths(str(root() / "cache" / split / "users.parquet"))
