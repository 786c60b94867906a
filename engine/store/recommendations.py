"""Recommendations of all users as one Parquet table, a row for each place of each list.

::

    user int32, user_label string, query_bits int32, rank int32 (from 1), item int32, item_key string,
    item_label string, score float32

Users ascend, of a user's lists the one of the most query bits comes first. Labels are null where the data set has none,
and keys where it is not one's own: by these its source knows the items. Of users that is the label.
Scores are the index's own: they order a list and cannot be compared between formats. What a user had in training and
validation is not in the list. Rows are written group by group: what memory holds are one group and the labels.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.errors import FewbitsError
from engine.store.folders import RunFolder
from engine.store.packing import File
from engine.store.prepared import ROW_GROUP, item_keys

LISTS = "lists.parquet"
SCHEMA = pa.schema([
    ("user", pa.int32()), ("user_label", pa.string()), ("query_bits", pa.int32()), ("rank", pa.int32()),
    ("item", pa.int32()), ("item_key", pa.string()), ("item_label", pa.string()), ("score", pa.float32()),
])  # fmt: skip


def write(folder: RunFolder, file: File, report: Callable[[int, int], None] | None = None) -> int:
    """Write the recommendations of a finished run to an open file; return the number of rows.

    ``report`` is called with the lists done and all lists after each group.

    Raises
    ------
    FewbitsError
        The run is not finished, or keeps no lists.
    """
    lists = pq.ParquetFile(_lists(folder))
    users, items = (labels(folder, name) for name in ("users.parquet", "items.parquet"))
    keys = _keys(folder)
    rows = done = 0
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for batch in lists.iter_batches(ROW_GROUP):
            table = _long(batch, users, items, keys)
            writer.write_table(table, row_group_size=max(len(table), 1))
            rows, done = rows + len(table), done + len(batch)
            if report:
                report(done, lists.metadata.num_rows)
    return rows


def count(folder: RunFolder) -> int:
    """Return how many rows `write` will write, as the file's footer tells it: an empty list counts as one."""
    stored = pq.ParquetFile(_lists(folder)).metadata
    leaves = [stored.schema.column(i).path.split(".")[0] for i in range(stored.num_columns)]
    column = leaves.index("items")
    return sum(stored.row_group(g).column(column).num_values for g in range(stored.num_row_groups))


def prepared_table(folder: RunFolder, name: str) -> Path:
    """Return where a table of the data set that a finished run was measured on lies: users.parquet or items.parquet.

    Raises
    ------
    FewbitsError
        The run is not finished, or was queued again meanwhile.
    """
    if (run := folder.manifest()) is None:
        raise FewbitsError(f"{folder.run_id} is {folder.state()}: expected a run that is done")
    return folder.path.parent / "cache" / run["split"]["key"] / name


def labels(folder: RunFolder, name: str) -> pa.ChunkedArray | None:
    """Return the labels of users or items in the order of their ids, None where the data set has none or is gone."""
    path = prepared_table(folder, name)
    column = pq.read_table(path, columns=["label"])["label"] if path.exists() else None
    return None if column is None or column.null_count == len(column) else column


def _keys(folder: RunFolder) -> pa.ChunkedArray | None:
    table = prepared_table(folder, "items.parquet")
    return item_keys(table.parent) if table.exists() else None


def _lists(folder: RunFolder) -> Path:
    run = folder.manifest()
    if run is None or LISTS not in run["files"]:
        problem = f"it is {folder.state()}" if run is None else f"it keeps no {LISTS}"
        raise FewbitsError(f"{folder.run_id} has no recommendations: {problem}; expected a finished run with lists")
    return folder.file(LISTS)


def _long(batch: Any, users: Any, items: Any, keys: Any) -> pa.Table:
    """Return the places of some lists as rows."""
    lengths = pc.list_value_length(batch["items"]).to_numpy(zero_copy_only=False)
    of = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.cumsum(lengths) - lengths
    user, item = batch["user"].take(pa.array(of)), pc.list_flatten(batch["items"])
    columns = {
        "user": user, "user_label": _names(users, user), "query_bits": batch["query_bits"].take(pa.array(of)),
        "rank": pa.array((np.arange(len(of)) - begins[of] + 1).astype(np.int32)),
        "item": item, "item_key": _names(keys, item), "item_label": _names(items, item),
        "score": pc.list_flatten(batch["scores"]),
    }  # fmt: skip
    return pa.table(columns, SCHEMA)


def _names(known: Any, ids: Any) -> Any:
    return pa.nulls(len(ids), pa.string()) if known is None else known.take(ids)
