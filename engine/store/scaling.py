"""Runs at larger catalogues: what was asked for (``runs/scaling``) and what was measured (``scale.json`` of a run).

A request is one file a run, ``runs/scaling/<run id>.json``, which the engine writes and takes up in its turn. A size
that was measured is taken off it, and with the last one it goes; what stands in the way is written into it. The
results lie in the run's folder beside its manifest, which they leave as it is::

    scale.json              size → rows, machine, notes: replaced atomically after each size
    scale-<items>.parquet   the raw latency samples of a size
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from engine.errors import FewbitsError
from engine.store.files import disk_errors, read_json, write_json
from engine.store.folders import RUN_ID, RunFolder

STANDARD = (1_000_000, 10_000_000)
"""Numbers of items that are offered everywhere."""
MOST = 2**31 - 1
RESULTS = "scale.json"


@dataclass(frozen=True)
class Request:
    """Sizes asked for one run. ``pid`` is the process that works on it, ``error`` why nothing more will happen."""

    run_id: str
    items: tuple[int, ...]
    asked_ns: int = 0
    attempts: int = 0
    pid: int | None = None
    message: str = ""
    error: str | None = None


def checked_sizes(items: Any) -> tuple[int, ...]:
    """Return numbers of items, ascending, each once; FewbitsError for anything else than whole numbers 1 … 2^31 - 1."""
    given = list(items) if isinstance(items, Iterable) and not isinstance(items, str) else []
    if not given or not all(type(n) is int and 1 <= n <= MOST for n in given):
        raise FewbitsError(f"items: got {items!r}, expected whole numbers from 1 to {MOST:,}, such as 1000000,10000000")
    return tuple(sorted(set(given)))


def requests(root: Path) -> list[Request]:
    """Return all requests, oldest first; foreign files are passed over."""
    folder = root / "scaling"
    there = os.scandir(folder) if folder.is_dir() else ()
    names = [e.name.removesuffix(".json") for e in there if e.name.endswith(".json")]
    found = [r for name in names if RUN_ID.match(name) and (r := request(root, name))]
    return sorted(found, key=lambda r: (r.asked_ns, r.run_id))


def request(root: Path, run_id: str) -> Request | None:
    """Return what was asked for a run; None where nothing is (any more)."""
    content = read_json(_file(root, run_id))
    try:
        return Request(**{**content, "items": checked_sizes(content["items"])}) if isinstance(content, dict) else None
    except (TypeError, KeyError, FewbitsError):
        return None


def ask(root: Path, run_id: str, items: Any, now_ns: int) -> None:
    """Add sizes to what is asked for a run."""
    with _changing(root):
        _keep(root, joined(request(root, run_id), run_id, items, now_ns))


def joined(former: Request | None, run_id: str, items: Any, now_ns: int = 0) -> Request:
    """Return a request with sizes added to what was asked before; an earlier failure is forgotten."""
    sizes = checked_sizes(items)
    if former is None or former.error:
        return Request(run_id, sizes, now_ns)
    return replace(former, items=checked_sizes(former.items + sizes))


def update(root: Path, run_id: str, **changes: Any) -> Request | None:
    """Change fields of a request and return it; None where it was withdrawn meanwhile."""
    with _changing(root):
        former = request(root, run_id)
        if former is not None:
            _keep(root, replace(former, **changes))
        return former and replace(former, **changes)


def finish(root: Path, run_id: str, items: int) -> None:
    """Take a size that was measured off a request; with the last one the request goes."""
    with _changing(root):
        former = request(root, run_id)
        if former is None:
            return
        left = tuple(n for n in former.items if n != items)
        if left:
            _keep(root, replace(former, items=left))
        else:
            _file(root, run_id).unlink(missing_ok=True)


def drop(root: Path, run_id: str) -> None:
    """Delete a run's request."""
    with _changing(root):
        _file(root, run_id).unlink(missing_ok=True)


@contextmanager
def _changing(root: Path) -> Iterator[None]:
    """Let the engine and the process that measures change requests one after the other."""
    lock = FileLock(root / "scaling" / "lock")
    with disk_errors(root):
        (root / "scaling").mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _keep(root: Path, wanted: Request) -> None:
    write_json(_file(root, wanted.run_id), asdict(wanted))


def _file(root: Path, run_id: str) -> Path:
    if not RUN_ID.match(run_id):
        raise FewbitsError(f"{run_id!r} is no run id; expected one as `python -m engine runs` lists it")
    return root / "scaling" / f"{run_id}.json"


def results(folder: RunFolder) -> dict[int, dict[str, Any]]:
    """Return what was measured at larger catalogues: items → rows, machine, notes, finished_ns; maybe nothing."""
    content = read_json(folder.file(RESULTS))
    return {int(n): entry for n, entry in content.items()} if isinstance(content, dict) else {}


def add_result(folder: RunFolder, items: int, entry: dict[str, Any]) -> None:
    """Write what was measured at a size, in the place of a former measurement at it."""
    known = {**results(folder), items: entry}
    write_json(folder.file(RESULTS), {str(n): known[n] for n in sorted(known)})
