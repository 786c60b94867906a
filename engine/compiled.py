"""Where compiled kernels are kept: a folder of their own for each state of the sources they share.

numba keeps a compiled function until its own file changes. Most of ours are put together from pieces in other files
(`engine.indexes`), and would go on running as they were before one of those changed. No heavy imports.
"""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

SHARED = Path(__file__).parent / "indexes"
FOLDER = Path(__file__).parent / "__pycache__"
BEGINS, KEPT = "kernels-", 3
"""How folders of compiled kernels are called, and how many are kept: the newest."""
VARIABLE = "NUMBA_CACHE_DIR"


def keep_apart() -> None:
    """Tell numba, which must not be imported yet, its folder; one that a person has chosen stays."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None and Path(chosen).parent != FOLDER:
        return
    own = FOLDER / (BEGINS + digest(SHARED))
    if not own.exists():
        _prune(FOLDER)
        with suppress(OSError):  # where nothing can be written numba says so, if anything is compiled
            own.mkdir(parents=True, exist_ok=True)  # so that the next process prunes nothing
    os.environ[VARIABLE] = str(own)


def digest(folder: Path) -> str:
    """Return a name for what the Python files of a folder hold, 12 hexadecimal digits."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def _prune(folder: Path) -> None:
    """Delete all but the newest folders of compiled kernels, to make place for one more."""
    there = sorted(folder.glob(f"{BEGINS}*"), key=_written, reverse=True)
    for old in there[KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def _written(path: Path) -> float:
    """Return when a folder was last written; 0 for one that another process has just deleted."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
