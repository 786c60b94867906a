"""A child process that reads files nobody has checked, and that may be cancelled: the parent's side of one order."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import children
from engine.errors import FewbitsError

QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}

Say = Callable[[float, str], None]


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
        with open(folder / "said.txt", "w+", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.data.own_worker", str(folder)], text=True, encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True,
                env=children.environment(**QUIET),
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
