"""A data set's split as Parquet under ``runs/cache``: what the dashboard reads to show users, items and their names.

The engine writes it once per content (the folder's name ends in the split's fingerprint); nobody changes it after that.
"""

import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.store.files import disk_errors, read_json, write_json

ROW_GROUP = 1024
"""Users a row group: one user's row is read by touching one group."""


def split_key(dataset: str, seed: int, fingerprint: str) -> str:
    """Return the folder name of a prepared split."""
    return f"split-{dataset}-{seed}-{fingerprint}"


def save_split(root: Path, split: Any) -> str:
    """Write an ``engine.data.split.Split`` where it is not there yet; return its key."""
    key = split_key(split.dataset, split.seed, split.fingerprint)
    folder = root / "cache" / key
    if (folder / "meta.json").exists():
        return key
    part = folder.with_name(f".{key}.{os.getpid()}")
    with disk_errors(root):
        part.mkdir(parents=True, exist_ok=True)
        users = {
            "user": pa.array(np.arange(split.n_users, dtype=np.int32)),
            "label": _labels(split.user_labels, split.n_users),
        }
        for name in ("train", "valid", "test"):
            users[name] = list_column(getattr(split, name).indptr, getattr(split, name).items)
        pq.write_table(pa.table(users), part / "users.parquet", row_group_size=ROW_GROUP, compression="zstd")
        counts = np.bincount(split.train.items, minlength=split.n_items).astype(np.int32)
        items = {
            "item": pa.array(np.arange(split.n_items, dtype=np.int32)),
            "label": _labels(split.item_labels, split.n_items),
            "train_users": pa.array(counts),
        }
        pq.write_table(pa.table(items), part / "items.parquet", compression="zstd")
        write_json(part / "meta.json", describe(split))
        try:
            os.replace(part, folder)
        except OSError:  # another process was first: equal content, so keep theirs
            if not (folder / "meta.json").exists():
                raise
            shutil.rmtree(part)
    return key


def describe(split: Any) -> dict[str, Any]:
    """Return a split's counts, rule and notes as plain JSON."""
    sizes = {name: len(getattr(split, name).items) for name in ("train", "valid", "test")}
    with_test = int((np.diff(split.test.indptr) > 0).sum())
    return {
        "dataset": split.dataset, "seed": split.seed, "fingerprint": split.fingerprint, "rule": split.rule,
        "users": split.n_users, "items": split.n_items, **sizes, "users_with_test": with_test,
        "notes": list(split.notes),
    }  # fmt: skip


def list_column(indptr: np.ndarray, items: np.ndarray) -> pa.Array:
    """Return CSR lists as an Arrow list column, without copying the items."""
    return pa.ListArray.from_arrays(pa.array(indptr.astype(np.int32)), pa.array(items))


def _labels(labels: Any, n: int) -> pa.Array:
    return pa.array(list(labels), pa.string()) if labels is not None else pa.nulls(n, pa.string())


def prepared_splits(root: Path) -> list[dict[str, Any]]:
    """Return the descriptions of all prepared splits, with their ``key``."""
    metas = sorted((root / "cache").glob("split-*/meta.json"))
    return [{"key": m.parent.name, **meta} for m in metas if (meta := read_json(m))]


def read_user(root: Path, key: str, user: int) -> dict[str, Any] | None:
    """Return one user's row (label, train, valid, test as lists of item ids); None for a user that is not there."""
    rows = read_row(root / "cache" / key / "users.parquet", user)
    return rows[0] if rows else None


def read_row(path: Path, user: int, query_bits: int | None = None) -> list[dict[str, Any]]:
    """Return the rows of one user in a Parquet file that is sorted by user, reading only the row groups that can hold
    them.
    """
    filters = pc.field("user") == user
    if query_bits is not None:
        filters = filters & (pc.field("query_bits") == query_bits)
    return pq.read_table(path, filters=filters).to_pylist()


def user_labels(root: Path, key: str) -> list[str | None]:
    """Return the users' labels in the order of their ids (None where the set has none)."""
    return pq.read_table(root / "cache" / key / "users.parquet", columns=["label"])["label"].to_pylist()


@lru_cache(maxsize=8)
def items_table(root: Path, key: str) -> Any:
    """Return the items (item, label, train_users) as a pandas DataFrame indexed by item id."""
    return pq.read_table(root / "cache" / key / "items.parquet").to_pandas().set_index("item")
