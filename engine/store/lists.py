"""Top lists, per-user metrics and latency samples of a run as Parquet, sorted by user so that one user's rows are
read alone.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.store.files import disk_errors
from engine.store.prepared import ROW_GROUP

LIST_K = 50
"""Places kept of a run's lists; the full-precision reference keeps 100, so that an item that left can be found again.
"""


def write_lists(path: Path, lists: dict[int, Any], k: int) -> None:
    """Write the first k places of lists of all users: query bits → Hits (ids int32 [U, K], scores float32 [U, K])."""
    tables = []
    for bits, hits in lists.items():
        ids, scores = hits.ids[:, :k], hits.scores[:, :k]
        there = ids >= 0
        offsets = np.concatenate([[0], np.cumsum(there.sum(1))]).astype(np.int32)
        users = np.arange(len(ids), dtype=np.int32)
        tables.append(pa.table({
            "user": users, "query_bits": np.full(len(users), bits, np.int32),
            "items": pa.ListArray.from_arrays(offsets, pa.array(ids[there])),
            "scores": pa.ListArray.from_arrays(offsets, pa.array(scores[there])),
        }))  # fmt: skip
    _write_by_user(path, tables)


def read_ids(path: Path, k: int) -> np.ndarray:
    """Return the item ids of a file with one query precision, int32 [U, k]; −1 where a list is shorter."""
    column = pq.read_table(path, columns=["items"])["items"].combine_chunks()
    offsets, values = column.offsets.to_numpy(), column.values.to_numpy()
    lengths = np.minimum(np.diff(offsets), k)
    ids = np.full((len(lengths), k), -1, np.int32)
    there = np.arange(k) < lengths[:, None]
    ids[there] = values[(offsets[:-1, None] + np.arange(k))[there]]
    return ids


def write_users(path: Path, columns: dict[int, dict[str, np.ndarray]]) -> None:
    """Write per-user metrics: query bits → columns (``user`` and one float32 [n] for each metric)."""
    _write_by_user(
        path, [pa.table({**c, "query_bits": np.full(len(c["user"]), bits, np.int32)}) for bits, c in columns.items()]
    )


def write_latency(path: Path, samples: dict[int, list[Any]]) -> None:
    """Write raw latency samples: query bits → list of Samples."""
    tables = [
        pa.table({
            "query_bits": pa.repeat(pa.scalar(bits, pa.int32()), len(s.microseconds)),
            "threads": pa.repeat(pa.scalar(s.threads, pa.int32()), len(s.microseconds)),
            "batch": pa.repeat(pa.scalar(s.batch, pa.int32()), len(s.microseconds)),
            "cold": pa.repeat(pa.scalar(s.cold), len(s.microseconds)),
            "round": s.rounds, "microseconds": s.microseconds,
        })
        for bits, several in samples.items() for s in several
    ]  # fmt: skip
    with disk_errors(path.parent):
        pq.write_table(pa.concat_tables(tables), path, compression="zstd")


def _write_by_user(path: Path, tables: list[pa.Table]) -> None:
    table = pa.concat_tables(tables).sort_by([("user", "ascending"), ("query_bits", "descending")])
    with disk_errors(path.parent):
        pq.write_table(table, path, row_group_size=ROW_GROUP, compression="zstd")
