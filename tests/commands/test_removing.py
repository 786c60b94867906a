"""delete and clean: what goes is said before, and nothing goes that was not asked for."""

import pytest
from click.testing import CliRunner

from engine.__main__ import commands
from engine.store import catalog, folders
from engine.store.status import engine_lock
from tests.dashboard import make_runs


@pytest.fixture
def ids(root):
    return make_runs.make_runs(root, 3)


def asked(root, answer, *arguments):
    """Run a command that asks, and answer it."""
    return CliRunner().invoke(commands, [*arguments, "--root", str(root)], input=answer)


def test_delete_asks_and_deletes_nothing_without_a_yes(root, ids):
    result = asked(root, "n\n", "delete", ids[0])
    assert result.exit_code == 1 and f"Delete {ids[0]} (0." in result.output and " MB)?" in result.output
    assert len(list(folders.run_folders(root))) == 3
    result = asked(root, "y\n", "delete", *ids[:2], ids[0])
    assert result.exit_code == 0 and "Delete 2 runs (" in result.output and result.output.endswith("2 deleted\n")
    assert catalog.runs(root)["run_id"].tolist() == [ids[2]]


def test_delete_names_what_cannot_be_deleted_before_anything_is(engine, root, ids):
    waiting = make_runs.waiting(root, 1)[0]
    done = engine(root, "delete", "--yes", ids[0], waiting)
    assert done.returncode == 1
    assert f"{waiting} is queued: expected one that is done or failed or cancelled or orphaned" in done.stderr
    with folders.run_folder(root, ids[0]).lock().acquire():
        assert f"{ids[0]} is measured now: wait" in engine(root, "delete", "--yes", ids[0]).stderr
    missing = ids[0][:-12] + "0" * 12
    assert f"no run '{missing}'" in engine(root, "delete", "--yes", missing).stderr
    assert "is no run id" in engine(root, "delete", "--yes", "../elsewhere").stderr
    assert len(list(folders.run_folders(root))) == 4


def test_clean_tells_what_it_takes_and_takes_that_alone(engine, root, ids):
    assert engine(root, "clean", "--yes").stdout == "nothing in the cache is without a run\n"
    there = {path.name for path in (root / "cache").iterdir()}
    stray = root / "cache" / "model-ffffffffffff"
    stray.mkdir()
    (stray / "arrays.safetensors").write_bytes(bytes(2_000_000))
    result = asked(root, "n\n", "clean")
    assert "models of no run: 1 (2.0 MB)" in result.output and stray.exists()
    assert engine(root, "clean", "--yes").stdout.endswith("deleted\n")
    assert {path.name for path in (root / "cache").iterdir()} == there


def test_clean_waits_for_no_engine(engine, root, ids):
    with engine_lock(root).acquire():
        done = engine(root, "clean", "--yes")
    assert done.returncode == 1 and "an engine works on" in done.stderr and "stop it first" in done.stderr


def test_what_an_engine_refuses_is_not_told_as_deleted(engine, root, ids, monkeypatch):
    """One of an older version does not know the command."""
    monkeypatch.setattr("engine.service.supervisor.COMMANDS", ("submit", "cancel", "retry", "scale"))
    done = engine(root, "delete", "--yes", *ids[:2])
    assert done.returncode == 1 and f"2 of 2 are still there, such as {ids[0]}" in done.stderr
    assert "deleted" not in done.stdout
