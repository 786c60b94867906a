"""Measuring a finished run at larger catalogues, in a process of its own: ``python -m engine.service.scaling ROOT
RUN_ID``.

It holds the run folder's lock as long as it lives, as an attempt does, and works through the run's request
(`engine.store.scaling`). What stands in the way is written into the request, as a sentence; where the process dies
without a word, the engine tries again.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

from filelock import Timeout

from engine.errors import FewbitsError
from engine.service.attempt import INTERRUPTED
from engine.service.token import exclusive
from engine.store import scaling
from engine.store.folders import RunFolder, run_folder


def main(root: str, run_id: str) -> int:
    """Measure every size asked for; return the exit status: 0 done or nothing to do, 1 failed."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(INTERRUPTED))  # every file is replaced atomically
    folder = run_folder(Path(root), run_id)
    try:
        with folder.lock().acquire(timeout=10):
            return _work(folder)
    except Timeout:
        print(f"{run_id} is being worked on by another process", file=sys.stderr)
        return 0


def _work(folder: RunFolder) -> int:
    root, run_id = folder.path.parent, folder.run_id
    try:
        scaling.update(root, run_id, pid=os.getpid())
        with exclusive(root, lambda text: _tell(folder, "waiting", text)):
            _measure(folder)
    except FewbitsError as error:
        return _failed(folder, str(error))
    except MemoryError:
        return _failed(folder, "out of memory: ask for fewer items, or close other programs")
    except Exception as error:  # a crash of ours: its traceback goes to the log, its sentence to the person
        traceback.print_exc()
        return _failed(folder, f"unexpected {type(error).__name__}: {error}; the log has the details")
    return 0


def _measure(folder: RunFolder) -> None:
    from engine.measure import catalogue, finished  # late: the lock should be seen at once, imports take a second

    codes = None
    while (wanted := scaling.request(folder.path.parent, folder.run_id)) is not None:
        run = finished.load(folder)
        if codes is None:
            codes = catalogue.codes_of(run, lambda stage, message="", **_: _tell(folder, stage, message))
        items = wanted.items[0]
        catalogue.measure_at(run, codes, items, lambda stage, message: _tell(folder, stage, message))
        scaling.finish(folder.path.parent, folder.run_id, items)


def _tell(folder: RunFolder, stage: str, message: str) -> None:
    print(f"{stage}: {message}", file=sys.stderr, flush=True)
    scaling.update(folder.path.parent, folder.run_id, message=message or stage)


def _failed(folder: RunFolder, message: str) -> int:
    print(f"failed: {message}", file=sys.stderr, flush=True)
    scaling.update(folder.path.parent, folder.run_id, error=message, pid=None)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
