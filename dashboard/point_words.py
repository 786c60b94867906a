"""What a chart says of a point: the text that appears over it, and short names beside it. Pure."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashboard import labels, naming
from engine.spec import DRIFT_LIMIT

NEEDED = (
    "method", "query_bits", "dataset", "encoder", "dim", "layers", "loss", "settings", "seed", "seeds", "hardware",
    "items",
    "calibration_drift", *labels.COSTS,
    *(f"{kind}@20{end}" for kind in labels.QUALITY for end in ("", "_low", "_high")),
)  # fmt: skip
"""The columns that `hover` reads."""


def records(points: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each point what `hover` reads (the other columns, a hundred, would take ten times as long)."""
    there = [column for column in NEEDED if column in points]
    rows = zip(*(points[column].tolist() for column in there), strict=True)
    return [dict(zip(there, row, strict=True)) for row in rows]


def hover(row: dict[str, Any]) -> str:
    """Return the full specification and the main measurements of a point, as lines."""
    lines = [f"<b>{row['method']}</b>, {labels.queries(row['query_bits'])}", f"{row['dataset']} · {labels.model(row)}"]
    if settings := naming.settings_text(row.get("settings")):
        lines.append(f"not as usual: {settings}")
    for column in ("recall@20", "ndcg@20", "overlap@20"):
        lines.append(f"{labels.axis_title(column)}: {labels.share(row.get(column))}{_interval(row, column)}")
    for axis in labels.COSTS.values():
        if not pd.isna(row.get(axis.column)):
            lines.append(f"{axis.title}: {labels.number(row[axis.column] * axis.scale)}")
    if doubtful := doubt(row.get("calibration_drift")):
        lines.append(f"times in doubt: {doubtful} meanwhile")
    if row.get("hardware"):
        lines.append(str(row["hardware"]) + (f", {row['items']:,} items" if row.get("items") else ""))
    return "<br>".join([*lines, "<i>click to select</i>"])


def doubt(drift: Any) -> str:
    """Return why the times of a point are in doubt; "" where they are not, or nothing is known of it.

    Parameters
    ----------
    drift : "calibration_drift", by how many per cent the machine was slower than at its best
    """
    return "" if pd.isna(drift) or drift <= DRIFT_LIMIT else f"the machine lost {drift:.0f} % of its pace"


def _interval(row: dict[str, Any], column: str) -> str:
    low, high = row.get(f"{column}_low"), row.get(f"{column}_high")
    return "" if pd.isna(low) or pd.isna(high) else f" ({low:.4f}–{high:.4f})"


def short_names(methods: Sequence[str]) -> list[str]:
    """Return "uniform 4 bit" for "uniform 4 bit, scale row", keeping options that tell two of one name apart."""
    parts = [method.split(", ") for method in methods]
    named = []
    for head, *options in parts:
        others = [set(rest) for other, *rest in parts if other == head]
        telling = [o for o in options if not all(o in rest for rest in others)]
        named.append(", ".join([head, *telling]))
    return named
