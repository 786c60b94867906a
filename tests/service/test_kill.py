"""A sweep of three real runs survives kill -9 of the engine, of a run's process, and of both at once."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine import quantizers
from engine.service.local import LocalExecutor
from engine.spec import ModelSpec, RunSpec
from engine.store import catalog, folders, inbox
from engine.store.files import read_json
from engine.store.status import engine_alive, engine_pid, start_engine

QUICK = ModelSpec(encoder="mf", dim=8, epochs=1)
TUNED = quantizers.resolve(
    RunSpec(
        dataset="demo", quantizer="dpq", bits=8, options={"steps": 200, "subspaces": 2},
        model=ModelSpec(dim=16, layers=1, epochs=1, negatives=64),
    )
)  # fmt: skip
SPECS = [
    RunSpec(dataset="demo", quantizer="uniform", bits=8, query_bits=(32,), model=QUICK),
    TUNED,
    RunSpec(dataset="demo", quantizer="sign", bits=1, query_bits=(32,), model=QUICK),
]


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


def arrays(folder):
    """Return the packed items and users of a run, by file and name."""
    files = sorted(folder.path.glob("*.safetensors"))
    return {(path.name, name): array for path in files for name, array in load_file(path).items()}


@pytest.fixture
def undisturbed(tmp_path):
    """Return the folder of an attempt at the tuned run that nobody kills; it works beside the sweep."""
    folder, executor = folders.create(tmp_path / "undisturbed", TUNED), LocalExecutor()
    executor.start(folder)
    yield folder
    for process in executor.processes.values():
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """Let every attempt compute with two threads, where equal bits are not a matter of course."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")


@pytest.fixture
def sweep(root):
    sweep = Sweep(root)
    yield sweep
    if engine_alive(root):
        os.kill(engine_pid(root), signal.SIGTERM)
        sweep.wait(lambda: not engine_alive(root))


def test_nothing_finished_is_lost_or_repeated_and_the_sweep_completes(sweep, undisturbed):
    # The engine alone: the attempt outlives it and commits.
    orphan = sweep.wait(sweep.working)
    sweep.kill_engine()
    sweep.wait(lambda: orphan.state() == "done")
    kept = sweep.done()

    # An attempt alone, in the middle of tuning: the engine notices, and the next one goes on from the last epoch.
    start_engine(sweep.root)
    victim = folders.run_folder(sweep.root, TUNED.run_id)
    sweep.wait(lambda: list(sweep.root.glob("cache/tuned-*/resume.npz")))
    kill(victim)
    sweep.wait(lambda: victim.state() == "done")
    assert victim.attempts() == 2
    assert [victim.log_tail(99).count(f"tuning, epoch {epoch}/2") for epoch in (1, 2)] == [1, 1]
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
    assert len(points) == sum(len(spec.query_bits) for spec in SPECS)
    assert points[["recall@20", "latency_p50_us", "bytes_per_item"]].notna().all(axis=None)
    assert not points[["run_id", "query_bits"]].duplicated().any()

    # What was killed while it was tuned has the codes of one that was left alone, to the last bit.
    sweep.wait(lambda: undisturbed.state() == "done")
    assert undisturbed.attempts() == 1
    expected, found = arrays(undisturbed), arrays(victim)
    assert undisturbed.manifest()["tuning"]["best_epoch"] == 2, "else the second epoch left no trace"
    assert expected.keys() == found.keys() and len(expected) > 4
    assert all(np.array_equal(found[name], array) for name, array in expected.items())

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
