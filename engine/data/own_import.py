"""Looking into a file and making a data set of it, by a child process that may be cancelled: the parent's side.

Nothing of the file is parsed here. Light enough for the dashboard.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine.data import own, registry
from engine.data.own_columns import Choice
from engine.errors import FewbitsError
from engine.store.files import disk_errors, sha256, write_json

REPOSITORY = Path(__file__).resolve().parents[2]
FILE_BYTES = 32 << 30
LOOK_S, ADD_S = 60.0, 1_800.0
"""Seconds that a child has."""
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}

Say = Callable[[float, str], None]


@dataclass(frozen=True)
class Looked:
    """The beginning of a file: columns with their types, first rows as text, whether line 1 was read as names."""

    columns: list[str]
    types: list[str]
    rows: list[list[str | None]]
    header: bool | None


class Child:
    """One child process at work in a folder; `cancel` ends it from another thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._ended = ""

    def cancel(self) -> None:
        """End the work; whoever waits for it is told so."""
        self._end("cancelled: nothing was kept")

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        if self._process is not None:
            self._process.kill()

    def work(self, order: dict[str, Any], folder: Path, seconds: float, say: Say | None = None) -> dict[str, Any]:
        """Return the child's result for an order on the file ``source`` in the folder.

        Raises
        ------
        FewbitsError
            What the child says, or that it took too long, was cancelled, or died.
        """
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        with open(folder / "said.txt", "w+", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.data.own_worker", str(folder)], text=True, encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True,
                env={**os.environ, **QUIET, "PYTHONPATH": path},
            )  # fmt: skip
            timer = threading.Timer(
                seconds, self._end, [f"reading {order['name']} took over {seconds:,.0f} s: stopped"]
            )
            timer.start()
            try:
                if self._ended:  # cancelled before there was anything to end
                    self._process.kill()
                answer = self._listen(self._process, order, say)
            finally:
                timer.cancel()
                self._process.kill()
                self._process.wait()
        if self._ended:
            raise FewbitsError(self._ended)
        if "error" in answer:
            raise FewbitsError(answer["error"])
        if "result" not in answer:
            raise FewbitsError(
                f"reading {order['name']} ended without a word (status {self._process.returncode}): too little memory, "
                "perhaps; close other programs, or bring fewer columns"
            )
        return dict(answer["result"])

    @staticmethod
    def _listen(process: subprocess.Popen[str], order: dict[str, Any], say: Say | None) -> dict[str, Any]:
        """Give the order and return the last answer; those before it are progress."""
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(order))
        answer: dict[str, Any] = {}
        for line in process.stdout:
            with contextlib.suppress(json.JSONDecodeError):
                answer = json.loads(line)
                if say is not None and "at" in answer:
                    say(answer["at"], answer["doing"])
        return answer


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
    file: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make a data set of a file and return what is stored with it (`engine.data.own.meta`).

    Parameters
    ----------
    say : is told a share from 0 to 1 and what is being done.
    child : cancel it to stop.
    file : what people call the file, where that is not the path's own name.

    Raises
    ------
    FewbitsError
        The name is taken or no name, the file cannot be read, nothing is left of it, or another import is at work.
    """
    taken = [*registry.names(root), *own.names(root)]
    target = own.folder(own.check_name(name, taken), root)
    checked = _checked(path)
    with _alone(target.parent) as work:
        _link(checked, work)
        started = time.perf_counter()
        order = {"task": "add", "name": file or path.name, "header": choice.header, "choice": choice.plain()}
        report = (child or Child()).work(order, work, ADD_S, say)
        content = {
            "format": own.FORMAT, "kind": own.KIND, "name": name, "file": file or path.name, "choice": choice.plain(),
            "report": report, "seconds": round(time.perf_counter() - started, 1), "added_ns": time.time_ns(),
            "files": {f.name: {"bytes": f.stat().st_size, "sha256": sha256(f)} for f in (work / "out").iterdir()},
        }  # fmt: skip
        write_json(work / "out" / "meta.json", content)
        with disk_errors(root):
            if target.is_dir() and not any(target.iterdir()):
                target.rmdir()
            if target.exists():
                raise FewbitsError(f"the folder {target} is in the way: move it elsewhere, or choose another name")
            os.replace(work / "out", target)
    return content


def _checked(path: Path) -> Path:
    """Return the absolute path of a file that may be read."""
    try:
        size = path.stat().st_size
        with open(path, "rb"):
            pass
    except OSError as error:
        raise FewbitsError(f"cannot read {path} ({error.strerror}); expected a CSV, TSV or Parquet file") from None
    if size > FILE_BYTES:
        raise FewbitsError(f"{path} has {size / 1e9:,.0f} GB; expected at most {FILE_BYTES / 1e9:,.0f} GB")
    return path.resolve()


def _link(path: Path, folder: Path) -> None:
    """Put the file within the child's reach under a name of ours: a name from outside could hold a pattern like *."""
    (folder / "source").symlink_to(path)


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
