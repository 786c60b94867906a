"""What the engine does about requests for larger catalogues (`engine.store.scaling`): which is next, and their end."""

import time
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError
from engine.store import scaling
from engine.store.folders import ATTEMPTS, RunFolder

DIED = (
    "the process that measured it ended without a word, {} of {} attempts (killed, or out of memory): ask for fewer "
    "items, or close other programs"
)


def ask(folder: RunFolder, items: Any) -> None:
    """Take a request for a finished run."""
    if (state := folder.state()) != "done":
        raise FewbitsError(f"{folder.run_id} is {state}: only a run that is done can be measured at other sizes")
    scaling.ask(folder.path.parent, folder.run_id, items, time.time_ns())


def at_work(root: Path) -> bool:
    """Return whether a process works on a request now, also one that another engine started."""
    return any(r.pid and RunFolder(root / r.run_id).alive() for r in scaling.requests(root))


def following(root: Path, states: dict[str, str]) -> scaling.Request | None:
    """Return the oldest request that can be begun; one whose process died too often is given up here."""
    for request in scaling.requests(root):
        if request.error or states.get(request.run_id) != "done" or RunFolder(root / request.run_id).alive():
            continue  # alive: a command measures the run now, and holds it
        if request.attempts < ATTEMPTS:
            return request
        scaling.update(root, request.run_id, error=DIED.format(request.attempts, ATTEMPTS), pid=None)
    return None


def begin(root: Path, request: scaling.Request) -> None:
    """Count an attempt at a request."""
    scaling.update(root, request.run_id, attempts=request.attempts + 1, pid=None, message="")


def interrupted(root: Path, run_id: str) -> None:
    """Let a request wait again whose process was ended in good order: that costs no attempt."""
    request = scaling.request(root, run_id)
    if request is not None and request.error is None:
        scaling.update(root, run_id, attempts=max(0, request.attempts - 1), pid=None, message="")
