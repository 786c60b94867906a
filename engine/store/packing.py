"""Files to take away: a file, a folder or a zip file appears whole or not at all, and what went in is counted."""

import hashlib
import io
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from engine.errors import FewbitsError
from engine.store.files import DISK

File = IO[bytes] | io.RawIOBase
Open = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a new file of a package by its name."""


@contextmanager
def new(to: Path) -> Iterator[Path]:
    """Yield a path to write a file or a folder at, which gets its name once the block has ended well.

    Raises
    ------
    FewbitsError
        Something has this name already (it stays as it is), or the disk refuses.
    """
    if to.exists():
        raise FewbitsError(f"{to} is there already: choose another name, or move it away")
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, to)
    except OSError as error:
        reason = DISK.get(error.errno or 0, error.strerror or str(error))
        raise FewbitsError(f"cannot write {to}: {reason}; or choose another folder") from error
    finally:
        shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


@contextmanager
def package(part: Path, zipped: bool, inside: str) -> Iterator[Open]:
    """Yield a function that opens new files of a folder, or of a zip file in its folder ``inside``.

    Nothing is compressed: packed codes and Parquet would hardly shrink.
    """
    if not zipped:
        part.mkdir()
        yield lambda name: open(part / name, "xb")  # noqa: SIM115 - whoever calls it closes it
        return
    with zipfile.ZipFile(part, "w") as archive:
        today = time.localtime()[:6]
        yield lambda name: archive.open(zipfile.ZipInfo(f"{inside}/{name}", today), "w", force_zip64=True)


class Counted(io.RawIOBase):
    """Passes on what is written to a file, and knows how much that was and its SHA-256."""

    def __init__(self, file: IO[bytes]) -> None:
        """Take an open file."""
        self.file, self.bytes, self.sha256 = file, 0, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        """Return how many bytes were written: Parquet's footer says where its parts begin."""
        return self.bytes

    def write(self, data: Any) -> int:
        """Write all of it."""
        part = memoryview(data).cast("B")
        self.file.write(part)
        self.sha256.update(part)
        self.bytes += part.nbytes
        return part.nbytes
