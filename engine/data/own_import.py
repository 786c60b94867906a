"""Looking into a file and making a data set of it, by a child process that may be cancelled: the parent's side.

Nothing of the file is parsed here. Light enough for the dashboard.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine.data import own, registry
from engine.data.own_child import Child, Say
from engine.data.own_columns import Choice
from engine.errors import FewbitsError
from engine.store.files import disk_errors, sha256, write_json

FILE_BYTES = 32 << 30
VECTORS = "a .npy or Parquet file of vectors"
LOOK_S, ADD_S = 60.0, 1_800.0
"""Seconds that a child has."""


@dataclass(frozen=True)
class File:
    """A file of a person's: where it lies, and what people call it."""

    path: Path
    name: str


@dataclass(frozen=True)
class LookedVectors:
    """A file of vectors: how many, of how many numbers, and the first ids."""

    rows: int
    dim: int
    ids: list[str]


@dataclass(frozen=True)
class Looked:
    """The beginning of a file: columns with their types, first rows as text, whether line 1 was read as names."""

    columns: list[str]
    types: list[str]
    rows: list[list[str | None]]
    header: bool | None


def look_vectors(file: File) -> LookedVectors:
    """Return the size of a file of vectors.

    Raises
    ------
    FewbitsError
        It holds none that can be used.
    """
    checked = _checked(file.path, VECTORS)
    with tempfile.TemporaryDirectory(prefix="fewbits-") as folder:
        _link(checked, Path(folder))
        return LookedVectors(**Child().work({"task": "look-vectors", "name": file.name}, Path(folder), LOOK_S))


def look(path: Path, name: str | None = None, header: bool | None = None) -> Looked:
    """Return the columns and first rows of a file.

    Parameters
    ----------
    name : what people call it, where that is not the path's own name.
    header : as in `Choice`.

    Raises
    ------
    FewbitsError
        It cannot be read as a table.
    """
    checked = _checked(path)
    with tempfile.TemporaryDirectory(prefix="fewbits-") as folder:
        _link(checked, Path(folder))
        order = {"task": "look", "name": name or path.name, "header": header}
        return Looked(**Child().work(order, Path(folder), LOOK_S))


def add(
    name: str, path: Path, choice: Choice, root: Path, say: Say | None = None, child: Child | None = None,
    file: str | None = None, vectors: Mapping[str, File] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make a data set of a file and return what is stored with it (`engine.data.own.meta`).

    Parameters
    ----------
    say : is told a share from 0 to 1 and what is being done.
    child : cancel it to stop.
    file : what people call the file, where that is not the path's own name.
    vectors : the files of the vectors of "users" and of "items", where they are given.

    Raises
    ------
    FewbitsError
        The name is taken or no name, a file cannot be read, nothing is left of it, or another import is at work.
    """
    taken = [*registry.names(root), *own.names(root)]
    target = own.folder(own.check_name(name, taken), root)
    own.check_unused(name, root)
    checked, given = _checked(path), _given(vectors or {}, choice)
    with _alone(target.parent) as work:
        _link(checked, work)
        for table, link in given.items():
            _link(link.path, work, table)
        started = time.perf_counter()
        names = {table: link.name for table, link in given.items()}
        order = {
            "task": "add", "name": file or path.name, "header": choice.header, "choice": choice.plain(),
            "vectors": names,
        }  # fmt: skip
        report = (child or Child()).work(order, work, ADD_S, say)
        content = {
            "format": own.FORMAT, "kind": own.KIND, "name": name, "file": file or path.name, "choice": choice.plain(),
            "report": report, "seconds": round(time.perf_counter() - started, 1), "added_ns": time.time_ns(),
            "files": {f.name: {"bytes": f.stat().st_size, "sha256": sha256(f)} for f in (work / "out").iterdir()},
        }  # fmt: skip
        if given:
            content["vectors"] = {"dim": report["dim"], **names}
        write_json(work / "out" / "meta.json", content)
        with disk_errors(root):
            if target.is_dir() and not any(target.iterdir()):
                target.rmdir()
            if target.exists():
                raise FewbitsError(f"the folder {target} is in the way: move it elsewhere, or choose another name")
            os.replace(work / "out", target)
    return content


def _given(vectors: Mapping[str, File], choice: Choice) -> dict[str, File]:
    """Return the files of vectors, checked: both or none."""
    if vectors and set(vectors) != {"users", "items"}:
        raise FewbitsError(f"got vectors of {next(iter(vectors))} alone: give those of users and of items, or neither")
    if vectors and choice.core > 1:
        raise FewbitsError(
            f"k-core: got {choice.core} with given vectors, whose users and items all stay; expected 1 (no filter)"
        )
    return {table: File(_checked(file.path, VECTORS), file.name) for table, file in vectors.items()}


def _checked(path: Path, expected: str = "a CSV, TSV or Parquet file") -> Path:
    """Return the absolute path of a file that may be read."""
    try:
        size = path.stat().st_size
        with open(path, "rb"):
            pass
    except OSError as error:
        raise FewbitsError(f"cannot read {path} ({error.strerror}); expected {expected}") from None
    if size > FILE_BYTES:
        raise FewbitsError(f"{path} has {size / 1e9:,.0f} GB; expected at most {FILE_BYTES / 1e9:,.0f} GB")
    return path.resolve()


def _link(path: Path, folder: Path, name: str = "source") -> None:
    """Put the file within the child's reach under a name of ours: a name from outside could hold a pattern like *."""
    (folder / name).symlink_to(path)


@contextlib.contextmanager
def _alone(base: Path) -> Iterator[Path]:
    """Yield a working folder of which there is one at a time; what a killed import left behind is removed."""
    with disk_errors(base):
        base.mkdir(parents=True, exist_ok=True)
        lock = FileLock(base / ".own.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise FewbitsError("another file is being added here: wait until that is done, then try again") from None
    try:
        for old in base.glob(f"{own.WORK}*"):
            shutil.rmtree(old, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=own.WORK, dir=base))
        try:
            yield work.resolve()
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        lock.release()
