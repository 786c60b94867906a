"""Writing that is whole or absent: JSON by atomic rename, a checksum of what was written, and one sentence when the
disk refuses.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine.errors import DiskError

DISK = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EACCES: "the folder is not writable: change its permissions",
    errno.EPERM: "the folder is not writable: change its permissions",
    errno.EROFS: "the disk is read-only: choose another folder",
}


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the disk's refusals inside the block into one sentence that names the folder and the way out.

    Raises
    ------
    DiskError
        Disk full, quota used up, no permission, read-only. Other ``OSError``s pass through.
    """
    try:
        yield
    except Exception as error:
        reason = DISK.get(_errno(error))
        if reason is None:
            raise
        raise DiskError(
            f"cannot write to {folder}: {reason}, or set FEWBITS_RUNS to another folder; nothing finished is lost"
        ) from error


def _errno(error: Exception) -> int:
    """Return the number of a disk error. Safetensors (``… (os error 28)``) and DuckDB (``… No space left on device``)
    tell it in their text alone.
    """
    if isinstance(error, OSError):
        return error.errno or 0
    told = re.search(r"\(os error (\d+)\)", str(error))
    return int(told[1]) if told else next((n for n in DISK if os.strerror(n) in str(error)), 0)


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old text or the new one, never half of it, also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def read_json(path: Path) -> Any | None:
    """Return the JSON in a file; None where it is absent or cut off (what that means is the caller's to say)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


PROBE_S = 2.0
"""Seconds to wait for a lock that nobody may hold: whoever asks whether it is held holds it for a moment."""


def held(lock: FileLock) -> bool:
    """Return whether a process holds a lock now. Where the lock cannot be opened nobody who may is known to: no."""
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False
