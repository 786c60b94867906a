"""What may go: runs that nobody wants any more, and what the cache holds for no run that is there.

A run goes at once for all who look (its folder is renamed), then its files; what a kill left of them goes with the
next engine. The cache can be made again, at the price of training.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import Timeout

from engine.errors import DiskError, FewbitsError
from engine.store import scaling
from engine.store.files import PROBE_S
from engine.store.folders import RunFolder, run_folders

GONE = ".gone-"
"""Begins the name of a folder whose files are being deleted."""
KINDS = {"model-": "models", "tuned-": "tunings", "split-": "prepared data"}
"""How names in the cache begin → what they are."""

MEASURED = "{} is measured now: wait until that is done, or cancel it"


def delete(folder: RunFolder) -> None:
    """Delete a settled run with all that was measured of it; models and tunings stay in the cache.

    Raises
    ------
    FewbitsError
        What `check` raises, and a folder that may not be changed.
    """
    check(folder)
    root = folder.path.parent
    gone = root / f"{GONE}{uuid.uuid4().hex}"
    try:
        with folder.lock().acquire(timeout=PROBE_S):
            if scaling.request(root, folder.run_id):  # first: a kill between would leave it for the run's next life
                scaling.drop(root, folder.run_id)
            os.replace(folder.path, gone)
    except Timeout:
        raise FewbitsError(MEASURED.format(folder.run_id)) from None
    except (OSError, DiskError) as error:  # no DiskError: the command would be tried for ever, and all others wait
        raise FewbitsError(f"{folder.run_id} cannot be deleted: {error}") from error
    shutil.rmtree(gone, ignore_errors=True)  # what is left goes with the next engine


def check(folder: RunFolder) -> None:
    """Raise a FewbitsError where a run may not be deleted: it waits, runs, or something measures it now."""
    if not folder.settled():
        raise FewbitsError(f"{folder.run_id} is not finished: cancel it first, then delete it")
    try:
        with folder.lock().acquire(timeout=PROBE_S):
            return
    except Timeout:
        raise FewbitsError(MEASURED.format(folder.run_id)) from None
    except OSError:  # it cannot be opened here, and then not be deleted either: `delete` says so
        return


def sweep(root: Path) -> None:
    """Delete what is left of deletions that were cut off."""
    for left in root.glob(f"{GONE}*"):
        shutil.rmtree(left, ignore_errors=True)


def unused(root: Path) -> dict[str, list[Path]]:
    """Return what the cache holds for no finished run: in words → folders.

    Raises
    ------
    FewbitsError
        Runs wait, or were broken off: which models they need shows when they run.
    """
    folders = list(run_folders(root))
    if waiting := [folder.run_id for folder in folders if not folder.settled()]:
        several = f"{len(waiting)} runs are" if len(waiting) > 1 else f"{waiting[0]} is"
        raise FewbitsError(f"{several} not finished, and may need what lies in the cache: finish or cancel them first")
    needed = {key for folder in folders for key in _keys(folder.manifest() or {})}
    there = [p for p in (root / "cache").glob("*") if p.is_dir() and p.name not in needed]
    found = {words: sorted(p for p in there if p.name.startswith(start)) for start, words in KINDS.items()}
    return {words: paths for words, paths in found.items() if paths}


def _keys(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield the names in the cache that a run's manifest tells."""
    yield str(manifest.get("checkpoint"))
    for part in ("tuning", "split"):
        yield str((manifest.get(part) or {}).get("key"))


def size(path: Path) -> int:
    """Return the bytes of all files under a folder; one that goes meanwhile counts nothing."""
    return sum(map(_bytes, path.rglob("*")))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # an engine at work has just renamed it
        return 0
