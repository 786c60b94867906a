"""Recall, ndcg, overlap and ties of top-k lists, per user; means with 95 % bootstrap intervals.

Protocol: all items are ranked, what the user already has is left out, users without held-out items are left out of
the mean.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.frontier import interval
from engine.indexes.base import Hits
from engine.spec import KS


def hit_matrix(ids: np.ndarray, held_out: Any, users: np.ndarray, n_items: int) -> np.ndarray:
    """Return which listed items are held-out ones: bool [B, K].

    Parameters
    ----------
    ids : int32 [B, K]; −1 marks a place that could not be filled.
    held_out : ItemLists of all users.
    users : int [B], the user of each list.
    """
    keys = held_out.keys(n_items)  # ascending: users in order, items ascending within each
    if not len(keys):
        return np.zeros(ids.shape, bool)
    wanted = users[:, None].astype(np.int64) * n_items + ids
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return (keys[at] == wanted) & (ids >= 0)


def recall(hits: np.ndarray, sizes: np.ndarray, k: int) -> np.ndarray:
    """Return recall@k per user, float32 [B]: hits among the first k over the number of held-out items ``sizes`` [B]."""
    return (hits[:, :k].sum(1) / sizes).astype(np.float32)


def ndcg(hits: np.ndarray, sizes: np.ndarray, k: int) -> np.ndarray:
    """Return ndcg@k per user, float32 [B]: Σ hit/log2(place+1) over the same sum of an ideal list of min(k, size)
    hits.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(sizes, k)]
    return ((hits[:, :k] * discount[: hits.shape[1]]).sum(1) / ideal).astype(np.float32)


def overlap(ids: np.ndarray, reference: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the reference's first k items that are among the first k of ``ids``, float32 [B].

    The order within the k places does not count. Where the reference has fewer than k items, it is a share of those.
    """
    ours = np.sort(ids[:, :k], axis=1)
    rows = np.arange(len(ids), dtype=np.int64)[:, None] * (1 << 32)
    keys = (ours + rows).ravel()
    wanted = reference[:, :k] + rows
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    there = reference[:, :k] >= 0
    kept = (keys[at] == wanted) & there
    return (kept.sum(1) / np.maximum(there.sum(1), 1)).astype(np.float32)


def tied(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the first k places whose score equals the place before or after, float32 [B].

    ``scores`` should hold k + 1 places, so that a tie across the end of the list is seen; missing places (−inf) are
    no ties.
    """
    equal = (scores[:, :-1] == scores[:, 1:]) & np.isfinite(scores[:, 1:])
    before = np.pad(equal, ((0, 0), (1, 0)))[:, :k]
    after = np.pad(equal, ((0, 0), (0, 1)))[:, :k]
    return (before | after).mean(1).astype(np.float32)


def lengthened(short: Hits, long: Hits) -> Hits:
    """Return the places of a short search, and behind them what a longer one found below: as long as the longer.

    Of the same queries [B], where a search for more places looks at more: the first places of the longer are then not
    those that the short one gives. What it missed is left out.
    """
    ids, scores = long.ids.copy(), long.scores.copy()
    count, width = short.ids.shape[1], long.ids.shape[1]
    for row, (first, found) in enumerate(zip(short.ids, long.ids, strict=True)):
        below = (long.scores[row] <= short.scores[row, -1]) & (found >= 0) & ~np.isin(found, first)
        rest = found[below][: width - count]
        end = count + len(rest)
        ids[row, :count], ids[row, count:end], ids[row, end:] = first, rest, -1
        scores[row, :count], scores[row, end:] = short.scores[row], -np.inf
        scores[row, count:end] = long.scores[row, below][: width - count]
    return Hits(ids, scores)


def per_user(
    hits: Any, users: np.ndarray, held_out: Any, reference: np.ndarray, n_items: int, ks: Sequence[int] = KS
) -> dict[str, np.ndarray]:
    """Return the columns of the users with held-out items: user, n_test, and each metric at each k that the catalogue
    allows.

    Parameters
    ----------
    hits : Hits of all ``users``, more than max(ks) places long where the catalogue has them.
    reference : int32 [B, ≥ max(ks)], the full-precision lists of the same users.
    """
    sizes = np.diff(held_out.indptr)[users]
    rows = np.flatnonzero(sizes > 0)
    ids, scores, size = hits.ids[rows], hits.scores[rows], sizes[rows]
    found = hit_matrix(ids, held_out, users[rows], n_items)
    columns: dict[str, np.ndarray] = {"user": users[rows].astype(np.int32), "n_test": size.astype(np.int32)}
    for k in (k for k in ks if k <= n_items):
        columns[f"recall@{k}"] = recall(found, size, k)
        columns[f"ndcg@{k}"] = ndcg(found, size, k)
        columns[f"overlap@{k}"] = overlap(ids, reference[rows], k)
        columns[f"tied@{k}"] = tied(scores, k)
    return columns


def summarise(columns: dict[str, np.ndarray], seed: int = 0) -> list[dict[str, Any]]:
    """Return a row (metric, k, value, low, high, unit) for each ``metric@k`` column: means and bootstrap intervals
    over users.
    """
    names = [name for name in columns if "@" in name]
    if not names or not len(columns["user"]):
        return []
    values = np.stack([columns[name] for name in names], 1).astype(np.float64)
    low, high = interval(values, seed)
    return [
        {
            "metric": name.split("@")[0],
            "k": int(name.split("@")[1]),
            "value": float(mean),
            "unit": "share",
            "low": float(lo),
            "high": float(hi),
        }
        for name, mean, lo, hi in zip(names, values.mean(0), low, high, strict=True)
    ]
