"""What goes is what was asked for: settled runs, and what the cache holds for no finished run."""

import os

import pytest

from engine.errors import FewbitsError
from engine.service.supervisor import Supervisor
from engine.spec import ModelSpec, RunSpec
from engine.store import catalog, folders, inbox, removal, scaling
from engine.store.files import write_json
from tests.service.scripted import COMMIT, ScriptedExecutor, serve, spec

TOLD = {"checkpoint": "model-0123456789ab", "tuning": {"key": "tuned-0123456789ab"}, "split": {"key": "split-demo-0-f"}}


def finished(root, seed=0):
    folder = folders.create(root, RunSpec(dataset="demo", model=ModelSpec(seed=seed)))
    folder.file("lists.parquet").write_bytes(b"x" * 1000)
    folder.commit({"run_id": folder.run_id, "measurements": [], **TOLD})
    return folder


def cache(root, *names):
    for name in names:
        (root / "cache" / name).mkdir(parents=True)
        (root / "cache" / name / "file").write_bytes(b"x" * 100)


def test_a_deleted_run_leaves_the_folder_the_catalog_and_what_was_asked_for_it(root):
    kept, gone = finished(root, 0), finished(root, 1)
    scaling.ask(root, gone.run_id, [10], 1)
    inbox.delete(root, gone.run_id)
    serve(root, ScriptedExecutor(COMMIT), [])
    assert [f.run_id for f in folders.run_folders(root)] == [kept.run_id]
    assert catalog.runs(root)["run_id"].tolist() == [kept.run_id]
    assert not gone.path.exists() and not scaling.requests(root) and not list(root.glob(".gone-*"))


def test_a_run_that_waits_or_is_measured_stays(root, capfd):
    waiting, done = folders.create(root, spec(0)), finished(root, 1)
    for run in (waiting, done):
        inbox.delete(root, run.run_id)
    with done.lock().acquire():
        serve(root, ScriptedExecutor(COMMIT), [])
    said = capfd.readouterr().err
    assert f"{waiting.run_id} is not finished: cancel it first" in said and f"{done.run_id} is measured now" in said
    assert waiting.state() == "queued" and done.state() == "done" and not list(inbox.pending(root))


def test_a_run_whose_measurement_at_another_size_was_just_started_stays(root, capfd):
    """Its process does not hold the run's lock yet."""
    run = finished(root)
    inbox.delete(root, run.run_id)
    executor = ScriptedExecutor(COMMIT)
    executor.running = lambda: [run.run_id]
    supervisor = Supervisor(root, [], executor)
    supervisor.drain()
    assert run.state() == "done" and f"{run.run_id} is measured now" in capfd.readouterr().err


def test_a_folder_that_may_not_be_changed_does_not_hold_up_other_commands(root, monkeypatch, capfd):
    run, replace = finished(root), os.replace
    inbox.delete(root, run.run_id)
    ids = inbox.submit(root, [spec(1)])

    def refuse(source, target):
        if source == run.path:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    serve(root, ScriptedExecutor(COMMIT), ids)
    assert f"{run.run_id} cannot be deleted: " in capfd.readouterr().err
    assert folders.run_folder(root, ids[0]).state() == "done" and run.state() == "done"


def test_what_a_kill_left_of_a_deletion_goes_with_the_next_engine(root, monkeypatch):
    run = finished(root)
    monkeypatch.setattr(removal.shutil, "rmtree", lambda *_, **__: None)  # as if it were killed here
    removal.delete(run)
    assert not run.path.exists() and len(list(root.glob(".gone-*"))) == 1
    monkeypatch.undo()
    assert list(folders.run_folders(root)) == []
    serve(root, ScriptedExecutor(COMMIT), [])
    assert not list(root.glob(".gone-*"))


def test_an_engine_does_not_wait_for_a_run_that_was_deleted(root):
    run = finished(root)
    inbox.delete(root, run.run_id)
    inbox.submit(root, [spec(1)])
    supervisor = Supervisor(root, [], ScriptedExecutor(COMMIT))
    supervisor.serve(until=[run.run_id, spec(1).run_id])
    assert not supervisor.stopping and folders.run_folder(root, spec(1).run_id).state() == "done"


def test_a_deleted_run_can_be_measured_anew(root):
    ids = inbox.submit(root, [spec()])
    serve(root, ScriptedExecutor(COMMIT), ids)
    inbox.delete(root, ids[0])
    inbox.submit(root, [spec()])
    executor = ScriptedExecutor(COMMIT)
    serve(root, executor, ids)
    assert executor.started == ids and catalog.runs(root)["state"].tolist() == ["done"]


def test_the_cache_keeps_what_a_finished_run_names(root):
    run = finished(root)
    cache(root, "model-0123456789ab", "tuned-0123456789ab", "split-demo-0-f")
    assert removal.unused(root) == {}
    cache(root, "model-ffffffffffff", "tuned-ffffffffffff", "split-demo-0-e", "of-somebody-else")
    found = {words: [path.name for path in paths] for words, paths in removal.unused(root).items()}
    assert found == {"models": ["model-ffffffffffff"], "tunings": ["tuned-ffffffffffff"],
                     "prepared data": ["split-demo-0-e"]}  # fmt: skip
    removal.delete(run)
    assert sum(map(len, removal.unused(root).values())) == 6
    assert removal.size(root / "cache") == 7 * 100


@pytest.mark.parametrize("begun", [False, True])
def test_nothing_is_called_unused_while_a_run_waits_or_will_be_tried_again(root, begun):
    cache(root, "model-ffffffffffff")
    run = folders.create(root, spec())
    if begun:
        write_json(run.file("attempt.json"), {"number": 1, "pid": 0})
    with pytest.raises(FewbitsError, match=f"{run.run_id} is not finished, and may need what lies in the cache"):
        removal.unused(root)
    run.fail("no", "user")
    assert list(removal.unused(root)) == ["models"]
