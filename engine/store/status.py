"""Whether an engine serves a folder, and starting one that outlives whoever asked for it."""

import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from engine import children
from engine.errors import FewbitsError
from engine.store.files import disk_errors, held, read_json

WANTED = "engine.wanted"
"""Lies in a folder where an engine is to stay once the command that is the engine for a while has ended."""


def engine_lock(root: Path) -> FileLock:
    """Return the lock that the one engine of a folder holds while it lives."""
    return FileLock(root / "engine.lock")


def engine_alive(root: Path) -> bool:
    """Return whether an engine process holds the folder's lock now."""
    return (root / "engine.lock").exists() and held(engine_lock(root))


def engine_pid(root: Path) -> int | None:
    """Return the process id that the last engine wrote down; meaningful only while `engine_alive`."""
    entry = read_json(root / "engine.json")
    return None if entry is None else int(entry["pid"])


def start_engine(root: Path, wait_s: float = 20.0) -> None:
    """Start ``python -m engine serve`` in a session of its own where no engine runs, and wait until it holds the lock.

    Where a command is the engine for a while, one that stays is started once it ends (`hand_over`).

    Raises
    ------
    FewbitsError
        The folder cannot be written, or the engine ended at once; the last lines of ``runs/engine.log`` are quoted.
    """
    if engine_alive(root):
        if not (read_json(root / "engine.json") or {}).get("for_a_while"):
            return
        with disk_errors(root):
            (root / WANTED).touch()
        if engine_alive(root):
            return
    with disk_errors(root):
        (root / WANTED).unlink(missing_ok=True)
        root.mkdir(parents=True, exist_ok=True)
        log = open(root / "engine.log", "ab")  # noqa: SIM115 - the child keeps it
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine", "serve", "--root", str(root)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=children.environment(),
        )  # fmt: skip
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if engine_alive(root):
            return
        if process.poll() is not None and not engine_alive(root):
            tail = (root / "engine.log").read_text("utf-8", "replace").splitlines()[-5:]
            raise FewbitsError("the engine ended as it started; it said: " + " / ".join(tail))
        time.sleep(0.05)
    raise FewbitsError(f"the engine did not start within {wait_s:.0f} s; see {root / 'engine.log'}")


def hand_over(root: Path) -> None:
    """Start an engine that stays where somebody asked for one while a command was the engine."""
    if (root / WANTED).exists():
        start_engine(root)
