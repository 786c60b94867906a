"""Which column of a file means what: guesses by usual names, and a choice, checked against the file's columns."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.errors import FewbitsError

USUAL = {
    "user": (
        "user_id", "userid", "user", "uid", "customer_id", "customerid", "customer", "visitor_id", "visitorid",
        "member_id", "account_id", "reviewer_id", "reviewerid", "session_id", "sessionid",
    ),
    "item": (
        "item_id", "itemid", "item", "iid", "product_id", "productid", "product", "sku", "article_id", "movie_id",
        "movieid", "track_id", "song_id", "book_id", "isbn", "asin", "parent_asin", "business_id",
    ),
    "time": (
        "timestamp", "time", "ts", "datetime", "date", "event_time", "created_at", "bought_at", "viewed_at",
        "unix_time", "unixreviewtime",
    ),
    "rating": ("rating", "score", "stars", "overall"),
    "title": ("title", "item_title", "item_name", "product_title", "product_name", "movie_title", "name"),
}  # fmt: skip
"""Role → names that columns of it often have, the likeliest first; compared without case, blanks as underscores."""
WORDS = {"user": "user", "item": "item", "time": "time", "rating": "rating", "title": "item label"}
SPLITS = ("random", "last")
MAX_CORE = 1_000


def guess(columns: Sequence[str]) -> dict[str, str | None]:
    """Return role → the column that its name speaks for, None where none does; no column has two roles."""
    plain = {column.strip().lower().replace(" ", "_").replace("-", "_"): column for column in reversed(columns)}
    return {role: next((plain[name] for name in usual if name in plain), None) for role, usual in USUAL.items()}


@dataclass(frozen=True)
class Choice:
    """What is to be read of a file, and how it is filtered and split.

    ``at_least`` belongs to ``rating``: rows below it are dropped; without both every row is an interaction, whatever
    its rating. ``core``: every user and every item keeps at least so many interactions (1: no filter). ``split``:
    "random" (a fifth of each user's items, drawn with ``seed``) or "last" (each user's last item, by ``time``).
    ``header``: whether the first line holds the names of the columns; None: it does where none of its fields is a
    number.
    """

    user: str
    item: str
    time: str | None = None
    rating: str | None = None
    title: str | None = None
    at_least: float | None = None
    core: int = 1
    split: str = "random"
    seed: int = 0
    header: bool | None = None

    def __post_init__(self) -> None:
        if self.user == self.item:
            raise FewbitsError(f"the column {self.user!r} was chosen for both user and item: choose two columns")
        if (self.rating is None) != (self.at_least is None):
            got = "a rating column alone" if self.at_least is None else "a lowest rating alone"
            raise FewbitsError(f"got {got}: give both the column and the lowest rating that counts, or neither")
        if self.at_least is not None and not math.isfinite(self.at_least):
            raise FewbitsError(f"lowest rating: got {self.at_least}, expected a number")
        if self.split not in SPLITS:
            raise FewbitsError(f"split: got {self.split!r}, expected {' or '.join(SPLITS)}")
        if self.split == "last" and self.time is None:
            raise FewbitsError("the split by time needs a time column: choose one, or split at random")
        if not 1 <= self.core <= MAX_CORE:
            raise FewbitsError(f"k-core: got {self.core}, expected 1 (no filter) to {MAX_CORE:,}")
        if not 0 <= self.seed < 2**31:
            raise FewbitsError(f"seed: got {self.seed}, expected 0 to {2**31 - 1:,}")

    def roles(self) -> dict[str, str]:
        """Return role → column of those that are used."""
        chosen = {role: getattr(self, role) for role in USUAL}
        return {role: column for role, column in chosen.items() if column is not None}

    def check(self, columns: Sequence[str]) -> None:
        """Raise FewbitsError for a column that the file has not; those that it has are named."""
        for role, column in self.roles().items():
            if column not in columns:
                known = ", ".join(repr(name) for name in columns[:30])
                raise FewbitsError(f"{WORDS[role]} column: the file has no {column!r}; its columns are {known}")

    def plain(self) -> dict[str, Any]:
        """Return the choice as plain JSON."""
        return asdict(self)
