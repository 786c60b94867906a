"""What the Compare page says of users: paired differences and who loses, from the runs' own files, cached.

As in `dashboard.data`, caches are keyed by the runs folder, the snapshot's name and plain ids.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import streamlit as st

from dashboard import data, labels, naming, results, who_loses
from dashboard.compare import Key
from engine.errors import FewbitsError
from engine.store.lists import LIST_K


@dataclass(frozen=True, eq=False)
class Paired:
    """Points against the first of them, over the same users."""

    changes: dict[str, list[tuple[float, float, float]]]
    """recall, ndcg, overlap → mean difference, low and high of each point after the first."""
    activity: pd.DataFrame | None
    """`who_loses.shares` by the users' activity; None where no recall was kept at this k."""
    popularity: pd.DataFrame | None
    """The same by the items' popularity; None where lists are gone or shorter than k."""


@dataclass(frozen=True)
class Group:
    """Who is in a group: how many, and the least and the most training interactions of one."""

    size: int
    least: int
    most: int


@st.cache_data(show_spinner=False, max_entries=4)
def offered(root: str, snapshot: str) -> dict[Key, str]:
    """Return every measured point and how it is called, the newest first; no two are called the same."""
    defaults = data.defaults()
    points = data.points()
    if points.empty:
        return {}
    points = points.sort_values("finished", ascending=False, kind="stable")
    keys = list(zip(points["run_id"].tolist(), points["query_bits"].astype(int).tolist(), strict=True))
    words = [labels.point(row, defaults) for row in points.to_dict("records")]
    named = naming.told_apart(words, points["settings"].tolist(), points["run_id"].tolist())
    return dict(zip(keys, named, strict=True))


def rows_of(keys: list[Key]) -> list[dict[str, Any]]:
    """Return the catalog's row of each point, with the split, the checkpoint and the specification of its run."""
    return _rows_of(str(data.root()), data.snapshot(), tuple(keys))


@st.cache_data(show_spinner=False, max_entries=16)
def _rows_of(root: str, snapshot: str | None, keys: tuple[Key, ...]) -> list[dict[str, Any]]:
    points = results.described()
    points = points[points["run_id"].isin([run_id for run_id, _ in keys])]
    table = points.merge(data.runs()[["run_id", "spec"]], on="run_id", how="left")
    known = {(row["run_id"], int(row["query_bits"])): row for row in table.to_dict("records")[::-1]}
    return [known[key] for key in keys]


def has_users(key: Key) -> bool:
    """Return whether the metrics of single users are there for a point; runs made long ago or elsewhere lack them."""
    found = data.user_metrics(key[0])
    return len(found) > 0 and bool((found["query_bits"] == key[1]).any())


def _metrics(key: Key) -> pd.DataFrame:
    """Return the metrics of a point's users, in their order; empty where they were not kept."""
    found = data.user_metrics(key[0])
    return found[found["query_bits"] == key[1]].sort_values("user") if len(found) else found


@st.cache_data(show_spinner="comparing users", max_entries=64)
def paired(root: str, snapshot: str, split: str, keys: tuple[Key, ...], k: int) -> Paired:
    """Return points of one split against the first of them at list length k.

    Raises
    ------
    FewbitsError
        The points are not of the same users.
    """
    frames = [_metrics(key) for key in keys]
    users = frames[0]["user"].to_numpy()
    if any(len(f) != len(users) or (f["user"].to_numpy() != users).any() for f in frames):
        raise FewbitsError("these points are not of the same users, so no difference between them is paired")
    kinds = [kind for kind in labels.QUALITY if all(f"{kind}@{k}" in f for f in frames)]
    values = {kind: np.stack([f[f"{kind}@{k}"].to_numpy(float) for f in frames], axis=1) for kind in kinds}
    differences = [values[kind][:, 1:] - values[kind][:, :1] for kind in kinds]
    activity = _by_activity(values["recall"], users, split) if "recall" in values else None
    popularity = _by_popularity(root, snapshot, split, keys, k, users)
    blocks = [block for block in (*differences, activity, popularity) if block is not None]
    if not blocks:
        return Paired({}, None, None)  # there are fewer items than k
    means = who_loses.resampled(np.concatenate(blocks, axis=1))  # of all at once: drawing is half of the work
    parts = iter(np.split(means, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1))
    changes = {kind: _triples(next(parts)) for kind in kinds}
    tables = [None if block is None else who_loses.shares(next(parts), len(users)) for block in (activity, popularity)]
    return Paired(changes, *tables)


def _triples(means: np.ndarray) -> list[tuple[float, float, float]]:
    """Return mean, low and high of each column of `who_loses.resampled`: of differences it is the paired one."""
    low, high = np.percentile(means[1:], [2.5, 97.5], axis=0)
    return list(zip(means[0].tolist(), low.tolist(), high.tolist(), strict=True))


def _by_activity(recall: np.ndarray, users: np.ndarray, split: str) -> np.ndarray | None:
    """Return `who_loses.columns` of the users' recall [users, points]; None where the split is gone."""
    if not _users_file(split).exists():
        return None
    groups = np.eye(3)[who_loses.activity_groups(data.history_lengths(split)[users])]  # [users, 3]
    return who_loses.columns(recall[:, :, None] * groups[:, None], groups)


def _by_popularity(
    root: str, snapshot: str, split: str, keys: tuple[Key, ...], k: int, users: np.ndarray
) -> np.ndarray | None:
    """Return `who_loses.columns` of the held-out items found; None where a list is gone or was kept shorter than k."""
    files = [_users_file(split), *(data.folder(run_id).file("lists.parquet") for run_id, _ in keys)]
    if k > LIST_K or not all(path.exists() for path in files):
        return None
    owners, items = _held_out(root, split)
    groups = who_loses.popularity_groups(data.items(split)["train_users"].to_numpy())[items]
    holders, owner = np.unique(owners, return_inverse=True)
    if not np.array_equal(holders, users):
        return None  # the prepared data is not what the runs were measured on
    found = [_places(root, snapshot, split, run_id, bits) < k for run_id, bits in keys]
    gained = np.stack([who_loses.by_user(owner, groups, hit, len(users)) for hit in found], axis=1)
    return who_loses.columns(gained, who_loses.by_user(owner, groups, np.ones(len(owner), bool), len(users)))


def activity_of(split: str, key: Key) -> dict[int, Group]:
    """Return who is in each group of users."""
    lengths = data.history_lengths(split)[_metrics(key)["user"].to_numpy()]
    return _described(lengths, who_loses.activity_groups(lengths))


def popularity_of(split: str) -> dict[int, Group]:
    """Return what is in each group of items."""
    counts = data.items(split)["train_users"].to_numpy()
    return _described(counts, who_loses.popularity_groups(counts))


def _described(values: np.ndarray, groups: np.ndarray) -> dict[int, Group]:
    own = {g: values[groups == g] for g in range(3)}
    return {g: Group(len(v), int(v.min()), int(v.max())) for g, v in own.items() if len(v)}


def _users_file(split: str) -> Path:
    return data.root() / "cache" / split / "users.parquet"


@st.cache_data(show_spinner=False, max_entries=8)
def _held_out(root: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the user and the item of every held-out interaction of a split: int64 [n], int32 [n]."""
    column = pq.read_table(_users_file(split), columns=["test"])["test"].combine_chunks()
    lengths = pc.list_value_length(column).to_numpy()
    return np.repeat(np.arange(len(lengths)), lengths), column.flatten().to_numpy()


@st.cache_data(show_spinner=False, max_entries=64)
def _places(root: str, snapshot: str, split: str, run_id: str, bits: int) -> np.ndarray:
    """Return where each held-out item stands in its user's list; see `who_loses.places`."""
    path = data.folder(run_id).file("lists.parquet")
    kept = pq.read_table(path, columns=["user", "items"], filters=pc.field("query_bits") == bits)
    column = kept["items"].combine_chunks()
    lengths = pc.list_value_length(column).to_numpy()  # [rows]
    lists = np.full((len(data.history_lengths(split)), LIST_K), -1, np.int32)  # [U, K]
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    row = np.repeat(kept["user"].to_numpy(), lengths)
    inside = place < LIST_K
    lists[row[inside], place[inside]] = column.flatten().to_numpy()[inside]
    return who_loses.places(lists, *_held_out(root, split))
