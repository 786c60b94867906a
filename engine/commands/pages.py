"""``bench dashboard``: how long the dashboard's pages take with thousands of runs in the catalog."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.commands.tables import Column, table
from engine.errors import FewbitsError
from engine.measure.machine import machine
from engine.service.supervisor import say
from engine.store.status import engine_lock

REPOSITORY = Path(__file__).resolve().parents[2]
WITH_LISTS = 8
"""Runs that also get the lists of single users: the pages about users open the first of them."""
_COLUMNS: list[Column] = [
    ("", -36, lambda row: row["what"]),
    ("ms", 6, lambda row: f"{row['ms']:,}"),
    ("fastest", 8, lambda row: f"{row['low_ms']:,}"),
    ("slowest", 8, lambda row: f"{row['high_ms']:,}"),
    ("aim", 7, lambda row: f"< {row['aim_ms']}"),
    ("", -7, lambda row: " met" if row["met"] else " MISSED"),
]


@click.command(epilog="Example:  python -m engine bench dashboard --runs 2000")
@click.option("--runs", type=click.IntRange(1, 20_000), default=2000, show_default=True, help="Synthetic runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def dashboard(runs: int, as_json: bool) -> None:
    """Time the dashboard's pages in a browser over a catalog of synthetic runs.

    Needs the extra `test` and a Chromium. Nothing of your own runs is read or changed.
    """
    from engine.commands.describing import methods
    from engine.measure.synthetic import ALL_FORMATS
    from engine.measure.synthetic_runs import make

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        say(f"writing {runs:,} synthetic runs")
        make(root, runs, methods(), with_lists=WITH_LISTS, formats=ALL_FORMATS)
        with engine_lock(root):  # the dashboard starts no engine beside the measurement
            result = {"hardware": machine()["hardware"], "runs": runs, **_measured(root)}
    click.echo(json.dumps(result) if as_json else "\n".join(report(result)))


def _measured(root: Path) -> dict[str, Any]:
    """Return what `dashboard.bench` measured, in a process of its own: the engine imports nothing of the dashboard."""
    command = [sys.executable, "-m", "dashboard.bench", str(root)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise FewbitsError(said[-1].removeprefix("error: ") if said else "the pages could not be measured")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the text."""
    yield result["hardware"]
    yield f"{result['runs']:,} synthetic runs; Chromium and the server on this machine"
    yield ""
    yield from table(result["rows"], _COLUMNS)
    missed = sum(not row["met"] for row in result["rows"])
    yield f"\n{len(result['rows']) - missed} met, {missed} missed. ms: median, from the last click to the last"
    yield f"change on the page. The server's very first page took {result['cold_ms']:,} ms."
