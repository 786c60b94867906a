"""Whether the tail loses: recall of held-out items by how popular they are, from a run's own lists.

The head is the most frequent tenth of the items, as MGQE divides them; the tail is all others. A share is of all
held-out items of the group, over all users alike.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from engine.spec import LATENCY_K as K
from engine.store.folders import RunFolder

HEAD = 0.1
SHARES = ("recall_head", "recall_tail")
"""What its metrics begin with."""


def share_rows(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the rows ``recall_head@20`` and ``recall_tail@20`` of a finished run for each query precision; none where
    its lists or its data are no longer there.
    """
    manifest = folder.manifest() or {}
    key = str(manifest.get("split", {}).get("key"))
    lists, split = folder.file("lists.parquet"), folder.path.parent / "cache" / key
    if not lists.exists() or not (split / "users.parquet").exists():
        return []
    owners, items, head = _held_out(str(split))
    layout = manifest["measurements"][0]["index"]
    rows = []
    for bits in manifest["spec"]["query_bits"]:
        found = _found(pq.read_table(lists, columns=["items"], filters=[("query_bits", "=", bits)]), owners, items)
        for name, group in zip(SHARES, (head, ~head), strict=True):
            if group.any():
                rows.append({
                    "run_id": folder.run_id, "index": layout, "query_bits": bits, "threads": None, "batch": None,
                    "metric": f"{name}@{K}", "k": K, "value": float(found[group].mean()), "unit": "share",
                    "low": None, "high": None,
                })  # fmt: skip
    return rows


@lru_cache(maxsize=4)
def _held_out(split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the user and the item of each held-out interaction, and whether the item is of the head: [n] each."""
    column = pq.read_table(f"{split}/users.parquet", columns=["test"])["test"].combine_chunks()
    items = column.flatten().to_numpy()
    owners = np.repeat(np.arange(len(column)), column.value_lengths().to_numpy())
    counts = pq.read_table(f"{split}/items.parquet", columns=["train_users"])["train_users"].to_numpy()
    head = np.zeros(len(counts), bool)
    head[np.argsort(-counts, kind="stable")[: max(1, round(HEAD * len(counts)))]] = True
    return owners, items, head[items]


def _found(lists: Any, owners: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return for each held-out interaction whether it is among the first K of its user's list: bool [n].

    ``lists`` has a row for each user in the order of their ids.
    """
    column = lists["items"].combine_chunks()
    lengths, values = column.value_lengths().to_numpy(), column.flatten().to_numpy()
    users = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    many = int(max(values.max(initial=0), items.max(initial=0))) + 1
    top = (users.astype(np.int64) * many + values)[place < K]
    return np.isin(owners.astype(np.int64) * many + items, top)
