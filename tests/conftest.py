"""What all tests share: a runs folder of their own, so that nothing of the machine's is read or changed."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FEWBITS_DATA", Path(__file__).parents[2] / "shared" / "data"))


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
