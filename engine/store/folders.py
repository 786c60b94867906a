"""Run folders: the truth about every run, and the state that follows from what lies in one.

::

    spec.json      what to do (written by the engine when the run is submitted)
    queued.json    when it was submitted, how many attempts died so far
    attempt.json   the process that works or worked on it (number, pid, start)
    progress.json  stage, epoch, metric, ETA: replaced atomically, at most twice a second
    log.txt        what it said
    failed.json    a user error or a crash, with its sentence    cancelled.json  who asked for it, when
    manifest.json  sizes and SHA-256 of all the rest, and the measurement rows: its presence is the commit
    scale.json     what was measured at larger catalogues since (`engine.store.scaling`)
    lock           held by the attempt's process as long as it lives
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from engine.errors import FewbitsError
from engine.spec import RunSpec, parse_spec
from engine.store.files import held, read_json, sha256, write_json

State = Literal["queued", "running", "done", "failed", "cancelled", "orphaned"]
STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled", "orphaned")
ATTEMPTS = 3
"""The first attempt and at most two more after the process died without a word."""
SCALING = "scale"
"""Begins the names of files that `engine.store.scaling` and `engine.measure.catalogue` write beside a manifest."""
RUN_ID = re.compile(r"^[a-z0-9][a-z0-9_-]{0,160}-[0-9a-f]{12}$")


def runs_root(given: str | Path | None = None) -> Path:
    """Return the folder of all runs: the one given, else ``FEWBITS_RUNS``, else ``runs`` in the repository (or here).

    The repository is recognised by its pyproject.toml beside the ``engine`` package, so that the dashboard, the engine
    and the command line agree wherever they were started.
    """
    chosen = given or os.environ.get("FEWBITS_RUNS")
    if chosen:
        return Path(chosen).expanduser().resolve()
    repository = Path(__file__).resolve().parents[2]
    return (repository if (repository / "pyproject.toml").exists() else Path.cwd()) / "runs"


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. Cheap to make; every question is answered from the disk."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    def file(self, name: str) -> Path:
        return self.path / name

    def spec(self) -> RunSpec:
        """Return the specification; FewbitsError where spec.json is missing or broken."""
        try:
            return parse_spec(self.file("spec.json").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise FewbitsError(f"{self.path} holds no readable spec.json: submit the run again") from error

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest where the run is committed and its files are all there at their sizes, else None."""
        manifest = read_json(self.file("manifest.json"))
        return manifest if isinstance(manifest, dict) and not self._cut_off(manifest) else None

    def _cut_off(self, manifest: dict[str, Any]) -> str | None:
        """Return what is missing of the files that the manifest lists, as a sentence; None where nothing is."""
        for name, entry in manifest.get("files", {}).items():
            try:
                size = self.file(name).stat().st_size
            except FileNotFoundError:
                return f"{name} is missing"
            if size != entry["bytes"]:
                return f"{name} has {size:,} bytes, expected {entry['bytes']:,}"
        return None if "measurements" in manifest else "manifest.json lists no measurements"

    def damage(self) -> str | None:
        """Return why a folder with a manifest is not a finished run (cut off, changed size), or None."""
        if not self.file("manifest.json").exists():
            return None
        manifest = read_json(self.file("manifest.json"))
        return "manifest.json is cut off" if not isinstance(manifest, dict) else self._cut_off(manifest)

    def verify(self) -> str | None:
        """Return the first file whose SHA-256 differs from the manifest's, as a sentence; None where all agree."""
        if (damage := self.damage()) is not None:
            return damage
        files = (self.manifest() or {}).get("files", {})
        changed = [name for name, entry in files.items() if sha256(self.file(name)) != entry["sha256"]]
        return f"{changed[0]} is not what was measured (its SHA-256 differs)" if changed else None

    def state(self) -> State:
        """Return the state that the folder's files and the attempt's lock tell, without any clock."""
        if self.manifest() is not None:
            return "done"
        if self.file("cancelled.json").exists():
            return "cancelled"
        if self.alive():
            return "running"
        if self.manifest() is not None:  # it was committed between the first look and the lock's release
            return "done"
        if self.file("failed.json").exists():
            return "failed"
        if self.file("attempt.json").exists() or self.file("manifest.json").exists():
            return "orphaned"
        return "queued"

    def broken_off(self) -> bool:
        """Return whether an attempt ended without a word and another will be made."""
        return self.state() == "orphaned" and self.attempts() < ATTEMPTS

    def lock(self) -> FileLock:
        return FileLock(self.file("lock"))

    def alive(self) -> bool:
        """Return whether a process holds the attempt's lock now; not where the folder may only be read."""
        return self.file("lock").exists() and held(self.lock())

    def attempts(self) -> int:
        """Return how many attempts were begun."""
        begun = (read_json(self.file("attempt.json")) or {}).get("number", 0)
        return max(int(begun), int((read_json(self.file("queued.json")) or {}).get("attempts", 0)))

    def settled(self) -> bool:
        """Return whether nothing more will happen to the run by itself."""
        state = self.state()
        return state in ("done", "failed", "cancelled") or (state == "orphaned" and self.attempts() >= ATTEMPTS)

    def queue(self, attempts: int = 0) -> None:
        """Make the run wait again: traces of earlier attempts go, what was submitted stays."""
        submitted = (read_json(self.file("queued.json")) or {}).get("submitted_ns", time.time_ns())
        write_json(self.file("queued.json"), {"submitted_ns": submitted, "attempts": attempts})
        self._forget_scaling()  # while there is a manifest still: killed after that, nobody would take them away
        for name in ("attempt.json", "failed.json", "cancelled.json", "manifest.json", "progress.json"):
            self.file(name).unlink(missing_ok=True)

    def _forget_scaling(self) -> None:
        """Delete what was measured at larger catalogues: it is of the codes that were there then."""
        for path in self.path.glob(f"{SCALING}*"):
            path.unlink(missing_ok=True)

    def begin(self) -> int:
        """Record that this process begins an attempt; return its number, counted from 1."""
        self._forget_scaling()
        number = self.attempts() + 1
        write_json(self.file("attempt.json"), {"number": number, "pid": os.getpid(), "started_ns": time.time_ns()})
        return number

    def fail(self, message: str, kind: str) -> None:
        """Record the end of an attempt that will not be retried by itself; ``kind`` is "user" or "crash"."""
        write_json(self.file("failed.json"), {"message": message, "kind": kind, "at_ns": time.time_ns()})

    def error(self) -> str | None:
        """Return the sentence of a failed run, or what is known about an orphaned or damaged one."""
        failed = read_json(self.file("failed.json"))
        if failed:
            return str(failed["message"])
        if (damage := self.damage()) is not None:
            return f"the run folder was cut off: {damage}"
        return None

    def commit(self, content: dict[str, Any]) -> None:
        """Write the manifest over all result files, last: from here on the run is done.

        What is measured at larger catalogues is not of it: that comes and grows while the run stays done.
        """
        skip = {"manifest.json", "progress.json", "log.txt", "lock", "attempt.json", "queued.json"}
        files = {
            f.name: {"bytes": f.stat().st_size, "sha256": sha256(f)}
            for f in sorted(self.path.iterdir())
            if f.is_file() and f.name not in skip and not f.name.startswith((".", SCALING))
        }
        write_json(self.file("manifest.json"), {**content, "files": files})

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the log; "" where there is none yet."""
        try:
            with open(self.file("log.txt"), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 64 * 1024))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def run_folder(root: Path, run_id: str) -> RunFolder:
    """Return the folder of a run id; names from outside that are no run id never become a path (FewbitsError)."""
    if not RUN_ID.match(run_id):
        raise FewbitsError(f"{run_id!r} is no run id; expected one as `python -m engine runs` lists it")
    return RunFolder(root / run_id)


def run_folders(root: Path) -> Iterator[RunFolder]:
    """Yield every run folder under the root, in the order of their names. Foreign folders are passed over."""
    if not root.is_dir():
        return
    for entry in sorted(os.scandir(root), key=lambda e: e.name):
        if RUN_ID.match(entry.name) and entry.is_dir(follow_symlinks=False):
            folder = RunFolder(Path(entry.path))
            if folder.file("spec.json").exists():
                yield folder


def create(root: Path, spec: RunSpec) -> RunFolder:
    """Create the folder of a submitted run, queued; an existing one is returned as it is, with a specification that
    can be read again.
    """
    folder = RunFolder(root / spec.run_id)
    try:
        folder.spec()
    except FewbitsError:
        write_json(folder.file("queued.json"), {"submitted_ns": time.time_ns(), "attempts": 0})
        write_json(folder.file("spec.json"), spec.model_dump(mode="json"))
    return folder
