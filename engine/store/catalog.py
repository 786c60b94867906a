"""The catalog: every run, its state and its measurement rows in DuckDB, published as immutable snapshots.

One process at a time writes (the engine, which holds ``runs/engine.lock``); each change becomes a new file
``runs/catalog/<ns>.duckdb`` and ``CURRENT`` is replaced to name it. Readers open what CURRENT names, read-only, and
can therefore never meet a locked database. Nothing lives here alone: ``Catalog(root).refresh()`` makes the same rows
again from the run folders.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from engine.errors import FewbitsError
from engine.store.files import disk_errors, read_json, write_json
from engine.store.folders import RunFolder, run_folders
from engine.store.rows import METHODS, ROWS, RUNS, SCALED, mtime, read_run, read_scaled

SETTINGS: dict[str, Any] = {
    "memory_limit": "1GB",
    "threads": 1,
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
KEPT = 5
"""Snapshots kept: a reader that opened one keeps its file even after it is pruned, one about to open it has seconds."""

WIDE = """
create table {name} as
with served as (select distinct {keys}, query_bits from {source} where query_bits is not null),
named as (  -- what holds for the index (bytes, seconds) holds for each precision it is asked with
    select {own}, served.query_bits, value, low, high,
           case when metric in ('recall', 'ndcg', 'overlap', 'tied') then metric || '@' || k else metric end as name
    from {source} m join served on ({own}) = ({theirs})
         and served.query_bits = coalesce(m.query_bits, served.query_bits)
    where threads is null or threads = 1),
wide as (
    select {keys}, query_bits, name as column_name, value from named
    union all select {keys}, query_bits, name || '_low', low from named where low is not null
    union all select {keys}, query_bits, name || '_high', high from named where high is not null)
select * from (pivot wide on column_name using first(value) group by {keys}, query_bits)
"""
OF_RUNS = """
join (select run_id, dataset, encoder, dim, layers, loss, seed, quantizer, bits, options, settings, hardware,
             finished
      from runs where state = 'done') using (run_id)
order by run_id, "index", query_bits desc
"""


def _wide(name: str, source: str, *keys: str) -> str:
    """Return SQL that makes a table with a row for each index and query precision, its metrics as columns."""
    of = {prefix: ", ".join(f'{prefix}."{key}"' for key in keys) for prefix in ("m", "served")}
    plain = ", ".join(f'"{key}"' for key in keys)
    return WIDE.format(name=name, source=source, keys=plain, own=of["m"], theirs=of["served"])


POINTS = _wide("points", "measurements", "run_id", "index") + OF_RUNS
SCALED_POINTS = _wide("scaled_points", "scaled", "run_id", "index", "items", "hardware", "measured")


class Catalog:
    """The writer's side: keeps what it read of each folder, and publishes a snapshot when something changed."""

    def __init__(self, root: Path, methods: list[dict[str, Any]] | None = None) -> None:
        """``methods`` describes quantizers and encoders for the dashboard's forms; None keeps those of the last
        snapshot.
        """
        self.root = root
        self.folder = root / "catalog"
        self.methods = methods
        self._seen: dict[str, tuple[Any, dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = {}
        self._published: Any = None

    def refresh(self) -> dict[str, str]:
        """Read the folders that changed, publish where anything did, and return the state of every run."""
        present = set()
        for folder in run_folders(self.root):
            present.add(folder.run_id)
            self._read(folder)
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in present}
        version = (tuple((run_id, seen[0]) for run_id, seen in self._seen.items()), json.dumps(self.methods))
        if version != self._published or not self._there():
            self._publish()
            self._published = version
        return {run_id: seen[1]["state"] for run_id, seen in self._seen.items()}

    def _there(self) -> bool:
        """Return whether the current snapshot still is: the catalog may be deleted at any time."""
        name = snapshot_id(self.root)
        return name is not None and (self.folder / name).exists()

    def _read(self, folder: RunFolder) -> None:
        committed = (mtime(folder.file("manifest.json")), mtime(folder.file("scale.json")))
        seen = self._seen.get(folder.run_id)
        if seen and committed[0] and seen[1]["state"] == "done" and seen[0][1] == committed:
            return  # committed and unchanged: nothing in it can differ
        state = folder.state()
        version = (state, committed, mtime(folder.file("attempt.json")), mtime(folder.file("queued.json")))
        if seen and seen[0] == version:
            return
        try:
            row, rows = read_run(folder, state)
        except FewbitsError:
            return  # a specification that cannot be read is no run; `doctor` lists such folders
        self._seen[folder.run_id] = (version, row, rows, read_scaled(folder) if state == "done" else [])

    def _publish(self) -> None:
        """Write a snapshot under the next number and make CURRENT name it. It is the time, so that no name comes back
        after the catalog was deleted: readers keep what they read under it.
        """
        runs = [seen[1] for seen in self._seen.values()]
        rows, scaled = ([r for seen in self._seen.values() for r in seen[place]] for place in (2, 3))
        methods = self.methods if self.methods is not None else _last_methods(self.root)
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            number = max([time.time_ns(), *(int(p.stem) + 1 for p in self._snapshots())])
            part = self.folder / f".{number}.{os.getpid()}.part"
            try:
                with duckdb.connect(part, config=SETTINGS) as connection:
                    for name, schema, content in (
                        ("runs", RUNS, runs),
                        ("measurements", ROWS, rows),
                        ("scaled", SCALED, scaled),
                        ("methods", METHODS, methods),
                    ):
                        connection.register("content", pa.Table.from_pylist(content, schema=schema))
                        connection.execute(f"create table {name} as select * from content")
                        connection.unregister("content")
                    for sql, there in ((POINTS, rows), (SCALED_POINTS, scaled)):
                        if there:
                            connection.execute(sql)
                os.replace(part, self.folder / f"{number}.duckdb")
            finally:  # what a full disk cut off would fill it further
                for left in self.folder.glob(f"{part.name}*"):
                    left.unlink(missing_ok=True)
            write_json(self.folder / "CURRENT", {"snapshot": f"{number}.duckdb", "at_ns": time.time_ns()})
            for old in self._snapshots()[:-KEPT]:
                old.unlink(missing_ok=True)

    def _snapshots(self) -> list[Path]:
        return sorted((p for p in self.folder.glob("*.duckdb") if p.stem.isdigit()), key=lambda p: int(p.stem))


def _last_methods(root: Path) -> list[dict[str, Any]]:
    if snapshot_id(root) is None:
        return []
    return query(root, "select * from methods").to_dict("records")


def snapshot_id(root: Path) -> str | None:
    """Return the name of the current snapshot, which changes whenever the catalog does; None before the first."""
    current = read_json(root / "catalog" / "CURRENT")
    return None if current is None else str(current["snapshot"])


@contextmanager
def reading(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the current snapshot read-only; FewbitsError before the first was published, and for a damaged one."""
    try:
        with _opened(root) as connection:
            yield connection
    except duckdb.Error as error:
        if not isinstance(error, duckdb.IOException) and "Corrupt" not in str(error):
            raise  # not the file's fault
        words = f"the catalog in {root} cannot be read: `python -m engine runs --rebuild` makes it anew"
        raise FewbitsError(words) from error


def _opened(root: Path) -> duckdb.DuckDBPyConnection:
    for last_try in (False, True):
        if (name := snapshot_id(root)) is None:
            break
        try:
            return duckdb.connect(root / "catalog" / name, read_only=True, config=SETTINGS)
        except duckdb.IOException:  # pruned between reading CURRENT and opening: CURRENT names a newer one
            if last_try:
                raise
    raise FewbitsError(f"no catalog in {root} yet: start the engine with `python -m engine serve`")


def query(root: Path, sql: str, values: list[Any] | None = None) -> pd.DataFrame:
    """Return the result of a read-only query with bound parameters as a DataFrame."""
    with reading(root) as connection:
        return connection.execute(sql, values or []).df()


def runs(root: Path) -> pd.DataFrame:
    """Return all runs, newest submission first."""
    return query(root, "select * from runs order by submitted desc, run_id")


def points(root: Path) -> pd.DataFrame:
    """Return one row per measured point (run, index, query bits), its metrics as columns: ``recall@20``,
    ``recall@20_low``, ``latency_p50_us``, ``bytes_per_item`` …; empty before the first finished run."""
    return _where_there(root, "points")


def scaled_points(root: Path) -> pd.DataFrame:
    """Return one row per point and larger catalogue (run, index, query bits, items), with the hardware it was measured
    on and its latency and memory as columns; empty where no run was measured at another size."""
    return _where_there(root, "scaled_points")


def _where_there(root: Path, table: str) -> pd.DataFrame:
    with reading(root) as connection:
        there = connection.execute(
            "select count(*) from information_schema.tables where table_name = ?", [table]
        ).fetchone()
        return connection.execute(f"select * from {table}").df() if there and there[0] else pd.DataFrame()


def wide(runs: pa.Table, rows: pa.Table) -> pd.DataFrame:
    """Return `points` of runs (columns of RUNS) and their measurement rows (columns of ROWS) that lie in no catalog."""
    with duckdb.connect(config=SETTINGS) as connection:
        connection.register("runs", runs)
        connection.register("measurements", rows)
        connection.execute(POINTS)
        return connection.execute("select * from points").df()


def measurements(root: Path, run_ids: list[str] | None = None) -> pd.DataFrame:
    """Return measurement rows, of all runs or of those named."""
    if run_ids is None:
        return query(root, "select * from measurements order by all")
    return query(root, "select * from measurements where list_contains(?, run_id) order by all", [run_ids])


def methods(root: Path, kind: str) -> list[dict[str, Any]]:
    """Return the descriptions of all methods of a kind ("quantizer", "encoder", "loss"), as the engine gave them."""
    texts = query(root, "select description from methods where kind = ? order by name", [kind])["description"]
    return [json.loads(text) for text in texts]


def rebuild(root: Path, described: list[dict[str, Any]] | None = None) -> int:
    """Delete the catalog and make it anew from the run folders; return the number of runs. The caller holds the
    engine's lock.
    """
    described = described if described is not None else _last_methods(root)
    for path in (root / "catalog").glob("*"):
        path.unlink()
    return len(Catalog(root, described).refresh())
