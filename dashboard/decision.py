"""What the Budget page says: configurations judged by a budget, from the catalog and the users' own metrics, cached."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import budget, data, frontiers, naming, results, shipped, sizes
from dashboard.budget import Budget, Difference, Users
from engine.errors import FewbitsError
from engine.spec import FLOAT_BITS

COMPARED = 12
"""Configurations whose users are compared, the first in the order of the preference: each costs a file to read."""
MARGIN = 0.01
"""Of the best's quality: what another may lose at most, seed by seed, and be as good."""


@dataclass(frozen=True, eq=False)
class Decision:
    """All configurations measured, and what follows from the budget."""

    table: pd.DataFrame
    """`budget.configurations`."""
    best: Any = None
    """The label of the recommended one; None where none meets the budget."""
    ties: list[Any] = field(default_factory=list)
    """Those whose lists are as good as its, itself first."""
    compared: int = 0
    """Of how many the users were compared."""
    sure: float | None = None
    """The share of resamples in which it keeps what was asked for; None where that can't be said."""
    differences: dict[Any, Difference] = field(default_factory=dict)
    """Label → quality minus the best's."""
    by_seed: bool = False
    """Whether differences are paired by seed: of shipped rows no users are known."""

    @property
    def meeting(self) -> pd.DataFrame:
        """Those that meet the budget."""
        return self.table[(self.table["over"] == 0) & self.table["quality"].notna()]


@st.cache_data(show_spinner="comparing users", max_entries=64)
def decide(
    root: str, snapshot: str, reference: bool, dataset: str, tested: str, hardware: str | None, items: int | None,
    asked: Budget, prefer: str,
) -> Decision:  # fmt: skip
    """Return the decision; the runs folder and the snapshot name the state of the results.

    Parameters
    ----------
    reference : whether it is made of the shipped rows instead of one's own
    """
    table = points(reference)
    table = table[(table["dataset"] == dataset) & (table["tested"] == tested)]
    if asked.quality not in table:  # there are fewer items than that
        return Decision(budget.configurations(table.iloc[:0], asked))
    table = frontiers.share_of_float(table, asked.quality)
    table = table if items is None else sizes.at(table, data.scaled_points(), items)
    table = _timed_on(table, hardware) if reference else frontiers.filtered(table, [dataset], hardware, {})
    found = budget.configurations(table, asked)
    found = found.assign(name=naming.configurations(found))
    meeting = Decision(found).meeting
    if meeting.empty:
        return Decision(found)
    if reference:
        return _by_seed(found, meeting, prefer)
    candidates = budget.ranked(meeting, prefer).head(COMPARED)
    per_user = {label: v for label in candidates.index if (v := _users(found.loc[label], asked.quality)) is not None}
    best, ties = budget.chosen(meeting, prefer, per_user)
    if best not in per_user:
        return Decision(found, best, ties)
    sure = _sure(found.loc[best], per_user[best], asked)
    return Decision(found, best, ties, len(per_user), sure, budget.against(per_user, best))


def points(reference: bool) -> pd.DataFrame:
    """Return one's own described points, or the shipped ones."""
    return shipped.points() if reference else results.described()


def _timed_on(table: pd.DataFrame, hardware: str | None) -> pd.DataFrame:
    """Return points with the times of one machine alone: quality does not depend on it, and some seeds of a
    configuration were measured on another.
    """
    times = [column for column in table if column.startswith(("latency_", "throughput_", "calibration_drift"))]
    return table.assign(**{column: table[column].where(table["hardware"] == hardware) for column in times})


def _by_seed(found: pd.DataFrame, meeting: pd.DataFrame, prefer: str) -> Decision:
    """Return the decision where the users' own metrics are not known: configurations are compared seed by seed, those
    of one seed only where there are no others.
    """
    per_seed = {label: _mean_by_seed(row) for label, row in meeting.iterrows()}
    several = [label for label, values in per_seed.items() if len(values) > 1]
    candidates = meeting.loc[several] if several else meeting
    best, ties = budget.chosen(candidates, prefer, per_seed, budget.against_by_seed, MARGIN)
    differences = budget.against_by_seed(per_seed, best)
    return Decision(found, best, ties, len(differences) + 1, None, differences, by_seed=True)


def _mean_by_seed(row: pd.Series) -> budget.Seeds:
    """Return the quality of each of a configuration's seeds; of one that two runs measured the mean."""
    values: dict[int, list[float]] = {}
    for seed, quality in zip(row["of_seeds"], row["of_quality"], strict=True):
        if not pd.isna(quality):
            values.setdefault(int(seed), []).append(quality)
    return {seed: float(np.mean(several)) for seed, several in values.items()}


def _users(row: pd.Series, quality: str) -> Users | None:
    """Return the quality of each user in each of a configuration's seeds; None where it was not kept."""
    found = {}
    for run_id, seed in zip(row["run_ids"], row["of_seeds"], strict=True):
        users = data.user_metrics(run_id)
        own = users[users["query_bits"] == row["query_bits"]] if len(users) else users
        if quality not in own or not len(own):
            return None
        found[int(seed)] = own[quality].to_numpy(float)
    return found if len({len(values) for values in found.values()}) == 1 else None


def _sure(row: pd.Series, own: Users, asked: Budget) -> float | None:
    """Return in which share of resamples the configuration keeps what was asked for."""
    if asked.keep is None:
        return None
    runs = data.runs().set_index("run_id")
    floats = [data.float_run(runs.loc[run_id, "checkpoint"]) for run_id in row["run_ids"]]
    if None in floats:
        return None
    about = {"run_ids": floats, "of_seeds": row["of_seeds"], "query_bits": FLOAT_BITS}
    reference = _users(pd.Series(about), asked.quality)
    if reference is None:
        return None
    mine, exact = (np.mean(list(users.values()), axis=0) for users in (own, reference))
    try:
        return budget.chance(mine, exact, asked.keep)
    except FewbitsError:
        return None
