"""How long the rest of a study takes: the sweep's estimate, corrected by how it was off so far."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from engine.spec import RunSpec
from engine.sweep import estimate_s, measured_training, measured_tuning, model_key

TRUSTED = 3
"""Runs that must be over before the estimate is corrected by them."""
MOST = 4.0
"""An estimate is made at most so many times longer or shorter."""


class Remaining:
    """Seconds that are left; told of every run that ended."""

    def __init__(self, sizes: Mapping[str, tuple[int, int, int]], tuned: Collection[str]) -> None:
        """Take data set → (users, items, interactions), and the quantizers that are trained themselves."""
        self.sizes, self.tuned = sizes, tuned
        self.trained: set[str] = set()
        self.points: Any = None
        self.ended_runs: list[tuple[float, float]] = []  # seconds expected and taken

    def look(self, points: Any, done: Sequence[RunSpec] = ()) -> None:
        """Take the catalog's points, and runs whose models need no training any more."""
        self.points = points
        self.trained |= {model_key(spec) for spec in done}

    def seconds(self, specs: Sequence[RunSpec]) -> float:
        """Return about how long these runs take, one after the other."""
        return self._by_rule(specs) * self._correction()

    def ended(self, spec: RunSpec, took_s: float) -> None:
        """Compare what a run took with what was expected of it."""
        self.ended_runs.append((self._by_rule([spec]), took_s))
        self.trained.add(model_key(spec))

    def _by_rule(self, specs: Sequence[RunSpec]) -> float:
        trained = {} if self.points is None else measured_training(self.points)
        tuned = {} if self.points is None else measured_tuning(self.points)
        return estimate_s(specs, self.sizes, self.trained, trained, self.tuned, tuned)

    def _correction(self) -> float:
        """Return the median of taken over expected, in which a run counts as much as was expected of it: one that had
        to wait for other work says nothing about the next.
        """
        expected, taken = np.array(self.ended_runs).reshape(-1, 2).T
        if len(expected) < TRUSTED or not expected.all():
            return 1.0
        off = taken / expected
        order = np.argsort(off)
        middle = np.searchsorted(np.cumsum(expected[order]), expected.sum() / 2)
        return float(np.clip(off[order[middle]], 1 / MOST, MOST))


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``35 s``, ``4 min``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
