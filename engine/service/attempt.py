"""One attempt at one run, in a process of its own: ``python -m engine.service.attempt ROOT RUN_ID``.

It holds the run folder's lock as long as it lives, which is how everyone else knows that it does. How it ends is
written in the folder: a manifest (done), failed.json (a user error or a crash, with its sentence), cancelled.json, or
nothing at all when the process died: then the engine tries again.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from filelock import Timeout

from engine.errors import FewbitsError
from engine.service.progress import Progress
from engine.service.token import exclusive
from engine.store.folders import RunFolder, run_folder

INTERRUPTED = 143
"""Exit status after SIGTERM: the engine asked for an end, and has written down whether that was a cancellation."""


def main(root: str, run_id: str) -> int:
    """Make one attempt; return the exit status: 0 done or nothing to do, 1 failed."""
    signal.signal(signal.SIGTERM, _interrupted)
    folder = run_folder(Path(root), run_id)
    try:
        with folder.lock().acquire(timeout=10):
            if folder.state() == "done":
                return 0
            return _attempt(folder)
    except Timeout:
        print(f"{run_id} is being worked on by another process", file=sys.stderr)
        return 0


def _attempt(folder: RunFolder) -> int:
    try:
        folder.begin()
        if folder.state() == "cancelled":  # before its engine could know which process to end
            return 0
        progress = Progress(folder)
        with exclusive(folder.path.parent, lambda text: progress("waiting", text)):
            from engine import pipeline  # late: the lock and the attempt should be seen at once, imports take a second

            pipeline.run(folder.spec(), folder, progress)
    except FewbitsError as error:
        return _failed(folder, str(error), "user")
    except MemoryError:
        return _failed(folder, "out of memory: choose a smaller dim or data set, or close other programs", "user")
    except OSError as error:  # a file that cannot be read, mostly: what was written has said so itself
        traceback.print_exc()
        return _failed(
            folder, f"{error.strerror or error}: {error.filename or 'see the log'}; check it, then retry", "user"
        )
    except Exception as error:  # a crash of ours: its traceback goes to the log, its sentence to the person
        traceback.print_exc()
        return _failed(folder, f"unexpected {type(error).__name__}: {error}; the log has the details", "crash")
    print("done", file=sys.stderr, flush=True)
    return 0


def _failed(folder: RunFolder, message: str, kind: str) -> int:
    print(f"failed: {message}", file=sys.stderr, flush=True)
    folder.fail(message, kind)
    return 1


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    os._exit(
        INTERRUPTED
    )  # nothing is half-written: every file is replaced atomically, and the locks end with the process


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
