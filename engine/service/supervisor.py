"""The engine: one process a folder, which takes commands, runs one attempt at a time, and publishes the catalog.

Everything that it knows is on disk, so that it may be killed at any moment and started again: commands wait in the
inbox until they took effect, a queued run is a folder, and a dead attempt is one whose lock nobody holds.
"""

import os
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from filelock import Timeout

import engine
from engine.errors import DiskError, FewbitsError
from engine.service import requests
from engine.service.ending import Signals, end
from engine.service.local import LocalExecutor
from engine.spec import parse_spec
from engine.store import inbox, removal, scaling
from engine.store.catalog import Catalog
from engine.store.files import PROBE_S, disk_errors, read_json, write_json
from engine.store.folders import ATTEMPTS, RunFolder, create, run_folder, run_folders
from engine.store.status import WANTED, engine_lock, engine_pid, hand_over

TICK_S = 0.2
SCAN_S = 5.0
"""An idle engine looks this often for runs that came without it. While a run works, it looks at the inbox alone."""
COMMANDS = ("submit", "cancel", "retry", "scale", "delete")


class Supervisor:
    """The loop of an engine over one runs folder."""

    def __init__(self, root: Path, methods: list[dict[str, Any]], executor: Any | None = None) -> None:
        self.root = root
        self.catalog = Catalog(root, methods)
        self.executor = executor or LocalExecutor()
        self.states: dict[str, str] = {}
        self.stopping = False
        self.busy = self.begun = False
        """Whether an attempt of this engine works, and whether the catalog says so already."""
        self.started: RunFolder | None = None
        """The run whose attempt was started last; None where that was something else."""
        self.scanned = -SCAN_S

    def serve(self, until: Collection[str] | None = None, watch: Callable[[], None] | None = None) -> None:
        """Work until told to stop, or until the runs named have all ended.

        Parameters
        ----------
        until : run ids; None serves for ever.
        watch : called at every tick, for a command line that shows progress.

        Raises
        ------
        FewbitsError
            Another engine serves this folder, or the folder cannot be written.
        """
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        lock = engine_lock(self.root)
        try:
            with disk_errors(self.root):
                lock.acquire(timeout=PROBE_S)
        except Timeout:
            raise FewbitsError(
                f"an engine already serves {self.root} (process {engine_pid(self.root)}): "
                "it takes whatever is submitted; stop it first if you want to serve from here"
            ) from None
        try:
            with Signals(self._stop):
                now = {"pid": os.getpid(), "started_ns": time.time_ns(), "fewbits": engine.__version__}
                removal.sweep(self.root)
                write_json(self.root / "engine.json", {**now, "for_a_while": until is not None})
                if until is None:
                    (self.root / WANTED).unlink(missing_ok=True)  # this is the one
                self._loop(until, watch)
        finally:
            lock.release()
            if until is not None:
                hand_over(self.root)

    def _loop(self, until: Collection[str] | None, watch: Callable[[], None] | None) -> None:
        while not self.stopping:
            try:
                self._tick(until)
            except DiskError as error:  # what waits stays where it is, and is tried again
                if until is not None:
                    raise
                say(str(error))
                time.sleep(SCAN_S)
            if watch:
                watch()
            if self._over(until):
                break
            time.sleep(TICK_S)
        self._stop_attempts()

    def _over(self, until: Collection[str] | None) -> bool:
        return until is not None and all(self.settled(run_id) for run_id in until)

    def _tick(self, until: Collection[str] | None) -> None:
        """Take commands, notice what began and ended, publish that, and start the next run, but none after the last
        that was asked for.
        """
        changed = self.drain()
        working = bool(self.executor.running())
        ended, self.busy = self.busy and not working, working
        if ended:
            self._count(self.started)
        if working and not self.begun and self._begun():  # publish "running" now, and keep quiet while it measures
            self.begun = changed = True
        if changed or ended or (not working and time.monotonic() - self.scanned > SCAN_S):
            self.states, self.scanned = self.catalog.refresh(), time.monotonic()
            if not self._over(until) and self.schedule():
                self.busy, self.begun = True, False

    def _count(self, folder: RunFolder | None) -> None:
        """Count an attempt that ended before it could say that it began: it would be started for ever."""
        if folder is None or folder.state() != "queued":
            return
        number = folder.attempts() + 1
        folder.queue(number)
        if number >= ATTEMPTS:
            folder.fail(
                f"its process ended before it began, at attempt {number} of {ATTEMPTS}; the log may say why", "crash"
            )

    def _begun(self) -> bool:
        return all(RunFolder(self.root / run_id).file("attempt.json").exists() for run_id in self.executor.running())

    def settled(self, run_id: str) -> bool:
        """Return whether nothing more will happen to a run by itself; one that was refused or deleted is not there."""
        state = self.states.get(run_id)
        if state is None:
            return not RunFolder(self.root / run_id).file("spec.json").exists()
        if state == "orphaned":
            return RunFolder(self.root / run_id).attempts() >= ATTEMPTS
        return state in ("done", "failed", "cancelled")

    def drain(self) -> bool:
        """Carry out the commands in the inbox; return whether there were any."""
        any_command = False
        for path, command in inbox.pending(self.root):
            any_command = True
            try:
                self._carry_out(command)
            except DiskError:
                raise  # the command stays where it is, and is carried out once there is room
            except (FewbitsError, KeyError, TypeError) as error:
                say(f"a command was refused: {error}")
            path.unlink(missing_ok=True)
        return any_command

    def _carry_out(self, command: Any) -> None:
        """Do what one command says. It may be repeated after a kill, so each is harmless the second time."""
        if not isinstance(command, dict) or command.get("command") not in COMMANDS:
            raise FewbitsError("got a file that is no command (cut off?); submit it again")
        if command["command"] == "submit":
            from engine import quantizers

            folder = create(self.root, quantizers.resolve(parse_spec(command["spec"])))
            if folder.state() in ("failed", "cancelled", "orphaned"):
                folder.queue()
            return
        folder = run_folder(self.root, command["run_id"])
        if not folder.file("spec.json").exists():
            raise FewbitsError(f"no run {folder.run_id!r} in {self.root}: it was deleted, or its submission refused")
        state = folder.state()
        if command["command"] == "scale":
            requests.ask(folder, command["items"])
        elif command["command"] == "cancel" and (state in ("queued", "running") or folder.broken_off()):
            write_json(folder.file("cancelled.json"), {"at_ns": time.time_ns()})
            end(self.executor, folder)
        elif command["command"] == "cancel":
            end(self.executor, folder)
            scaling.drop(self.root, folder.run_id)
        elif command["command"] == "retry" and state in ("failed", "cancelled", "orphaned", "done"):
            folder.queue()
        elif command["command"] == "delete":
            if folder.run_id in self.executor.running():  # it may not hold its lock yet
                raise FewbitsError(removal.MEASURED.format(folder.run_id))
            removal.delete(folder)

    def schedule(self) -> bool:
        """Queue what an unfinished attempt left behind, and start the oldest queued run where none runs; return
        whether one did.
        """
        changed = False
        for folder in run_folders(self.root):
            if self.states.get(folder.run_id) == "orphaned" and folder.broken_off():
                say(f"{folder.run_id}: attempt {folder.attempts()} ended without a word; it is tried again")
                folder.queue(folder.attempts())
                changed = True
        if changed:
            self.states = self.catalog.refresh()
        if self.executor.running() or "running" in self.states.values() or requests.at_work(self.root):
            return False
        waiting = [RunFolder(self.root / run_id) for run_id, state in self.states.items() if state == "queued"]
        first = min(waiting, key=_submitted, default=None)
        asked = requests.following(self.root, self.states)
        if asked is not None and (first is None or asked.asked_ns < _submitted(first)[0]):
            say(f"{asked.run_id}: started at {', '.join(f'{n:,}' for n in asked.items)} items")
            requests.begin(self.root, asked)
            self.executor.start(RunFolder(self.root / asked.run_id), "scaling")
            self.started = None
        elif first is not None:
            say(f"{first.run_id}: started")
            self.executor.start(first)
            self.started = first
        return asked is not None or first is not None

    def _stop(self) -> None:
        self.stopping = True

    def _stop_attempts(self) -> None:
        """End the attempts of this engine when it is stopped in good order; they are queued again with no attempt
        lost.
        """
        for run_id in self.executor.running():
            folder = RunFolder(self.root / run_id)
            end(self.executor, folder)
            requests.interrupted(self.root, run_id)
            if folder.state() == "orphaned":
                folder.queue(max(0, folder.attempts() - 1))
        self.busy, self.started = False, None
        self.catalog.refresh()


def _submitted(folder: RunFolder) -> tuple[int, str]:
    """Return when a run was submitted, and its id: the order of the queue."""
    return (read_json(folder.file("queued.json")) or {}).get("submitted_ns", 0), folder.run_id


def say(text: str) -> None:
    """Print a line with the time to standard error (which is ``runs/engine.log`` for a background engine)."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
