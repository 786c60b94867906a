"""The rows of the reference study that are shipped with Fewbits: ``runs/reference/*.parquet``.

``runs.parquet`` has a row a run, finished or failed, as the catalog has it (`engine.store.rows.RUNS`);
``rows.parquet`` has the measurement rows, each with the machine, the versions and the commit that it was measured with.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import FewbitsError
from engine.store.catalog import wide
from engine.store.files import disk_errors
from engine.store.rows import ROWS, RUNS

VARIABLE = "FEWBITS_REFERENCE"
"""Names another folder; one that is not there means: without the reference."""
FOLDER = Path(__file__).resolve().parents[2] / "runs" / "reference"
FILES = {"runs": "runs.parquet", "rows": "rows.parquet"}
SHIPPED_RUNS = pa.schema([*RUNS, ("chosen", pa.string()), ("form", pa.string())])
"""``chosen``: the options that were not at their default, as JSON; ``form``: them with quantizer and bits in words
(`engine.study.forms.form_text`).
"""
SHIPPED_ROWS = pa.schema([
    *ROWS, ("dataset", pa.string()), ("hardware", pa.string()), ("versions", pa.string()), ("commit", pa.string()),
    ("measured", pa.timestamp("us")),
])  # fmt: skip
MOST_BYTES = 5_000_000


def folder() -> Path:
    """Return the folder of the shipped rows: beside the code, or where ``FEWBITS_REFERENCE`` says."""
    given = os.environ.get(VARIABLE)
    return Path(given).expanduser() if given else FOLDER


def there(path: Path) -> bool:
    """Return whether rows lie in a folder."""
    return all((path / name).is_file() for name in FILES.values())


def version(path: Path) -> str:
    """Return a text that changes when the files do; "" where there are none."""
    if not there(path):
        return ""
    seen = [(path / name).stat() for name in FILES.values()]
    return "-".join(f"{s.st_mtime_ns:x}.{s.st_size:x}" for s in seen)


def write(path: Path, runs: list[dict[str, Any]], rows: list[dict[str, Any]]) -> int:
    """Write both files, each whole or not at all; return their bytes.

    Raises
    ------
    FewbitsError
        They are larger than what is shipped, or the disk refuses.
    """
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        size, parts = 0, []
        for (key, name), content in zip(FILES.items(), (runs, rows), strict=True):
            table = pa.Table.from_pylist(content, schema=SHIPPED_RUNS if key == "runs" else SHIPPED_ROWS)
            part = path / f".{name}.{os.getpid()}.part"
            pq.write_table(table, part, compression="zstd", compression_level=19)
            size += part.stat().st_size
            parts.append((part, path / name))
        if size > MOST_BYTES:
            for part, _ in parts:
                part.unlink()
            raise FewbitsError(f"{size:,} bytes of rows, at most {MOST_BYTES:,} are shipped: collect fewer data sets")
        for part, whole in parts:
            part.replace(whole)
    return size


def stored(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shipped runs and rows as `write` takes them; empty where none are shipped."""
    read = (_read(path, "runs", SHIPPED_RUNS), _read(path, "rows", SHIPPED_ROWS))
    return read[0].to_pylist(), read[1].to_pylist()


def runs(path: Path) -> pd.DataFrame:
    """Return the shipped runs, one row each with the columns of the catalog; empty where none are shipped."""
    return _read(path, "runs", SHIPPED_RUNS).to_pandas()


def rows(path: Path) -> pd.DataFrame:
    """Return the shipped measurement rows; empty where none are shipped."""
    return _read(path, "rows", SHIPPED_ROWS).to_pandas()


def points(path: Path) -> pd.DataFrame:
    """Return the shipped points as `engine.store.catalog.points` has them, with "checkpoint", "split", "chosen"
    and "form"; empty where none are.
    """
    known = _read(path, "runs", SHIPPED_RUNS)
    if not known.num_rows:
        return pd.DataFrame()
    table = wide(known, _read(path, "rows", SHIPPED_ROWS).select(ROWS.names))
    more = known.select(["run_id", "checkpoint", "split", "chosen", "form"]).to_pandas()
    return table.merge(more, on="run_id", how="left", validate="m:1")


def _whole(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of a schema; "settings" may be missing: they are not told by what was collected before."""
    if "settings" in schema.names and "settings" not in table.column_names:
        table = table.append_column("settings", pa.nulls(table.num_rows, pa.string()))
    return table.select(schema.names)


def _read(path: Path, key: str, schema: pa.Schema) -> pa.Table:
    if not there(path):
        return schema.empty_table()
    try:
        return _whole(pq.read_table(path / FILES[key]), schema).cast(schema)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise FewbitsError(
            f"{path / FILES[key]} cannot be read as reference rows ({type(error).__name__}): fetch it again, or write "
            "it anew with `python -m engine study collect`"
        ) from error
