"""A sweep of five real runs survives kill -9 of the engine, of a run's process, and of both at once."""

import os
import signal
import subprocess
import sys
import time

import pytest

from engine.spec import ModelSpec, RunSpec
from engine.store import catalog, folders, inbox
from engine.store.files import read_json
from engine.store.status import engine_alive, engine_pid, start_engine

QUICK = {"encoder": "mf", "dim": 8, "epochs": 1}
SPECS = [
    RunSpec(dataset="demo", quantizer="uniform", bits=bits, query_bits=(32,), model=ModelSpec(seed=seed, **QUICK))
    for seed, bits in ((0, 8), (0, 4), (0, 2), (0, 1), (1, 8))
]  # fmt: skip


class Sweep:
    """What a test sees of the runs folder while engines come and go."""

    def __init__(self, root):
        self.root = root
        start_engine(root)
        inbox.submit(root, SPECS)

    def done(self):
        """Return the finished runs with the time of their commit."""
        return {
            f.run_id: f.file("manifest.json").stat().st_mtime_ns
            for f in folders.run_folders(self.root)
            if f.state() == "done"
        }

    def wait(self, condition, wait_s=120.0):
        deadline = time.monotonic() + wait_s
        while not (value := condition()):
            assert time.monotonic() < deadline, self.story()
            time.sleep(0.1)
        return value

    def working(self):
        """Return the folder of the run that a process works on now."""
        return next(
            (f for f in folders.run_folders(self.root) if f.state() == "running" and f.file("attempt.json").exists()),
            None,
        )

    def story(self):
        log = (self.root / "engine.log").read_text()
        return {f.run_id: (f.state(), f.log_tail(5)) for f in folders.run_folders(self.root)}, log

    def kill_engine(self):
        os.kill(engine_pid(self.root), signal.SIGKILL)
        self.wait(lambda: not engine_alive(self.root))


def kill(folder):
    os.kill(read_json(folder.file("attempt.json"))["pid"], signal.SIGKILL)


@pytest.fixture
def sweep(root):
    sweep = Sweep(root)
    yield sweep
    if engine_alive(root):
        os.kill(engine_pid(root), signal.SIGTERM)
        sweep.wait(lambda: not engine_alive(root))


def test_nothing_finished_is_lost_or_repeated_and_the_sweep_completes(sweep):
    # The engine alone: the attempt outlives it and commits.
    sweep.wait(lambda: len(sweep.done()) >= 1)
    orphan = sweep.wait(sweep.working)
    sweep.kill_engine()
    sweep.wait(lambda: orphan.state() == "done")
    kept = sweep.done()

    # An attempt alone: the engine notices and tries it again.
    start_engine(sweep.root)
    victim = sweep.wait(sweep.working)
    kill(victim)
    sweep.wait(lambda: victim.state() == "done")
    assert victim.attempts() == 2
    kept |= sweep.done()

    # Both at once.
    second = sweep.wait(lambda: (f := sweep.working()) and f.run_id not in kept and f)
    os.kill(engine_pid(sweep.root), signal.SIGKILL)
    kill(second)
    sweep.wait(lambda: not engine_alive(sweep.root) and second.state() in ("orphaned", "done"))
    kept |= sweep.done()
    start_engine(sweep.root)
    sweep.wait(lambda: len(sweep.done()) == len(SPECS))

    finished = sweep.done()
    assert {run_id: finished[run_id] for run_id in kept} == kept, "a run that was finished was measured again"
    sweep.wait(lambda: (catalog.runs(sweep.root)["state"] == "done").sum() == len(SPECS))
    points = catalog.points(sweep.root)
    assert len(points) == len(SPECS)
    assert points[["recall@20", "latency_p50_us", "bytes_per_item"]].notna().all(axis=None)
    assert points["run_id"].is_unique

    # The catalog can be deleted and made anew from the folders alone.
    before = [
        t.to_json(date_format="iso") for t in (catalog.runs(sweep.root), catalog.measurements(sweep.root), points)
    ]
    os.kill(engine_pid(sweep.root), signal.SIGTERM)
    sweep.wait(lambda: not engine_alive(sweep.root))
    for path in (sweep.root / "catalog").iterdir():
        path.unlink()
    command = [sys.executable, "-m", "engine", "runs", "--rebuild", "--root", str(sweep.root)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.count(" done ") == len(SPECS)
    tables = catalog.runs(sweep.root), catalog.measurements(sweep.root), catalog.points(sweep.root)
    assert [t.to_json(date_format="iso") for t in tables] == before
