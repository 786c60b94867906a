"""The comparison as CSV: the catalog's points with full precision, safe to open in a spreadsheet."""

import pandas as pd

from dashboard import labels

TRIGGERS = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins with one of these can be run as a formula by a spreadsheet."""
LABEL = "label"


def to_csv(points: pd.DataFrame, defaults: labels.Defaults | None = None) -> str:
    """Return the points as CSV text: one row each, every column of the catalog, and first a label in plain words.

    Numbers are written so that reading them gives the same float again; what was not measured is empty; text (also in
    the header) that a spreadsheet could run is preceded by an apostrophe.
    """
    table = points.copy()
    table.insert(0, LABEL, [labels.point(row, defaults) for row in points.to_dict("records")])
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]) and not pd.api.types.is_datetime64_any_dtype(table[column]):
            table[column] = table[column].map(safe)
    table.columns = [safe(column) for column in table.columns]
    return table.to_csv(index=False, lineterminator="\r\n")


def safe(cell: object) -> object:
    """Return a cell that no spreadsheet runs: text that begins with a trigger gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(TRIGGERS) else cell
