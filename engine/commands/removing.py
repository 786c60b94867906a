"""Commands that make room: delete (runs) and clean (what the cache holds for none)."""

import shutil
from pathlib import Path

import click
from filelock import Timeout

from engine.commands.running import ROOT, ask_for, check_states
from engine.errors import FewbitsError
from engine.store import inbox, removal
from engine.store.files import disk_errors
from engine.store.folders import run_folder, runs_root
from engine.store.status import engine_lock, engine_pid

STATES = ("done", "failed", "cancelled", "orphaned")
YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog="Example:  python -m engine delete demo-uniform4-0123456789ab")
@click.argument("run_ids", nargs=-1, required=True)
@YES
@ROOT
def delete(run_ids: tuple[str, ...], yes: bool, root: Path | None) -> None:
    """Delete runs that are done, failed, cancelled or given up, with all that was measured of them.

    Models and tunings stay in the cache, so that another run on them needs no training; `clean` deletes those of none.
    """
    folder, run_ids = runs_root(root), tuple(dict.fromkeys(run_ids))
    check_states(folder, run_ids, STATES)
    there = [run_folder(folder, run_id) for run_id in run_ids]
    for run in there:
        removal.check(run)
    if not yes:
        runs = run_ids[0] if len(run_ids) == 1 else f"{len(run_ids)} runs"
        size = sum(removal.size(run.path) for run in there) / 1e6
        click.confirm(f"Delete {runs} ({size:.1f} MB)? Only measuring anew brings results back.", abort=True)
    ask_for(folder, run_ids, inbox.delete, STATES, "deleted")


@click.command(epilog="Example:  python -m engine clean --yes")
@YES
@ROOT
def clean(yes: bool, root: Path | None) -> None:
    """Delete what the cache holds for no finished run: models, tunings and prepared data. They can be made again."""
    folder = runs_root(root)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = engine_lock(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise FewbitsError(
                f"an engine works on {folder} (process {engine_pid(folder)}): stop it first (`kill`, and that number)"
            ) from None
    try:
        found = removal.unused(folder)
        if not found:
            click.echo("nothing in the cache is without a run")
            return
        for words, paths in found.items():
            click.echo(f"{words} of no run: {len(paths):,} ({sum(map(removal.size, paths)) / 1e6:,.1f} MB)")
        if not yes:
            click.confirm("Delete them? A run that needs one makes it again.", abort=True)
        for path in (path for paths in found.values() for path in paths):
            with disk_errors(folder):
                shutil.rmtree(path)
        click.echo("deleted")
    finally:
        lock.release()
