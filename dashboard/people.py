"""Finding users and naming items: search by name or row, who gains and who loses against float32."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard import data
from engine.errors import FewbitsError
from engine.spec import FLOAT_BITS

HAVE_IT = "Users who have it"
MATCHES = 50
"""Users offered for a search that fits several."""
WORST = 100
"""Users in the table of those who lose most."""


def search(names: Sequence[str | None], text: str) -> list[int]:
    """Return the users whose name is the text, else those whose name contains it; ``#12`` means row 12.

    Where the set has no names, a bare number is the row as well.

    Raises
    ------
    FewbitsError
        Nobody fits; the text says what can be searched for.
    """
    text = text.strip()
    if not text:
        return []
    named = any(name is not None for name in names[:1])
    row = text.removeprefix("#")
    if row.isdecimal() and (text.startswith("#") or not named):
        if int(row) < len(names):
            return [int(row)]
        raise FewbitsError(f"there is no row {int(row):,}: the data set has users in rows 0 to {len(names) - 1:,}")
    if not named:
        raise FewbitsError(f"got {text!r}: this data set has no names, so type a row from 0 to {len(names) - 1:,}")
    exact = [user for user, name in enumerate(names) if name == text]
    found = exact or [user for user, name in enumerate(names) if name and text.lower() in name.lower()][:MATCHES]
    if not found:
        raise FewbitsError(
            f"no user's name contains {text!r}; names here look like {names[0]!r}, and #0 means the first row"
        )
    return found


def title(name: str | None, user: int) -> str:
    """Return how a user is called: ``User 196 (row 195)``, ``Ada (row 3)``, ``User 0`` where it has no name."""
    if name is None:
        return f"User {user}"
    return f"{name if any(map(str.isalpha, name)) else f'User {name}'} (row {user})"


def example(names: Sequence[str | None]) -> str:
    """Return what a search may look like in this data set."""
    return f"for example {names[0]}" if len(names) and names[0] is not None else f"a row from 0 to {len(names) - 1:,}"


def random_user(users: Sequence[int], total: int) -> int:
    """Return a random one of the users with test items, or of all where none are known."""
    return int(random.choice(users)) if users else random.randrange(total)


def measured(run_id: str, lengths: Sequence[int]) -> list[int]:
    """Return the list lengths at which users were measured in a run: none is longer than its catalogue. Where nothing
    was measured, all, as the lists can be looked at.
    """
    metrics = data.user_metrics(run_id)
    return [k for k in lengths if f"recall@{k}" in metrics] or list(lengths)


def against_float(row: dict[str, Any], bits: int, k: int = 20) -> tuple[pd.DataFrame, bool]:
    """Return the users' metrics in a run with "reference" and "change", and whether the reference is a float32 run.

    "change" is recall@k minus that of the float32 run on the same checkpoint; where there is none, the overlap with
    the float32 list minus 1. No users where nothing was measured at k.
    """
    metrics = data.user_metrics(row["run_id"])
    if f"recall@{k}" not in metrics:
        return metrics.iloc[:0], False
    mine = metrics[metrics["query_bits"] == bits]
    other = data.float_run(row["checkpoint"])
    floats = data.user_metrics(other) if other else pd.DataFrame()
    if floats.empty:
        return mine.assign(reference=float("nan"), change=mine[f"overlap@{k}"] - 1), False
    reference = floats[floats["query_bits"] == FLOAT_BITS].set_index("user")[f"recall@{k}"]
    mine = mine.assign(reference=mine["user"].map(reference))
    return mine.assign(change=mine[f"recall@{k}"] - mine["reference"]), True


def by_loss(metrics: pd.DataFrame, k: int, overlap: bool = False) -> pd.DataFrame:
    """Return the users of `against_float` in the order of their loss, the greatest first.

    Of equal losses of recall the list that changed most comes first; with ``overlap`` that alone counts.
    """
    order = [f"overlap@{k}"] if overlap else ["change", f"overlap@{k}"]
    return metrics.sort_values([*order, "user"], kind="stable")


def losses(
    metrics: pd.DataFrame, k: int, names: Sequence[str | None], history: np.ndarray, overlap: bool = False
) -> pd.DataFrame:
    """Return the users who lose most as a table indexed by user: names, change, both recalls, overlap, activity.

    Parameters
    ----------
    metrics : `against_float` at k
    history : int [users], training items of each user of the data set
    """
    worst = by_loss(metrics, k, overlap).head(WORST)
    users = worst["user"].to_numpy()
    columns = {
        "User": [title(names[user], user) for user in users], "Change": worst["change"],
        f"Recall@{k}": worst[f"recall@{k}"], "float32": worst["reference"], f"Overlap@{k}": worst[f"overlap@{k}"],
        "Held out": worst["n_test"], "Training items": history[users],
    }  # fmt: skip
    table = pd.DataFrame({name: list(values) for name, values in columns.items()}, index=pd.Index(users, name="user"))
    return table if worst["reference"].notna().any() else table.drop(columns=["Change", "float32"])


def losing(metrics: pd.DataFrame, history: np.ndarray, what: str) -> str:
    """Return in words how many users lose, gain and stay, and how active those are who lose."""
    change = metrics["change"].to_numpy(float)
    lose, gain = int((change < 0).sum()), int((change > 0).sum())
    stay = len(change) - lose - gain
    words = f"Of {len(change):,} users {lose:,} lose {what}, {gain:,} gain, {stay:,} stay as they were."
    if lose:
        own, all_ = (np.median(history[metrics["user"][change < limit]]) for limit in (0, np.inf))
        words += f" Those who lose have {own:,.0f} training items (median), all users {all_:,.0f}."
    return words


def item_names(items: pd.DataFrame, ids: Sequence[int]) -> dict[int, str]:
    """Return item id → its name; items without one are left out."""
    names = items["label"].reindex([i for i in dict.fromkeys(ids) if i >= 0])
    return {int(item): str(name) for item, name in names.items() if isinstance(name, str)}


def popular_first(ids: Sequence[int], items: pd.DataFrame) -> pd.DataFrame:
    """Return items as a table, those that most users have first."""
    names, counts = item_names(items, ids), items["train_users"]
    ordered = sorted(ids, key=lambda item: (-int(counts.loc[item]), item))
    return pd.DataFrame(
        {
            "Item": [names.get(i, f"item {i}") for i in ordered],
            HAVE_IT: [int(counts.loc[i]) for i in ordered],
        }
    )
