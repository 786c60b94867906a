"""The points of Trade-offs as a table: human columns, best first. Pure but for streamlit's descriptions of columns."""

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import frontiers, labels, naming
from dashboard.labels import COSTS, QUALITY, Axis

MODEL = ["encoder", "dim", "layers", "loss", "seed", "seeds"]
"""What a model's name is made of (all columns would take ten times as long to go through)."""
NEEDED = ["run_id", "query_bits", "method", "frontier", "dataset", "hardware", "finished", "settings"]
HALF = "Half of the 95 % interval: of the mean over seeds; of one seed over users, where that is known."
ROWS = 300
"""Rows that the table shows; of more points, those on the frontier and the best of the others."""


@dataclass(frozen=True, eq=False)
class Listing:
    """A table as it is shown. Not to be changed: it is shared."""

    table: pd.DataFrame
    settings: dict[str, Any]
    """How each column is written."""
    keys: list[tuple[str, int]]
    """Run id and query bits of each row."""
    left_out: int
    """How many points have no row."""

    @cached_property
    def name(self) -> int:
        """A number that is another one for other rows or another order: a selection goes by the rows' numbers."""
        return zlib.crc32(repr(self.keys).encode())


def listing(judged: pd.DataFrame, x: Axis, y: Axis, qualities: list[str]) -> Listing:
    """Return the judged points with what is on the axes first.

    Parameters
    ----------
    qualities : columns of quality that are on the axes, such as ``recall@20``
    """
    ordered = frontiers.best_first(judged, y.column, ROWS)
    keys = list(zip(ordered["run_id"].tolist(), ordered["query_bits"].astype(int).tolist(), strict=True))
    return Listing(*_table(ordered, x, y, qualities), keys, len(judged) - len(ordered))


def _others(qualities: list[str]) -> list[Axis]:
    """Return what the table shows beside the axes."""
    own = [labels.axis(kind, int(k)) for kind, _, k in (column.partition("@") for column in qualities)]
    return [*own, *(labels.axis(kind) for kind in QUALITY), *COSTS.values()]


def needed(qualities: list[str]) -> list[str]:
    """Return the columns that `listing` reads beside those of the axes."""
    others = [axis.column for axis in _others(qualities)]
    return [*NEEDED, *MODEL, *others]


def _table(ordered: pd.DataFrame, x: Axis, y: Axis, qualities: list[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "Method": ordered["method"],
        "Frontier": ordered["frontier"].map({True: "● yes", False: ""}),
        "Users searched at": ordered["query_bits"].map(labels.queries),
    }
    if "seeds" in ordered and ordered["seeds"].max() > 1:
        columns["Seeds"] = ordered["seeds"]
    settings: dict[str, Any] = {"Method": st.column_config.TextColumn(pinned=True, width="medium")}
    for axis in [y, x, *_others(qualities)]:
        if axis.column in ordered and axis.title not in columns and ordered[axis.column].notna().any():
            columns[axis.title] = ordered[axis.column] * axis.scale
            settings[axis.title] = number(format=axis.format, help=axis.help)
            high = ordered.get(f"{axis.column}_high") if axis in (x, y) and "Seeds" in columns else None
            if high is not None and high.notna().any():
                half = (high - ordered[f"{axis.column}_low"]) / 2
                columns[f"± {axis.title}"] = half * axis.scale
                settings[f"± {axis.title}"] = number(format=axis.format, help=HALF)
    columns |= {
        "Data set": ordered["dataset"],
        "Model": [labels.model(r) for r in ordered[[c for c in MODEL if c in ordered]].to_dict("records")],
    }
    if ordered["settings"].nunique(dropna=False) > 1:
        columns["Trained otherwise"] = [naming.settings_text(text) for text in ordered["settings"]]
        settings["Trained otherwise"] = st.column_config.TextColumn(
            help="Training settings that are not as usual, and another split of the data: test items differ then."
        )
    columns |= {"Measured on": ordered["hardware"], "Finished": ordered["finished"]}
    settings["Finished"] = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="Time in UTC.")
    return pd.DataFrame(columns), settings
