"""The command that checks what is there: doctor."""

import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from engine.commands.looking import where
from engine.commands.running import ROOT
from engine.data import registry
from engine.errors import FewbitsError
from engine.measure.machine import machine, memory_left
from engine.spec import ModelSpec
from engine.store import removal
from engine.store.files import disk_errors
from engine.store.folders import RUN_ID, RunFolder, runs_root
from engine.store.status import engine_alive, engine_pid
from engine.training.memory import needed, needed_to_tune


@click.command(epilog="Example:  python -m engine doctor --verify")
@click.option("--verify", is_flag=True, help="Also compare every finished run's files with their SHA-256.")
@ROOT
def doctor(verify: bool, root: Path | None) -> None:
    """Check Python, hardware, folders, data sets and runs; exit status 1 where something needs a hand."""
    folder, problems = runs_root(root), 0
    for good, text in itertools.chain(_machine(), _folder(folder), _data(folder), _runs(folder, verify)):
        problems += not good
        click.echo(f"{'ok  ' if good else 'MEND'}  {text}")
    if problems:
        sys.exit(1)


def _machine() -> Iterator[tuple[bool, str]]:
    known = machine()
    yield sys.version_info >= (3, 11), f"Python {known['python']} (3.11 or newer)"
    yield sys.platform != "win32", f"{known['os']} (Linux and macOS are tested; on Windows use WSL)"
    yield True, f"{known['hardware']}, {known['memory_gb']} GB; {known['instructions']}"
    yield True, f"GPU: {known['gpu'] or 'none; training runs on the CPU'}"
    yield (
        True,
        "versions: " + ", ".join(f"{name} {known[name]}" for name in ("fewbits", "torch", "numba", "numpy", "duckdb")),
    )
    yield True, _memory()


def _memory() -> str:
    """Return what the default model on the largest known data set takes, its tuning included, and whether it fits."""
    known = [registry.info(name) for name in registry.names()]
    sizes = [(s.users, s.items, s.interactions, s.title) for s in known]
    takes, title = max((max(needed(ModelSpec(), *n), needed_to_tune(ModelSpec(), 2, False, *n)), t) for *n, t in sizes)
    free = memory_left()
    fits = "it fits" if takes <= free else "it does not fit: close other programs before, or choose fewer dimensions"
    return (
        f"memory: {free / 1e9:.1f} GB free; training and tuning the default model on the largest data set ({title}) "
        f"take up to {takes / 1e9:.1f} GB: {fits}"
    )


def _folder(root: Path) -> Iterator[tuple[bool, str]]:
    probe = root / f".writable.{id(root)}"
    try:
        with disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            probe.write_text("")
            probe.unlink()
    except Exception as error:  # whatever stops us from writing is what the person must hear
        yield False, str(error)
        return
    free = shutil.disk_usage(root).free / 1e9
    yield free > 1, f"runs in {root}: writable, {free:.0f} GB free"
    cached = removal.size(root / "cache") / 1e9
    yield (
        True,
        f"cache: {cached:.1f} GB of models, tunings and prepared data; `python -m engine clean` tells what may go",
    )
    alive = engine_alive(root)
    yield (
        True,
        f"engine: process {engine_pid(root)}" if alive else "engine: none runs; the dashboard starts one",
    )


def _data(root: Path) -> Iterator[tuple[bool, str]]:
    for name in registry.names(root):
        text = where(name, root)
        yield not text.startswith("incomplete"), f"data set {name}: {text}"


def _runs(root: Path, verify: bool) -> Iterator[tuple[bool, str]]:
    if not root.is_dir():
        return  # the folder's own line says why
    counted: dict[str, int] = {}
    for path in sorted(p for p in root.iterdir() if p.is_dir() and RUN_ID.match(p.name)):
        folder = RunFolder(path)
        if not folder.file("spec.json").exists():
            yield False, f"{path.name} holds no spec.json: nothing can be made of it; delete the folder"
            continue
        try:
            folder.spec()
        except FewbitsError as error:
            yield False, f"{path.name}: its spec.json cannot be used ({error}); submit the run again, delete the folder"
            continue
        problem = folder.verify() if verify else folder.damage()
        if problem:
            yield False, f"{path.name}: {problem}; `python -m engine retry {path.name}` measures it anew"
        state = folder.state()
        counted[state] = counted.get(state, 0) + 1
    yield True, "runs: " + (", ".join(f"{n} {state}" for state, n in sorted(counted.items())) or "none yet")
