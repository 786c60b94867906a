"""Compiled kernels are those of the sources as they are: files that they share count, not only their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import compiled

ROOT = Path(__file__).parents[1]


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "pieces.py").write_text("ONE = 1\n")
    (tmp_path / "kernels.py").write_text("from pieces import ONE\n")
    return tmp_path


def test_a_change_in_any_shared_file_is_another_folder(sources):
    before = compiled.digest(sources)
    assert compiled.digest(sources) == before
    (sources / "pieces.py").write_text("ONE = 2\n")
    after = compiled.digest(sources)
    assert after != before
    (sources / "pieces.py").rename(sources / "parts.py")
    assert compiled.digest(sources) not in (before, after)


def test_the_newest_folders_are_kept_and_nothing_else_is_touched(tmp_path):
    for age in range(5):
        folder = tmp_path / f"kernels-{age}"
        folder.mkdir()
        os.utime(folder, (1000 - age, 1000 - age))
    (tmp_path / "other").mkdir()
    compiled._prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"kernels-0", "kernels-1", "other"}


def test_a_process_that_starts_makes_its_folder_and_leaves_those_of_others(tmp_path, monkeypatch):
    """Every process prunes until the folder is there; a folder may go between being listed and being looked at."""
    monkeypatch.setattr(compiled, "FOLDER", tmp_path)
    monkeypatch.delenv(compiled.VARIABLE, raising=False)
    compiled.keep_apart()
    assert [path.name for path in tmp_path.iterdir()] == [Path(os.environ[compiled.VARIABLE]).name]
    monkeypatch.setattr(compiled, "_prune", lambda _: pytest.fail("it is there"))
    compiled.keep_apart()
    assert compiled._written(tmp_path / "kernels-gone") == 0.0


def numba_folder(**settings: str) -> str:
    """The folder that a new process's kernels are kept in."""
    code = "import engine.indexes, numba; print(numba.config.CACHE_DIR)"
    environment = {name: value for name, value in os.environ.items() if name != compiled.VARIABLE} | settings
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_numba_is_told_before_it_is_loaded(tmp_path):
    own = str(compiled.FOLDER / f"kernels-{compiled.digest(compiled.SHARED)}")
    assert numba_folder() == own
    assert numba_folder(NUMBA_CACHE_DIR=str(compiled.FOLDER / "kernels-0123456789ab")) == own, "inherited from before"
    assert numba_folder(NUMBA_CACHE_DIR=str(tmp_path)) == str(tmp_path), "a person's own choice stays"
