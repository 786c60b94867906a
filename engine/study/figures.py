"""Figures of the study with their intervals, from its points. Everything that is said of the study is computed here.

A share kept is the recall@20 of a form over that of float32 with the same model and seed. Figures are means over seeds
with the 95 % interval of that mean (Student's t); of one seed there is no interval. Times are compared only between
points of one machine: for each model on a data set, the one with most of its timed points; of its seeds those count on
which the machine kept its pace, where there are any.
"""

import math
import statistics
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from engine.spec import DRIFT_LIMIT, FLOAT_BITS
from engine.study.forms import FLOAT
from engine.study.plan import in_order

K = TypeVar("K", bound=Hashable)
QUALITY = "recall@20"
P50 = "latency_p50_us"
SIZE = "bytes_per_item"
KEPT_EPOCH = "kept_epoch"
"""The epoch of tuning that validation kept; 0: what tuning began with."""
DRIFT = "calibration_drift"
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
     2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
     2.042)  # fmt: skip
"""97.5 % quantiles of Student's t with 1, 2, … degrees of freedom; the last serves for more."""
DOUBT = (
    "Seeds on which the machine did not keep its pace while searches were timed (over "
    f"{DRIFT_LIMIT:.0f} % lost) do not count; *≈*: there are no others."
)
Served = tuple[str, str]
"""A form, and how users are searched."""
Point = dict[str, Any]
NEEDED = ("dataset", "form", "encoder", "dim", "layers", "loss", "seed", "bits", "query_bits", "hardware")
MEASURED = (QUALITY, P50, SIZE, DRIFT, KEPT_EPOCH, "recall_head@20", "recall_tail@20")


class Model(NamedTuple):
    """What tells the study's models apart. Those with the loss of their papers are trained as published altogether."""

    encoder: str
    dim: int
    layers: int
    loss: str = "softmax"


LIGHTGCN = Model("lightgcn", 64, 3)
"""The study's usual model."""
AS_PUBLISHED = LIGHTGCN._replace(loss="bpr")
"""The same, trained as published."""


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


class Timed(float):
    """A time in µs, or how many times as fast: the median over seeds. ``seeds`` says of how many, ``doubtful`` that the
    machine kept its pace on none of them.
    """

    seeds: int
    doubtful: bool

    @classmethod
    def of(cls, values: Sequence[tuple[float, bool]]) -> "Timed | None":
        """Return the median of (value, whether it is in doubt), of those that are not in doubt where there are any."""
        sound = [value for value, doubtful in values if not doubtful]
        used = sound or [value for value, _ in values]
        if not used:
            return None
        timed = cls(statistics.median(used))
        timed.seeds, timed.doubtful = len(used), not sound
        return timed

    def text(self, form: str = ".1f") -> str:
        """Return it as a number, after ≈ where it is doubtful."""
        return f"{'≈' * self.doubtful}{self:{form}}"


class Study:
    """The points of a study: figures of its forms, on each data set and model."""

    def __init__(self, points: pd.DataFrame) -> None:
        """Take points as `engine.store.reference.points` gives them."""
        self._points: dict[tuple[str, str, Model], list[Point]] = {}
        self._machines: dict[tuple[str, Model], Counter[str]] = {}
        if len(points):
            there = [column for column in (*NEEDED, *MEASURED) if column in points]
            for point in _with_kept(points)[[*there, "kept"]].to_dict("records"):
                model = Model(point["encoder"], point["dim"], point["layers"], point["loss"])
                self._points.setdefault((point["dataset"], point["form"], model), []).append(point)
                if _measured(point, P50):
                    self._machines.setdefault((point["dataset"], model), Counter())[point["hardware"]] += 1

    def datasets(self) -> list[str]:
        """Return the data sets on which a form was measured beside float32, in the study's order."""
        forms = ((dataset, points) for (dataset, form, _), points in self._points.items() if form != FLOAT.text)
        there = {dataset for dataset, points in forms if any(_measured(point, "kept") for point in points)}
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

    def gains(self, a: Served, b: Served, model: Model = LIGHTGCN) -> dict[str, Figure]:
        """Return `gain` on each data set where it has an interval."""
        return sure({dataset: self.gain(dataset, a, b, model) for dataset in self.datasets()})

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

    def p50(self, dataset: str, form: str, users: str, model: Model = LIGHTGCN) -> Timed | None:
        """Return the median latency in µs on `hardware`; None where it was not timed there."""
        return Timed.of(list(self._timed(dataset, form, users, model).values()))

    def speedup(
        self, dataset: str, form: str, users: str, other: str = FLOAT.text, model: Model = LIGHTGCN
    ) -> Timed | None:
        """Return how many times faster a form is than another with float32 users, seed by seed."""
        own, theirs = self._timed(dataset, form, users, model), self._timed(dataset, other, "float32", model)
        common = ((own[seed], theirs[seed]) for seed in own if seed in theirs)
        return Timed.of([(slow / fast, doubt or doubts) for (fast, doubt), (slow, doubts) in common])

    def hardware(self, dataset: str, model: Model = LIGHTGCN) -> str | None:
        """Return the machine with most timed points of a model on a data set; None where none was timed."""
        machines = self._machines.get((dataset, model))
        return machines.most_common(1)[0][0] if machines else None

    def _shares(self, dataset: str, form: str, users: str, column: str) -> dict[int, float]:
        own = self._by_seed(dataset, form, users, column, LIGHTGCN)
        exact = self._by_seed(dataset, FLOAT.text, "float32", column, LIGHTGCN)
        return {seed: own[seed] / exact[seed] for seed in own if exact.get(seed)}

    def _timed(self, dataset: str, form: str, users: str, model: Model) -> dict[int, tuple[float, bool]]:
        """Return seed → the median latency in µs on `hardware`, and whether it is in doubt."""
        of = (dataset, form, users)
        where = (model, self.hardware(dataset, model))
        lost = self._by_seed(*of, DRIFT, *where)
        return {seed: (us, lost.get(seed, 0.0) > DRIFT_LIMIT) for seed, us in self._by_seed(*of, P50, *where).items()}

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
    half = T[min(n - 1, len(T)) - 1] * statistics.stdev(seen) / math.sqrt(n) if n > 1 else None
    return Figure(statistics.fmean(seen), half, n)


def sure(figures: Mapping[K, Figure | None]) -> dict[K, Figure]:
    """Return the figures that have an interval: of one seed nothing follows."""
    return {name: f for name, f in figures.items() if f is not None and f.half is not None}


def _measured(point: Point, column: str) -> bool:
    return column in point and not math.isnan(point[column])


def _with_kept(points: pd.DataFrame) -> pd.DataFrame:
    keys = ["dataset", "encoder", "dim", "layers", "loss", "seed"]
    exact: Any = points[points["quantizer"] == "float32"].drop_duplicates(keys).set_index(keys)[QUALITY]
    there = pd.MultiIndex.from_frame(points[keys])
    return points.assign(kept=points[QUALITY] / exact.reindex(there).to_numpy())
