"""Points at larger catalogues, without streamlit: what was measured there takes the place of the data set's own costs.

Nothing is extrapolated: a point that was not measured at a size is not there at that size.
"""

import pandas as pd

from dashboard.labels import COSTS
from engine.store.scaling import STANDARD

KEYS = ["run_id", "index", "query_bits"]
COSTLY = ("latency_", "throughput_", "index_bytes", "bytes_per_item", "compression", "build_s", "calibration_drift")
"""How the columns begin that depend on the number of items."""


def offered(scaled: pd.DataFrame) -> list[int]:
    """Return the sizes to choose from: those that any run was measured at, and the usual ones."""
    measured = set(scaled["items"].tolist()) if len(scaled) else set()
    return sorted(measured | set(STANDARD))


def at(points: pd.DataFrame, scaled: pd.DataFrame, items: int) -> pd.DataFrame:
    """Return the points that were measured at a size, with "items", and with costs and hardware of that measurement.

    Quality stays that of the data set itself.
    """
    kept = points.drop(columns=[c for c in points if c.startswith(COSTLY) or c == "hardware"])
    there = scaled[scaled["items"] == items] if len(scaled) else pd.DataFrame(columns=[*KEYS, "items", "hardware"])
    found = kept.merge(there.drop(columns="measured", errors="ignore"), on=KEYS, how="inner")
    return found.assign(**{column: float("nan") for column in COSTS if column not in found})


def lacking(points: pd.DataFrame, scaled: pd.DataFrame, items: int) -> list[str]:
    """Return the runs of the points that were not measured at a size, in the points' order."""
    measured = set(scaled.loc[scaled["items"] == items, "run_id"]) if len(scaled) else set()
    return [run_id for run_id in points["run_id"].drop_duplicates() if run_id not in measured]
