"""Commands that make room: delete (runs) and clean (what the cache holds for none)."""

import shutil
import time
from pathlib import Path

import click
from filelock import Timeout

from engine.commands.describing import methods
from engine.commands.running import ROOT, check_states
from engine.errors import FewbitsError
from engine.service.supervisor import Supervisor
from engine.store import inbox, removal
from engine.store.files import PROBE_S, disk_errors
from engine.store.folders import run_folder, runs_root
from engine.store.status import engine_alive, engine_lock, engine_pid

STATES = ("done", "failed", "cancelled", "orphaned")
PATIENCE_S = 10.0
"""Seconds that a busy engine has to read one command."""
BUSY = "an engine works on {} (process {}): stop it first (`kill`, and that number)"
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
    for run_id in run_ids:
        inbox.delete(folder, run_id)
    if _unread(folder):
        raise FewbitsError(f"the engine has not read all of it yet; it will: {folder / 'engine.log'} tells")
    if left := [run.run_id for run in there if run.file("spec.json").exists()]:
        raise FewbitsError(
            f"{len(left)} of {len(run_ids)} are still there, such as {left[0]}: {folder / 'engine.log'} may say why; "
            "an engine of an older version does not know how (stop it and try again)"
        )
    click.echo(f"{len(run_ids)} deleted")


def _unread(root: Path) -> bool:
    """Wait until the engine has read the commands, or be it where none runs; return whether it stopped reading."""
    waiting, since = -1, time.monotonic()
    while engine_alive(root) and (now := sum(1 for _ in inbox.pending(root))):
        if now != waiting:
            waiting, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE_S:
            return True
        time.sleep(0.1)
    if not engine_alive(root):
        Supervisor(root, methods()).serve(until=())
    return False


@click.command(epilog="Example:  python -m engine clean --yes")
@YES
@ROOT
def clean(yes: bool, root: Path | None) -> None:
    """Delete what the cache holds for no finished run: models, tunings and prepared data. They can be made again."""
    folder = runs_root(root)
    if engine_alive(folder):
        raise FewbitsError(BUSY.format(folder, engine_pid(folder)))
    told = removal.unused(folder)
    if not told:
        click.echo("nothing in the cache is without a run")
        return
    for words, paths in told.items():
        click.echo(f"{words} of no run: {len(paths):,} ({sum(map(removal.size, paths)) / 1e6:,.1f} MB)")
    if not yes:
        click.confirm("Delete them? A run that needs one makes it again.", abort=True)
    try:
        with engine_lock(folder).acquire(timeout=PROBE_S), disk_errors(folder):
            still = removal.unused(folder)  # an engine may have used some while the question stood
            for path in (path for words, paths in told.items() for path in paths if path in still.get(words, [])):
                shutil.rmtree(path)
    except Timeout:
        raise FewbitsError(BUSY.format(folder, engine_pid(folder))) from None
    click.echo("deleted")
