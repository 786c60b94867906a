"""Commands that measure a finished run further: measure (the same searches again), scale (a larger catalogue)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pandas as pd
from filelock import Timeout

from engine.commands.following import current
from engine.commands.looking import scaled_table, significant
from engine.commands.running import ROOT
from engine.errors import FewbitsError
from engine.service.supervisor import say
from engine.service.token import exclusive
from engine.store import scaling
from engine.store.folders import RunFolder, run_folder, runs_root

KEYS = ["query_bits", "metric"]


def done(root: Path, run_id: str) -> RunFolder:
    """Return the folder of a run; FewbitsError where there is none or it is not finished."""
    folder = run_folder(root, run_id)
    if not folder.file("spec.json").exists():
        raise FewbitsError(f"no run {run_id!r} in {root}; `python -m engine runs` lists them")
    if (state := folder.state()) != "done":
        raise FewbitsError(f"{run_id} is {state}: expected one that is done")
    return folder


@click.command(epilog="Example:  python -m engine measure demo-uniform4-0123456789ab")
@click.argument("run_id")
@click.option(
    "--rounds",
    type=click.IntRange(6, 1000),
    default=6,
    show_default=True,
    metavar="N",
    help="Rounds through all searches; a half to one second each. Many, such as 100, where others use the machine too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list: metric, query_bits, then, now, change …")
@ROOT
def measure(run_id: str, rounds: int, as_json: bool, root: Path | None) -> None:
    """Time a finished run's searches again and print old and new side by side; nothing is stored.

    The stored index and queries are asked as in the run itself. `run --again` replaces a run's results instead.
    """
    from engine.measure import finished, latency
    from engine.measure.machine import machine
    from engine.measure.samples import doubts, summarise

    folder = done(runs_root(root), run_id)
    with exclusive(folder.path.parent, say):
        run = finished.load(folder)
        samples = latency.measure(run.index, run.queries, run.split.seen(), rounds=rounds)
    now = pd.DataFrame([{"query_bits": bits, **r} for bits, several in samples.items() for r in summarise(several)])
    table = _side_by_side(pd.DataFrame(run.manifest["measurements"]), now)
    if as_json:
        click.echo(table.to_json(orient="records"))
        return
    if (then := run.manifest["machine"]["hardware"]) != machine()["hardware"]:
        say(f"measured then on another machine ({then}): the times cannot be compared")
    for text in doubts(samples):
        say(text)
    click.echo(table.to_string(index=False, na_rep="", float_format=significant))


def _side_by_side(then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the new rows with what was measured before, and by how many per cent the value changed."""
    keys = [*KEYS, "threads", "batch"]
    plain = {name: "Int64" for name in ("query_bits", "threads", "batch")}
    then, now = then.astype(plain), now.astype(plain)
    table = now[[*keys, "value", "low", "high", "unit"]].merge(then[[*keys, "value"]], on=keys, how="left")
    table = table.rename(columns={"value_x": "now", "value_y": "then"})
    table["change_%"] = 100 * (table["now"] / table["then"] - 1)
    table.loc[table["unit"] == "%", "change_%"] = None
    return table[[*keys, "then", "now", "change_%", "low", "high", "unit"]]


@click.command(epilog="Example:  python -m engine scale demo-uniform4-0123456789ab --items 1000000,10000000")
@click.argument("run_id")
@click.option("--items", required=True, help="Numbers of items, comma-separated, each more than the data set has.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of measurement rows with their `items`.")
@ROOT
def scale(run_id: str, items: str, as_json: bool, root: Path | None) -> None:
    """Measure a finished run's latency and memory at larger catalogues, and store that beside its results.

    Its codes are repeated in fresh random orders until there are so many items, an index of them is built in the run's
    own layout and searched with the run's own queries. Nothing is extrapolated; what does not fit in memory is refused
    before anything is allocated. A size that was measured before is measured anew and replaced.
    """
    from engine.commands.parsing import integers
    from engine.measure import catalogue, finished

    folder, sizes = done(runs_root(root), run_id), scaling.checked_sizes(integers(items, "--items"))
    with exclusive(folder.path.parent, say), _held(folder):
        run = finished.load(folder)
        codes = catalogue.codes_of(run, _tell)
        for n in sizes:
            entry = catalogue.measure_at(run, codes, n, _tell)
            for text in entry["notes"]:
                say(text)
    current(folder.path.parent)
    rows = [{"items": n, **r} for n, entry in scaling.results(folder).items() if n in sizes for r in entry["rows"]]
    click.echo(json.dumps(rows) if as_json else scaled_table(pd.DataFrame(rows)))


@contextmanager
def _held(folder: RunFolder) -> Iterator[None]:
    """Hold a run's lock while the block runs, so that the engine leaves it alone."""
    try:
        with folder.lock().acquire(timeout=0):
            yield
    except Timeout:
        raise FewbitsError(f"{folder.run_id} is being worked on by another process: try again later") from None


def _tell(stage: str, message: str = "", **_: Any) -> None:
    say(f"{stage}: {message}")
