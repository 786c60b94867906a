"""Commands for the engine: files moved into ``runs/inbox`` by atomic rename, drained in the order they were given."""

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.spec import RunSpec
from engine.store.files import read_json, write_json


def submit(root: Path, specs: Iterable[RunSpec]) -> list[str]:
    """Ask for runs; return their ids. One that is done or waits already is not repeated (the engine sees to that)."""
    ids = []
    for spec in specs:
        _post(root, {"command": "submit", "spec": spec.model_dump(mode="json")})
        ids.append(spec.run_id)
    return ids


def cancel(root: Path, run_id: str) -> None:
    """Ask the engine to cancel a queued or running run, or what was asked for a finished one (`scale`)."""
    _post(root, {"command": "cancel", "run_id": run_id})


def retry(root: Path, run_id: str) -> None:
    """Ask the engine to queue a failed, cancelled or orphaned run again, with fresh attempts."""
    _post(root, {"command": "retry", "run_id": run_id})


def delete(root: Path, run_id: str) -> None:
    """Ask the engine to delete a run that is done, failed, cancelled or given up."""
    _post(root, {"command": "delete", "run_id": run_id})


def scale(root: Path, run_id: str, items: Iterable[int]) -> None:
    """Ask the engine to measure a finished run at larger catalogues of so many items."""
    _post(root, {"command": "scale", "run_id": run_id, "items": list(items)})


def _post(root: Path, command: dict[str, Any]) -> None:
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    write_json(root / "inbox" / name, command)


def pending(root: Path) -> Iterator[tuple[Path, Any]]:
    """Yield (file, command) in order; the caller removes the file once the command took effect. A broken file is
    None.
    """
    inbox = root / "inbox"
    if not inbox.is_dir():
        return
    for entry in sorted(os.scandir(inbox), key=lambda e: e.name):
        if entry.name.endswith(".json") and not entry.name.startswith("."):
            path = Path(entry.path)
            yield path, read_json(path)
