"""The command that takes a run home: export."""

import json
from pathlib import Path

import click

from engine.commands.measuring import done
from engine.commands.running import ROOT
from engine.errors import FewbitsError
from engine.service.supervisor import say
from engine.store import bundle, recommendations
from engine.store.folders import RunFolder, runs_root
from engine.store.packing import new
from engine.store.prepared import ROW_GROUP


@click.command(epilog="Example:  python -m engine export demo-uniform4-0123456789ab --to best.zip --queries")
@click.argument("run_id")
@click.option(
    "--to", required=True, type=click.Path(path_type=Path),
    help="A new folder, or a new NAME.zip; NAME.parquet: the recommendations alone.",
)  # fmt: skip
@click.option("--queries", is_flag=True, help="Also the users' vectors, as they were searched.")
@click.option("--recommendations", "lists", is_flag=True, help="Also the lists of all users, as Parquet.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the manifest, or rows and bytes.")
@ROOT
def export(run_id: str, to: Path, queries: bool, lists: bool, as_json: bool, root: Path | None) -> None:
    """Take a finished run home: its index, what was measured, labels, terms of the data, and an example that serves it.

    `engine.indexes.load("FOLDER/index.safetensors").search(vectors, k)` searches it, without torch or streamlit; which
    vectors that can be the manifest says under `queries`.
    """
    folder = done(runs_root(root), run_id)
    to = to.expanduser()
    if to.suffix == ".parquet":
        _only_lists(folder, to, queries, as_json)
        return
    content = bundle.export(folder, to, queries, lists)
    if as_json:
        click.echo(json.dumps(content))
        return
    names = {**content["files"], bundle.MANIFEST: {"bytes": None, "format": "JSON"}}
    for name, entry in names.items():
        click.echo(f"{name:26} {'' if entry['bytes'] is None else format(entry['bytes'], ','):>14}  {entry['format']}")
    say(f"{to}: {content['data_set']['terms']}")


def _only_lists(folder: RunFolder, to: Path, queries: bool, as_json: bool) -> None:
    """Write the recommendations to a file of their own."""
    if queries:
        raise FewbitsError(
            f"--queries: got {to.name}, which holds recommendations alone; expected a folder or NAME.zip"
        )
    with new(to) as part, open(part, "xb") as file:
        rows = recommendations.write(folder, file, _tell)
    told = {"rows": rows, "bytes": to.stat().st_size}
    click.echo(json.dumps(told) if as_json else f"{to}: {rows:,} rows, {told['bytes']:,} bytes")


def _tell(finished: int, total: int) -> None:
    """Say how far it is, now and then."""
    if finished == total or finished % (64 * ROW_GROUP) == 0:
        say(f"{finished:,} of {total:,} lists")
