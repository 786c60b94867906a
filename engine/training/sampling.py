"""Which positives and negatives a step sees: epochs over all interactions, negatives by popularity or uniform.

Everything is drawn from one numpy generator that is passed in, so that equal seeds see equal samples.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

POPULARITY_POWER = 0.75
"""Exponent of the items' popularity in the softmax loss's negatives (between uniform, 0, and as often as observed,
1).
"""
ROUNDS = 100
"""Draws after which an unseen item is looked for: only who has nearly all items needs so many."""


def epoch(train: Any, batch: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (user, item) batches, int64 [≤ batch], that visit every training interaction once in random order."""
    users, order = train.users(), np.arange(len(train.items), dtype=np.int32)  # 8 bytes an interaction, not 40
    rng.shuffle(order)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        yield users[rows].astype(np.int64), train.items[rows].astype(np.int64)


class PopularItems:
    """Draws items with probability ∝ popularity^power (items nobody has are never drawn)."""

    def __init__(self, items: np.ndarray, n_items: int, power: float = POPULARITY_POWER) -> None:
        weight = np.bincount(items, minlength=n_items).astype(np.float64) ** power
        weight[np.bincount(items, minlength=n_items) == 0] = 0
        self.cumulative = np.cumsum(weight) / weight.sum()

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n items, int64 [n], drawn with replacement."""
        return np.searchsorted(self.cumulative, rng.random(n), side="right").clip(max=len(self.cumulative) - 1)


def unseen_items(keys: np.ndarray, users: np.ndarray, n_items: int, rng: np.random.Generator) -> np.ndarray:
    """Return for each user an item that it does not have in train, uniform over those, int64 [B] (BPR's negatives).

    ``keys`` are train's `ItemLists.keys`. A user who has every item keeps its last draw: nothing is unseen there.
    """
    items = rng.integers(0, n_items, len(users))
    for _ in range(ROUNDS):
        seen = _held(keys, users * n_items + items)
        if not seen.any():
            return items
        items[seen] = rng.integers(0, n_items, int(seen.sum()))
    seen = _held(keys, users * n_items + items)
    for user in np.unique(users[seen]):
        left, mine = _left(keys, user, n_items), seen & (users == user)
        if len(left):
            items[mine] = left[rng.integers(0, len(left), int(mine.sum()))]
    return items


def _held(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return which of the pairs wanted are among the ascending keys, bool [B]."""
    return keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted


def _left(keys: np.ndarray, user: int, n_items: int) -> np.ndarray:
    """Return the items that a user does not have, int64, ascending."""
    first, last = np.searchsorted(keys, (user * n_items, (user + 1) * n_items))
    return np.setdiff1d(np.arange(n_items), keys[first:last] - user * n_items, assume_unique=True)
