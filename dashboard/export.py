"""Tables and charts as files: CSV that a spreadsheet opens safely, Parquet and JSON that keep types, charts as HTML."""

import html
import io
import json
import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard import columns, labels

TRIGGERS = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins with one of these can be run as a formula by a spreadsheet."""
LABEL = "label"


def to_csv(points: pd.DataFrame, defaults: labels.Defaults | None = None) -> str:
    """Return the points as CSV text: one row each, every column of the catalog, and first a label in plain words."""
    return csv_of(labelled(points, defaults))


def to_parquet(points: pd.DataFrame, defaults: labels.Defaults | None = None) -> bytes:
    """Return the same columns as Parquet: typed, times in UTC, units and meanings in the fields' metadata."""
    return parquet_of(labelled(points, defaults))


def to_json(points: pd.DataFrame, defaults: labels.Defaults | None = None) -> str:
    """Return ``{"columns": [{name, type, unit, meaning}], "rows": [{column: value}]}`` with the same columns."""
    return json_of(labelled(points, defaults))


def labelled(points: pd.DataFrame, defaults: labels.Defaults | None = None) -> pd.DataFrame:
    """Return the points with their labels as the first column."""
    table = points.drop(columns="method", errors="ignore")
    table.insert(0, LABEL, [labels.point(row, defaults) for row in points.to_dict("records")])
    return table


def csv_of(table: pd.DataFrame) -> str:
    """Return a table as CSV text.

    Numbers are written so that reading them gives the same float again; what was not measured is empty; text (also in
    the header) that a spreadsheet could run is preceded by an apostrophe.
    """
    table = table.copy()
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]) and not pd.api.types.is_datetime64_any_dtype(table[column]):
            table[column] = table[column].map(safe)
    table.columns = [safe(column) for column in table.columns]
    return table.to_csv(index=False, lineterminator="\r\n")


def safe(cell: object) -> object:
    """Return a cell that no spreadsheet runs: text that begins with a trigger gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(TRIGGERS) else cell


def parquet_of(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet; what was not measured is null."""
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    for place, field in enumerate(arrow.schema):
        column = arrow.column(place)
        if pa.types.is_timestamp(field.type):
            column, field = column.cast(pa.timestamp("us", "UTC")), pa.field(field.name, pa.timestamp("us", "UTC"))
        about = {"meaning": columns.meaning(field.name), "unit": columns.unit(field.name)}
        field = field.with_metadata({key: text for key, text in about.items() if text})
        arrow = arrow.set_column(place, field, column)
    file = io.BytesIO()
    pq.write_table(arrow, file, compression="zstd")
    return file.getvalue()


def json_of(table: pd.DataFrame, **more: Any) -> str:
    """Return a table as JSON with its columns explained; what was not measured is null, ``more`` stands before it."""
    about = [
        {"name": name, "type": _kind(table[name]), "unit": columns.unit(name), "meaning": columns.meaning(name)}
        for name in table.columns
    ]
    rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")]
    return json.dumps({**more, "columns": about, "rows": rows}, indent=1, ensure_ascii=False, allow_nan=False)


def _kind(column: "pd.Series[Any]") -> str:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "time"
    if pd.api.types.is_integer_dtype(column):
        return "integer"
    return "number" if pd.api.types.is_numeric_dtype(column) else "text"


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it: times as ISO 8601 in UTC, null for what is missing."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value.isoformat()}Z"
    return value.item() if hasattr(value, "item") else value


def to_html(figure: go.Figure, name: str) -> str:
    """Return a chart as one HTML file (some 5 MB) that works without a network: hover, zoom, and a picture of it."""
    own = go.Figure(figure).update_layout(
        template="plotly_white", paper_bgcolor="white", plot_bgcolor="white", dragmode="zoom", clickmode="event",
        width=None,
    )  # fmt: skip
    config = {"displaylogo": False, "responsive": True, "toImageButtonOptions": {"filename": name, "scale": 2}}
    page = own.to_html(include_plotlyjs=True, config=config, default_height="90vh")
    return page.replace("<head>", f"<head><title>{html.escape(name)}</title>", 1)
