"""Attempts as child processes on this machine, each in a session of its own so that it can outlive the engine."""

import subprocess
import sys

from engine import children
from engine.store.files import disk_errors
from engine.store.folders import RunFolder


class LocalExecutor:
    """Starts attempts and knows which of them live."""

    def __init__(self) -> None:
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, folder: RunFolder, module: str = "attempt") -> None:
        """Start an attempt, or another module of this room on the run; what it says goes to the folder's log.txt."""
        with disk_errors(folder.path), open(folder.file("log.txt"), "ab") as log:
            self.processes[folder.run_id] = subprocess.Popen(
                [sys.executable, "-m", f"engine.service.{module}", str(folder.path.parent), folder.run_id],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=children.environment(),
            )  # fmt: skip

    def end(self, run_id: str, patience_s: float) -> bool:
        """Ask an attempt of this engine to end, insist after a while, and wait for it; False where there is none."""
        process = self.processes.get(run_id)
        if process is None or process.poll() is not None:
            return False
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return True

    def running(self) -> list[str]:
        """Return the run ids of the attempts of this engine that live; the ended ones are reaped."""
        self.processes = {run_id: p for run_id, p in self.processes.items() if p.poll() is None}
        return list(self.processes)
