"""Attempts that do little, for tests of the engine's bookkeeping: real processes, each with a script."""

import subprocess
import sys

from engine.service.local import LocalExecutor
from engine.service.supervisor import Supervisor
from engine.spec import ModelSpec, RunSpec

COMMIT = "f.begin(); f.commit({'run_id': f.run_id, 'measurements': []})"
DIE = "f.begin(); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
FAIL = "f.begin(); f.fail('the data set is broken', 'user')"
SLEEP = "f.begin(); time.sleep(60)"


class ScriptedExecutor(LocalExecutor):
    """Starts processes that hold the run's lock as an attempt does, and then do what the script says."""

    def __init__(self, *scripts):
        super().__init__()
        self.scripts, self.started, self.modules = list(scripts), [], []

    def start(self, folder, module="attempt"):
        self.modules.append(module)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.started.append(folder.run_id)
        code = (
            "import sys, time; from pathlib import Path; from engine.store.folders import RunFolder\n"
            f"f = RunFolder(Path(sys.argv[1])); lock = f.lock(); lock.acquire()\n{script}"
        )
        self.processes[folder.run_id] = subprocess.Popen([sys.executable, "-c", code, str(folder.path)])


def spec(seed=0, **more):
    return RunSpec(dataset="demo", model=ModelSpec(seed=seed), **more)


def serve(root, executor, until):
    supervisor = Supervisor(root, [], executor)
    supervisor.serve(until=until)
    return supervisor
