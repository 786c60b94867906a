"""The split of a data set into train, validation and test: published ones kept, others drawn with a seed.

Train is what the model and its graph are made of; validation chooses the model; test is looked at once. All draws use
uniform numbers of PCG64 only, not numpy's shuffles and choices, whose streams may change with its version; and they do
not depend on the order of the lines in the files.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import registry, synthetic
from engine.data.interactions import ItemLists
from engine.data.readers import READERS, Reading, Vectors
from engine.errors import FewbitsError

VALID_USERS = 5_000
"""How many users give a training item to the validation, at most."""
VALID_FROM = 10
"""How many training items such a user has, at least: so the model still sees nearly all of train."""
TEST_ONE_IN = 5
"""One in so many of a user's items is test where no split is published."""


@dataclass(frozen=True, eq=False)
class Split:
    """Interactions in three disjoint parts.

    ``rule`` is a sentence on how they were divided, ``notes`` count what was dropped or is odd, in sentences.
    ``vectors`` are those that came with the data, where any did.
    """

    dataset: str
    n_users: int
    n_items: int
    train: ItemLists
    valid: ItemLists
    test: ItemLists
    seed: int
    rule: str
    user_labels: tuple[str, ...] | None = None
    item_labels: tuple[str, ...] | None = None
    item_keys: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    vectors: Vectors | None = None

    @cached_property
    def fingerprint(self) -> str:
        """The first 16 hex digits of a SHA-256 over sizes, parts and vectors; names, rule and notes do not count."""
        digest = hashlib.sha256(f"{self.n_users} {self.n_items}".encode())
        for part in (self.train, self.valid, self.test):
            digest.update(part.indptr.astype("<i8").tobytes())  # its length is fixed and tells that of the items
            digest.update(part.items.astype("<i4").tobytes())
        for table in (self.vectors.users, self.vectors.items) if self.vectors is not None else ():
            digest.update(np.ascontiguousarray(table, "<f4").data)
        return digest.hexdigest()[:16]

    def tables(self, layers: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the rows of users and those of items of each layer [U+I, …], users first."""
        return {"user": [x[: self.n_users] for x in layers], "item": [x[self.n_users :] for x in layers]}

    def counts(self) -> dict[str, np.ndarray]:
        """Return the training interactions of each user and of each item, int64 [U] and [I]."""
        return {"user": self.train.counts(), "item": np.bincount(self.train.items, minlength=self.n_items)}

    def seen(self) -> ItemLists:
        """Return each user's train and validation items: those that a search for test items leaves out."""
        user = np.concatenate([self.train.users(), self.valid.users()])
        item = np.concatenate([self.train.items, self.valid.items])
        return ItemLists.from_pairs(user, item, self.n_users)


def load_split(name: str, root: Path, seed: int = 0, report: Callable[[str], None] | None = None) -> Split:
    """Return the split of a known data set; what is not here yet is downloaded below ``root``, the folder of the runs.

    Raises
    ------
    FewbitsError
        The name is unknown, or the data cannot be had, read or split.
    """
    known = registry.info(name, root)
    if known.synthetic:
        return split(name, Reading(synthetic.demo(), None), seed)
    folder = registry.locate(name, root, report)
    return split(name, READERS[known.format](folder), seed)


def split(dataset: str, reading: Reading, seed: int = 0) -> Split:
    """Return a split of what was read: the published one if there is one, else a fifth of each user's items as test.

    Published: test stays as it is, but for items that the same user has in train too (a search leaves them out, so
    nobody could find them): they are removed and counted. Otherwise a user with n items gives ``round(n / 5)`` to test,
    at least one if n >= 2; the only item of a user stays in train. In both cases one training item each of up to 5,000
    users with at least ten moves to validation.

    Raises
    ------
    FewbitsError
        There is nothing to train on or nothing to test.
    """
    data, notes = reading.train, list(reading.notes)
    rng = np.random.Generator(np.random.PCG64(seed))
    if reading.test is None:
        train, test = _divide(data.lists(), rng)
        rule = "A fifth of each user's items, at least one of two or more, is test"
    else:
        train = data.lists()
        test, repeated = _without(reading.test.lists(), train)
        notes += _counted(repeated, "test pairs are in train too", "left out of test")
        rule = reading.rule
    train, valid = _hold_out(train, rng)
    if not len(train.items) or not len(test.items):
        got = f"{len(train.items)} training and {len(test.items)} test interactions"
        raise FewbitsError(f"{dataset}: got {got}; expected some of both: bring users with at least two items")
    rule += f"; one training item each of {len(valid.items):,} users with at least {VALID_FROM} is validation"
    rule += f" (drawn with seed {seed})."
    notes += _oddities(train, test, data.n_items)
    return Split(
        dataset=dataset,
        n_users=data.n_users,
        n_items=data.n_items,
        train=train,
        valid=valid,
        test=test,
        seed=seed,
        rule=rule,
        user_labels=data.user_labels,
        item_labels=data.item_labels,
        item_keys=data.item_keys,
        notes=tuple(notes),
        vectors=reading.vectors,
    )


def _divide(lists: ItemLists, rng: np.random.Generator) -> tuple[ItemLists, ItemLists]:
    """Return train and test: the first fifth of each user's items in a random order is test."""
    counts, users = lists.counts(), lists.users()
    n_test = np.where(counts >= 2, np.maximum(1, (counts + TEST_ONE_IN // 2) // TEST_ONE_IN), 0)  # [U]
    order = np.lexsort((rng.random(len(users)), users))
    rank = np.empty(len(users), np.int64)
    rank[order] = np.arange(len(users)) - lists.indptr[users]
    chosen = rank < n_test[users]
    return _where(lists, ~chosen), _where(lists, chosen)


def _hold_out(train: ItemLists, rng: np.random.Generator) -> tuple[ItemLists, ItemLists]:
    """Return train without one item each of up to 5,000 users with at least ten, and these items."""
    able = np.flatnonzero(train.counts() >= VALID_FROM)
    users = able[np.argsort(rng.random(len(able)), kind="stable")[:VALID_USERS]]
    place = (rng.random(len(users)) * train.counts()[users]).astype(np.int64)
    chosen = np.zeros(len(train.items), bool)
    chosen[train.indptr[users] + place] = True
    return _where(train, ~chosen), _where(train, chosen)


def _without(lists: ItemLists, other: ItemLists) -> tuple[ItemLists, int]:
    """Return the lists without the pairs that ``other`` holds too, and how many these were."""
    key = (lists.users().astype(np.int64) << 32) | lists.items
    known = (other.users().astype(np.int64) << 32) | other.items
    extra = np.isin(key, known, assume_unique=True)
    return _where(lists, ~extra), int(extra.sum())


def _where(lists: ItemLists, keep: np.ndarray) -> ItemLists:
    """Return the lists without the entries for which ``keep`` (bool [nnz]) is False; what stays is in order already."""
    kept = np.concatenate([[0], np.cumsum(keep)])  # int64 [nnz+1]: how many stay before each entry
    return ItemLists(kept[lists.indptr], lists.items[keep])


def _oddities(train: ItemLists, test: ItemLists, n_items: int) -> list[str]:
    no_test = int((test.counts() == 0).sum())
    no_train = int((train.counts() == 0).sum())
    cold = n_items - len(np.unique(train.items))
    return [
        *_counted(no_test, "users have no test items", "left out of the means"),
        *_counted(no_train, "users have no training items", "nothing is known of their taste"),
        *_counted(
            cold, "items are in nobody's training items", "they have no edge in the graph but can be recommended"
        ),
    ]


def _counted(n: int, what: str, consequence: str) -> list[str]:
    return [f"{n:,} {what}: {consequence}"] if n else []
