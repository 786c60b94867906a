"""A data set's split as Parquet under ``runs/cache``: what the dashboard reads to show users, items and their names.

The engine writes it once per content: the folder's name ends in the split's fingerprint, by which runs are compared and
models are found again. Labels, keys, rule and notes are not of the fingerprint, since nothing is trained on them: where
a later run finds others, they are replaced, and earlier runs show them as well. Nothing else changes.
"""

import os
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
TABLES = ("users.parquet", "items.parquet")
FILES = (*TABLES, "meta.json")
"""In the order in which they are replaced: what meta.json tells is there."""


def split_key(dataset: str, seed: int, fingerprint: str) -> str:
    """Return the folder name of a prepared split."""
    return f"split-{dataset}-{seed}-{fingerprint}"


def save_split(root: Path, split: Any) -> str:
    """Write an ``engine.data.split.Split`` where it is not there yet, or has other labels there; return its key."""
    key = split_key(split.dataset, split.seed, split.fingerprint)
    folder = root / "cache" / key
    if _is_there(folder, split):
        return key
    part = folder.with_name(f".{key}.{os.getpid()}")
    with disk_errors(root):
        part.mkdir(parents=True, exist_ok=True)
        _write(part, split)
        try:
            os.replace(part, folder)
        except OSError:  # it is there, with former labels or from another process: what is trained on is equal
            if not folder.is_dir():
                raise
            for name in FILES:
                os.replace(part / name, folder / name)
            part.rmdir()
    return key


def _is_there(folder: Path, split: Any) -> bool:
    """Return whether a split lies in a folder as it is now: rule, notes, labels and keys are not of the fingerprint."""
    if read_json(folder / "meta.json") != describe(split) or not all((folder / name).exists() for name in TABLES):
        return False
    try:
        users, items = (pq.read_table(folder / name, columns=["label"])["label"] for name in TABLES)
        now = [(users, split.user_labels), (items, split.item_labels), (item_keys(folder), split.item_keys)]
    except (pa.ArrowException, OSError):  # cut off by a power cut, say: it is written anew
        return False
    return all(column.equals(pa.chunked_array([_labels(names, len(column))])) for column, names in now)


def _write(folder: Path, split: Any) -> None:
    users = {
        "user": pa.array(np.arange(split.n_users, dtype=np.int32)),
        "label": _labels(split.user_labels, split.n_users),
    }
    for name in ("train", "valid", "test"):
        users[name] = list_column(getattr(split, name).indptr, getattr(split, name).items)
    pq.write_table(pa.table(users), folder / "users.parquet", row_group_size=ROW_GROUP, compression="zstd")
    counts = np.bincount(split.train.items, minlength=split.n_items).astype(np.int32)
    items = {
        "item": pa.array(np.arange(split.n_items, dtype=np.int32)),
        "label": _labels(split.item_labels, split.n_items),
        "key": _labels(split.item_keys, split.n_items),
        "train_users": pa.array(counts),
    }
    pq.write_table(pa.table(items), folder / "items.parquet", compression="zstd")
    write_json(folder / "meta.json", describe(split))


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


def item_keys(folder: Path) -> pa.ChunkedArray:
    """Return by what the items' source knows them, in the order of their ids; null where that is not known.

    It is not of the published sets, nor of a split that an older version prepared.
    """
    file = pq.ParquetFile(folder / "items.parquet")
    if "key" in file.schema_arrow.names:
        return file.read(["key"])["key"]
    return pa.chunked_array([_labels(None, file.metadata.num_rows)])


def items_table(root: Path, key: str) -> Any:
    """Return the items (item, label, key, train_users) as a pandas DataFrame indexed by item id."""
    path = root / "cache" / key / "items.parquet"
    return _items(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _items(path: Path, changed_ns: int) -> Any:
    return pq.read_table(path).to_pandas().set_index("item")
