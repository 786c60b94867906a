"""The reader of data sets of one's own: from the folder that an import wrote to interactions and their split."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.data import own
from engine.data.interactions import Interactions
from engine.data.readers import Reading, Vectors
from engine.errors import FewbitsError


def read_own(folder: Path) -> Reading:
    """Return the split that was stored when the set was added; items are called by their titles, else by their keys.

    Raises
    ------
    FewbitsError
        A file is missing or damaged.
    """
    try:
        content = own.meta(folder.name, folder.parent.parent)
        if content is None:
            raise KeyError("meta.json")
        report, users, items = content["report"], _read(folder, "users"), _read(folder, "items")
        table = _read(folder, "interactions")
        named = [_texts(column) for column in (pc.coalesce(items["title"], items["key"]), items["key"])]
        sizes = (report["users"], report["items"])
        if (len(users), len(items)) != sizes or len(table) != report["interactions"]:
            raise KeyError("other counts")
        parts = [
            _part(table.filter(pc.equal(table["part"], part)), sizes, _texts(users["key"]), *named)
            for part in ("train", "test")
        ]
        vectors = _vectors(folder, sizes, own.dim(content)) if own.dim(content) else None
    except (OSError, KeyError, TypeError, IndexError, ValueError, EOFError, pa.ArrowException) as error:
        raise FewbitsError(
            f"data set {folder.name!r} is damaged ({str(error)[:100]}): `python -m engine data remove {folder.name} "
            "--force`, then add it again under another name"
        ) from None
    return Reading(parts[0], parts[1], tuple(own.dropped(report)), own.rule(content), vectors)


def _vectors(folder: Path, sizes: tuple[int, int], dim: int) -> Vectors:
    tables = [np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("users", "items")]
    if any(t.dtype != np.float32 or t.shape != (n, dim) for t, n in zip(tables, sizes, strict=True)):
        raise KeyError("vectors of another shape")
    return Vectors(*tables)


def _read(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / f"{name}.parquet")


def _part(
    table: pa.Table, sizes: tuple[int, int], users: tuple[str, ...], items: tuple[str, ...], keys: tuple[str, ...]
) -> Interactions:
    user, item = (table[name].to_numpy().astype(np.int32) for name in ("user", "item"))
    for values, n in ((user, sizes[0]), (item, sizes[1])):
        if len(values) and not 0 <= values.min() <= values.max() < n:
            raise KeyError("ids beyond the tables")
    time = table["time"]
    times: Any = None if time.null_count else time.to_numpy().astype(np.int64)
    return Interactions(user, item, *sizes, time=times, user_labels=users, item_labels=items, item_keys=keys)


def _texts(column: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(column.to_pylist())
