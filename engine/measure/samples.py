"""What raw latency samples say: percentiles and intervals as measurement rows, and a note where they are in doubt.

The p50 is the median of the rounds' medians, and its interval reaches from the lowest round to the highest; p95 and p99
are of all samples together, with intervals from order statistics.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.spec import DRIFT_LIMIT, LATENCY_K


@dataclass(frozen=True, eq=False)
class Samples:
    """Microseconds of single searches of one setting, in the order they were taken."""

    threads: int
    batch: int
    microseconds: np.ndarray  # float64 [m]
    rounds: np.ndarray  # int32 [m]
    drift: float = 0.0  # per cent by which the slowest calibration around them was slower than the fastest of all
    cold: bool = False


def summarise(samples: list[Samples]) -> list[dict[str, Any]]:
    """Return the measurement rows of one query precision: p50, p95, p99 and cold p50 of single queries (µs), queries a
    second of batches, each with an interval, and by how many per cent the calibration moved. A percentile has no row
    where the samples are too few for it.
    """
    rows = []
    for s in samples:
        common = {"threads": s.threads, "batch": s.batch, "k": LATENCY_K}
        if s.batch > 1:
            value, most, least = (s.batch * 1e6 / v for v in median_of_rounds(s))
            row = {"metric": "throughput_qps", "unit": "queries/s", "value": value, "low": least, "high": most}
            rows.append({**common, **row})
            continue
        figures: dict[str, tuple[float, float | None, float | None]]
        figures = {"latency_cold_p50_us" if s.cold else "latency_p50_us": median_of_rounds(s)}
        for q in (95, 99) if not s.cold else ():
            if len(s.microseconds) * (100 - q) >= 100:
                figures[f"latency_p{q}_us"] = percentile(s.microseconds, q)
        for metric, (value, low, high) in figures.items():
            rows.append({**common, "metric": metric, "unit": "us", "value": value, "low": low, "high": high})
    return [*rows, {"metric": "calibration_drift", "unit": "%", "value": max(s.drift for s in samples)}]


def doubts(samples: Mapping[int, list[Samples]]) -> list[str]:
    """Return a sentence for a person where the calibration moved too far in spite of measuring again."""
    drift = max((s.drift for several in samples.values() for s in several), default=0.0)
    if drift <= DRIFT_LIMIT:
        return []
    return [
        f"the machine did not keep its pace while searches were timed: a fixed calibration loop took up to {drift:.0f} "
        f"% longer than at its fastest (at most {DRIFT_LIMIT:.0f} % is expected), also when measured again. Take these "
        "times with caution: close other programs and measure anew"
    ]


def slowed(measurements: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a run's rows say that the machine did not keep its pace while searches were timed."""
    return any(row["metric"] == "calibration_drift" and row["value"] > DRIFT_LIMIT for row in measurements)


def median_of_rounds(samples: Samples) -> tuple[float, float, float]:
    """Return the median of the rounds' medians, and the lowest and the highest of these."""
    medians = [float(np.median(samples.microseconds[samples.rounds == r])) for r in np.unique(samples.rounds)]
    return float(np.median(medians)), min(medians), max(medians)


def percentile(samples: np.ndarray, q: float) -> tuple[float, float | None, float | None]:
    """Return the q-th percentile and its 95 % interval from order statistics (normal approximation of the binomial).

    An end is None where no sample bounds it: all of 102 lie below the true 99th percentile in 36 of 100 cases.
    """
    ordered, n, p = np.sort(samples), len(samples), q / 100
    spread = 1.96 * np.sqrt(n * p * (1 - p))
    ends = [int(np.floor(n * p - spread)) - 1, int(np.floor(n * p + spread))]  # from 0
    low, high = (float(ordered[at]) if 0 <= at < n else None for at in ends)
    return float(ordered[int(n * p)]), low, high
