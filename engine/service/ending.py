"""How things are ended: the engine by a signal, an attempt by its engine or by a later one."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from engine.store import scaling
from engine.store.files import read_json
from engine.store.folders import RunFolder

KILL_S = 10.0
"""Seconds that an attempt has between being asked to end and being killed."""


def end(executor: Any, folder: RunFolder) -> None:
    """Ask the process at a run to end, then insist. One of an earlier engine is known by its id alone, which is its
    own as long as it holds the lock.

    Parameters
    ----------
    executor : of this engine (`engine.service.local.LocalExecutor`)
    """
    if executor.end(folder.run_id, KILL_S):
        return
    if folder.manifest() is None:
        pid = (read_json(folder.file("attempt.json")) or {}).get("pid")
    else:
        request = scaling.request(folder.path.parent, folder.run_id)
        pid = request and request.pid
    deadline = time.monotonic() + KILL_S
    asked = signal.SIGTERM
    while pid and folder.alive():
        try:
            os.kill(pid, asked)
        except ProcessLookupError:
            return
        time.sleep(0.1)
        if time.monotonic() > deadline:
            asked = signal.SIGKILL


class Signals:
    """Turns SIGINT and SIGTERM into a call, as long as the engine serves."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.stop = stop

    def __enter__(self) -> None:
        self.before = {s: signal.signal(s, lambda *_: self.stop()) for s in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
