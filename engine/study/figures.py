"""Figures of the study with their intervals, from its points. Everything that is said of the study is computed here.

A share kept is the recall@20 of a form over that of float32 with the same model and seed. Figures are means over seeds
with the 95 % interval of that mean (Student's t); of one seed there is no interval. Times are compared only between
points of one machine: for each model on a data set, the one with most of its timed points.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.spec import FLOAT_BITS
from engine.study.forms import FLOAT
from engine.study.plan import in_order

QUALITY = "recall@20"
P50 = "latency_p50_us"
SIZE = "bytes_per_item"
KEPT_EPOCH = "kept_epoch"
"""The epoch of tuning that validation kept; 0: what tuning began with."""
T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Number of values → 97.5 % quantile of Student's t with one degree of freedom less."""
Model = tuple[str, int, int]
"""Encoder, dimensions and layers."""
Served = tuple[str, str]
"""A form, and how users are searched."""
Point = dict[str, Any]
LIGHTGCN: Model = ("lightgcn", 64, 3)
"""The study's usual model."""
NEEDED = ("dataset", "form", "encoder", "dim", "layers", "seed", "bits", "query_bits", "hardware")
MEASURED = (QUALITY, P50, SIZE, KEPT_EPOCH, "recall_head@20", "recall_tail@20")


@dataclass(frozen=True)
class Figure:
    """A mean over seeds. ``half`` is half of its 95 % interval, None for one seed."""

    mean: float
    half: float | None
    seeds: int

    @property
    def low(self) -> float:
        return self.mean - (self.half or 0.0)

    @property
    def high(self) -> float:
        return self.mean + (self.half or 0.0)

    def value(self) -> str:
        """Return it with four decimals and its interval: ``0.1859 ± 0.0010``; one seed has none."""
        return f"{self.mean:.4f}" + ("" if self.half is None else f" ± {self.half:.4f}")

    def percent(self) -> str:
        """Return a share in per cent with one decimal and its interval: ``93.4 ± 0.8 %``; one seed has none."""
        return f"{self._hundredths('')} %"

    def points(self) -> str:
        """Return a difference of shares in percentage points, without a unit: ``−1.3 ± 1.1``; one seed has none."""
        return self._hundredths("+z")

    def _hundredths(self, sign: str) -> str:
        mean = f"{100 * self.mean:{sign}.1f}".replace("-", "−")
        return mean if self.half is None else f"{mean} ± {100 * self.half:.1f}"


class Study:
    """The points of a study: figures of its forms, on each data set and model."""

    def __init__(self, points: pd.DataFrame) -> None:
        """Take points as `engine.store.reference.points` gives them."""
        self._points: dict[tuple[str, str, Model], list[Point]] = {}
        self._machines: dict[tuple[str, Model], Counter[str]] = {}
        if len(points):
            there = [column for column in (*NEEDED, *MEASURED) if column in points]
            for point in _with_kept(points)[[*there, "kept"]].to_dict("records"):
                model = (point["encoder"], point["dim"], point["layers"])
                self._points.setdefault((point["dataset"], point["form"], model), []).append(point)
                if _measured(point, P50):
                    self._machines.setdefault((point["dataset"], model), Counter())[point["hardware"]] += 1

    def datasets(self) -> list[str]:
        """Return the data sets on which a form was measured beside float32, in the study's order."""
        there = {key[0] for key, points in self._points.items() if any(_measured(p, "kept") for p in points)}
        return in_order(there)

    def kept(self, dataset: str, form: str, users: str, model: Model = LIGHTGCN) -> Figure | None:
        """Return the share of float32's recall@20 that a form keeps; None where it was not measured.

        Parameters
        ----------
        users : "float32", or "own" for users coded like the items; float32 itself has one precision, which is both.
        """
        return self.value(dataset, form, users, "kept", model)

    def value(self, dataset: str, form: str, users: str, column: str, model: Model = LIGHTGCN) -> Figure | None:
        """Return a column of `MEASURED` as a figure; None where it was not measured."""
        return figure(self._by_seed(dataset, form, users, column, model).values())

    def gain(self, dataset: str, a: Served, b: Served, model: Model = LIGHTGCN) -> Figure | None:
        """Return how much more a keeps than b, each (form, users), paired by seed; None without common seeds."""
        return self.difference(dataset, "kept", (a, model), (b, model))

    def gains(self, a: Served, b: Served) -> dict[str, Figure]:
        """Return `gain` on each data set where it has an interval."""
        return sure({dataset: self.gain(dataset, a, b) for dataset in self.datasets()})

    def difference(self, dataset: str, column: str, a: tuple[Served, Model], b: tuple[Served, Model]) -> Figure | None:
        """Return by how much a column of a exceeds that of b, each ((form, users), model), paired by seed."""
        first, second = (self._by_seed(dataset, *which, column, model) for which, model in (a, b))
        return figure(first[seed] - second[seed] for seed in first if seed in second)

    def share(self, dataset: str, form: str, users: str, column: str) -> Figure | None:
        """Return a column of a form over that of float32, paired by seed."""
        return figure(self._shares(dataset, form, users, column).values())

    def share_gap(self, dataset: str, form: str, users: str, a: str, b: str) -> Figure | None:
        """Return by how much the `share` of column a exceeds that of column b, paired by seed."""
        first, second = (self._shares(dataset, form, users, column) for column in (a, b))
        return figure(first[seed] - second[seed] for seed in first if seed in second)

    def undone(self, dataset: str, form: str, model: Model = LIGHTGCN) -> tuple[int, int]:
        """Return on how many seeds validation kept what tuning began with, and of how many that is known."""
        epochs = self._by_seed(dataset, form, "own", KEPT_EPOCH, model).values()
        return sum(epoch == 0 for epoch in epochs), len(epochs)

    def size(self, dataset: str, form: str, model: Model = LIGHTGCN) -> float | None:
        """Return the bytes an item that a form takes in memory, scales and codebooks included."""
        found = self.value(dataset, form, "float32", SIZE, model)
        return None if found is None else found.mean

    def p50(self, dataset: str, form: str, users: str, model: Model = LIGHTGCN) -> float | None:
        """Return the median over seeds of the median latency in µs on `hardware`; None where it was not timed there."""
        times = self._timed(dataset, form, users, model)
        return statistics.median(times.values()) if times else None

    def speedup(
        self, dataset: str, form: str, users: str, other: str = FLOAT.text, model: Model = LIGHTGCN
    ) -> float | None:
        """Return how many times faster a form is than another with float32 users: the median over common seeds."""
        ratios = self._ratios(dataset, form, users, other, model)
        return statistics.median(ratios) if ratios else None

    def compared(self, dataset: str, form: str, users: str, other: str = FLOAT.text, model: Model = LIGHTGCN) -> int:
        """Return how many seeds `speedup` is the median of."""
        return len(self._ratios(dataset, form, users, other, model))

    def hardware(self, dataset: str, model: Model = LIGHTGCN) -> str | None:
        """Return the machine with most timed points of a model on a data set; None where none was timed."""
        machines = self._machines.get((dataset, model))
        return machines.most_common(1)[0][0] if machines else None

    def _ratios(self, dataset: str, form: str, users: str, other: str, model: Model) -> list[float]:
        own, theirs = self._timed(dataset, form, users, model), self._timed(dataset, other, "float32", model)
        return [theirs[seed] / own[seed] for seed in own if seed in theirs]

    def _shares(self, dataset: str, form: str, users: str, column: str) -> dict[int, float]:
        own = self._by_seed(dataset, form, users, column, LIGHTGCN)
        exact = self._by_seed(dataset, FLOAT.text, "float32", column, LIGHTGCN)
        return {seed: own[seed] / exact[seed] for seed in own if exact.get(seed)}

    def _timed(self, dataset: str, form: str, users: str, model: Model) -> dict[int, float]:
        return self._by_seed(dataset, form, users, P50, model, self.hardware(dataset, model))

    def _by_seed(
        self, dataset: str, form: str, users: str, column: str, model: Model, hardware: str | None = None
    ) -> dict[int, float]:
        """Return seed → a column of a form, on one machine or (None: any) the mean over machines."""
        values: dict[int, list[float]] = {}
        for point in self._points.get((dataset, form, model), ()):
            wanted = point["query_bits"] == (FLOAT_BITS if users == "float32" else point["bits"])
            if wanted and _measured(point, column) and hardware in (None, point["hardware"]):
                values.setdefault(point["seed"], []).append(point[column])
        return {seed: statistics.fmean(several) for seed, several in sorted(values.items())}


def figure(values: Iterable[float]) -> Figure | None:
    """Return the mean of a value for each seed with its interval; None of nothing."""
    seen = list(values)
    if not seen:
        return None
    n = len(seen)
    half = T.get(n, 1.96) * statistics.stdev(seen) / math.sqrt(n) if n > 1 else None
    return Figure(statistics.fmean(seen), half, n)


def sure(figures: Mapping[str, Figure | None]) -> dict[str, Figure]:
    """Return the figures that have an interval: of one seed nothing follows."""
    return {name: f for name, f in figures.items() if f is not None and f.half is not None}


def _measured(point: Point, column: str) -> bool:
    return column in point and not math.isnan(point[column])


def _with_kept(points: pd.DataFrame) -> pd.DataFrame:
    keys = ["dataset", "encoder", "dim", "layers", "loss", "seed"]
    exact: Any = points[points["quantizer"] == "float32"].drop_duplicates(keys).set_index(keys)[QUALITY]
    there = pd.MultiIndex.from_frame(points[keys])
    return points.assign(kept=points[QUALITY] / exact.reindex(there).to_numpy())
