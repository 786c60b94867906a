"""Who interacted with what: pairs as they are read (`Interactions`), per-user lists as they are used (`ItemLists`)."""

from dataclasses import dataclass

import numpy as np

MAX_ID = 2**31 - 1
"""Largest id that int32 holds."""


@dataclass(frozen=True, eq=False)
class ItemLists:
    """For each user an ascending list of item ids without duplicates, in compressed sparse rows.

    Build it with `from_pairs`. The ``exclude`` of a search is made of its arrays: ``(lists.indptr, lists.items)``.
    """

    indptr: np.ndarray  # int64 [U+1]
    items: np.ndarray  # int32 [nnz]

    @classmethod
    def from_pairs(cls, user: np.ndarray, item: np.ndarray, n_users: int) -> "ItemLists":
        """Return the lists of the pairs ``(user[j], item[j])`` (integers [n], any order); equal pairs count once."""
        key = np.unique((user.astype(np.int64) << 32) | item.astype(np.int64))  # users first, items ascending in each
        indptr = np.zeros(n_users + 1, np.int64)
        np.cumsum(np.bincount(key >> 32, minlength=n_users), out=indptr[1:])
        return cls(indptr, (key & 0xFFFFFFFF).astype(np.int32))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def of(self, user: int) -> np.ndarray:
        """Return the ascending items (int32) of one user: a view, not a copy."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]

    def counts(self) -> np.ndarray:
        """Return how many items each user has (int64 [U])."""
        return np.diff(self.indptr)

    def keys(self, n_items: int) -> np.ndarray:
        """Return user · n_items + item of every entry, ascending, int64 [nnz]: to look pairs up by."""
        return self.users().astype(np.int64) * n_items + self.items

    def rows(self, users: np.ndarray) -> "ItemLists":
        """Return the lists of some users (integers [B]) in the order given, as lists of their own."""
        counts = self.counts()[users]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        at = np.repeat(self.indptr[users] - indptr[:-1], counts) + np.arange(indptr[-1])
        return ItemLists(indptr, self.items[at])

    def users(self) -> np.ndarray:
        """Return the user of each entry of ``items`` (int32 [nnz]): both together are the pairs, by user, then item."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.counts())


@dataclass(frozen=True, eq=False)
class Interactions:
    """Pairs of a user and an item, ids dense from 0, no pair twice.

    ``time`` is in seconds since 1970, ``rating`` in the source's own unit; both are None where the source has none, and
    so are the labels (one a user or item, not necessarily unique) and the keys, by which the source knows an item.
    """

    user: np.ndarray  # int32 [n]
    item: np.ndarray  # int32 [n]
    n_users: int
    n_items: int
    time: np.ndarray | None = None  # int64 [n]
    rating: np.ndarray | None = None  # float32 [n]
    user_labels: tuple[str, ...] | None = None
    item_labels: tuple[str, ...] | None = None
    item_keys: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.user)

    def lists(self) -> ItemLists:
        """Return each user's items, without times and ratings."""
        return ItemLists.from_pairs(self.user, self.item, self.n_users)
