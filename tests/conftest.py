"""What all tests share: a runs folder of their own, so that nothing of the machine's is read or changed."""

import importlib
import os
from pathlib import Path

import pytest

from tests.children.sitecustomize import FEWER

DATA = Path(os.environ.get("FEWBITS_DATA", Path(__file__).parents[2] / "shared" / "data"))

# Before torch is imported: several test processes share the cores, and threads that wait by spinning would take them
# from each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session", autouse=True)
def children():
    """Let the processes that tests start find `children/sitecustomize.py`; those that run tests must not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).with_name("children")), prepend=os.pathsep)
        patch.setenv("FEWBITS_REFERENCE", str(Path(__file__).with_name("no-reference")))  # tests bring their own rows
        yield


@pytest.fixture(autouse=True)
def own_runs(tmp_path, monkeypatch):
    """Point FEWBITS_RUNS at an empty folder."""
    monkeypatch.setenv("FEWBITS_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def root(tmp_path) -> Path:
    """Return the test's own runs folder."""
    folder = tmp_path / "runs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def few_samples():
    """Take as few latency samples in this process as in those that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("engine.measure.latency", "engine.measure.calibration"):
            for name, value in FEWER[module].items():
                patch.setattr(importlib.import_module(module), name, value)
        yield


@pytest.fixture
def two_threads():
    """Let torch sum with two threads, which is where equal bits are not a matter of course."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
