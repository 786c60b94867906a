"""The engine's bookkeeping: commands, order, attempts, cancellation; attempts are real processes that do little."""

import json
from types import SimpleNamespace

import pytest

from engine.errors import DiskError, FewbitsError
from engine.service.supervisor import Supervisor
from engine.store import catalog, folders, inbox, status
from engine.store.files import write_json
from engine.store.status import engine_alive
from tests.service.scripted import COMMIT, DIE, FAIL, ScriptedExecutor, serve, spec


def test_runs_are_done_in_the_order_they_were_submitted(root):
    ids = inbox.submit(root, [spec(2), spec(0), spec(1)])
    executor = ScriptedExecutor(COMMIT)
    serve(root, executor, ids)
    assert executor.started == ids
    assert set(catalog.runs(root)["state"]) == {"done"}


def test_a_finished_run_is_not_repeated(root):
    ids = inbox.submit(root, [spec()])
    serve(root, ScriptedExecutor(COMMIT), ids)
    inbox.submit(root, [spec()])
    second = ScriptedExecutor(COMMIT)
    serve(root, second, ids)
    assert second.started == []


def test_an_attempt_that_dies_is_tried_again_and_its_success_counts(root):
    ids = inbox.submit(root, [spec()])
    executor = ScriptedExecutor(DIE, COMMIT)
    serve(root, executor, ids)
    assert len(executor.started) == 2
    assert folders.run_folder(root, ids[0]).state() == "done"


def test_after_three_deaths_it_stays_orphaned(root):
    ids = inbox.submit(root, [spec()])
    executor = ScriptedExecutor(DIE)
    serve(root, executor, ids)
    assert len(executor.started) == folders.ATTEMPTS
    assert folders.run_folder(root, ids[0]).state() == "orphaned"


def test_a_run_whose_process_died_with_the_engine_can_be_cancelled_before_it_is_tried_again(root):
    """Pages still show it as running; the next engine would start it in the same turn that reads the command."""
    ids = inbox.submit(root, [spec()])
    folder = folders.create(root, spec())
    write_json(folder.file("attempt.json"), {"number": 1, "pid": 0})
    assert folder.state() == "orphaned"
    inbox.cancel(root, ids[0])
    executor = ScriptedExecutor(COMMIT)
    serve(root, executor, ids)
    assert executor.started == [] and folder.state() == "cancelled"


@pytest.mark.parametrize("command", ["cancel", "retry", "scale"])
def test_a_command_for_a_run_that_is_not_there_leaves_no_folder_behind(root, capfd, command):
    run_id = spec().run_id
    write_json(root / "inbox" / "1-a.json", {"command": command, "run_id": run_id, "items": [10]})
    serve(root, ScriptedExecutor(COMMIT), [])
    assert not (root / run_id).exists() and not list(inbox.pending(root))
    assert f"no run '{run_id}'" in capfd.readouterr().err


def test_an_attempt_that_ends_before_it_began_is_given_up_after_three(root):
    ids = inbox.submit(root, [spec()])
    executor = ScriptedExecutor("")
    serve(root, executor, ids)
    assert len(executor.started) == folders.ATTEMPTS
    row = catalog.runs(root).iloc[0]
    assert row["state"] == "failed" and "ended before it began, at attempt 3 of 3" in row["error"]
    inbox.retry(root, ids[0])
    serve(root, ScriptedExecutor(COMMIT), ids)
    assert catalog.runs(root)["state"].tolist() == ["done"], "asked again, it has three attempts again"


def test_a_specification_that_was_cut_off_is_written_again_where_the_run_is_submitted_again(root):
    ids = inbox.submit(root, [spec()])
    folder = folders.create(root, spec())
    folder.file("spec.json").write_text("{")
    serve(root, ScriptedExecutor(COMMIT), ids)
    assert folder.state() == "done" and folder.spec() == spec()


def test_a_user_error_fails_once_with_its_sentence(root):
    ids = inbox.submit(root, [spec()])
    executor = ScriptedExecutor(FAIL)
    serve(root, executor, ids)
    assert len(executor.started) == 1
    row = catalog.runs(root).iloc[0]
    assert (row["state"], row["error"]) == ("failed", "the data set is broken")


def test_submitting_a_failed_run_again_tries_it_anew(root):
    ids = inbox.submit(root, [spec()])
    serve(root, ScriptedExecutor(FAIL), ids)
    inbox.submit(root, [spec()])
    serve(root, ScriptedExecutor(COMMIT), ids)
    assert folders.run_folder(root, ids[0]).state() == "done"


def test_who_asks_for_an_engine_while_a_command_is_one_gets_it_afterwards(root, monkeypatch):
    """A command serves its own runs and ends: what was submitted beside it would wait for ever."""
    started, ids = [], inbox.submit(root, [spec()])

    def start(command, **_):
        started.append((command, engine_alive(root)))
        raise FewbitsError("enough")

    def ask():
        status.start_engine(root)
        assert not started and (root / status.WANTED).exists()

    monkeypatch.setattr(status, "subprocess", SimpleNamespace(Popen=start, DEVNULL=None))
    with pytest.raises(FewbitsError, match="enough"):
        Supervisor(root, [], ScriptedExecutor(COMMIT)).serve(until=ids, watch=ask)
    assert [(command[-3:-1], alive) for command, alive in started] == [(["serve", "--root"], False)]
    assert not (root / status.WANTED).exists()


def test_a_second_engine_is_refused_with_the_first_ones_process(root):
    supervisor = Supervisor(root, [], ScriptedExecutor(COMMIT))
    refused = []

    def start_another():
        with pytest.raises(FewbitsError, match=r"already serves .*process \d+") as error:
            Supervisor(root, [], ScriptedExecutor(COMMIT)).serve()
        refused.append(str(error.value))
        supervisor.stopping = True

    (root / status.WANTED).touch()  # of a command that was killed: this engine is the one that was asked for
    supervisor.serve(watch=start_another)
    assert refused and not (root / status.WANTED).exists()
    assert not engine_alive(root)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"command": "format the disk"}', '{"command": "cancel"}',
                                  '{"command": "cancel", "run_id": "../../etc"}',
                                  '{"command": "submit", "spec": {"dataset": 3}}'])  # fmt: skip
def test_an_odd_file_in_the_inbox_is_refused_and_the_rest_is_done(root, text, capfd):
    (root / "inbox").mkdir()
    (root / "inbox" / "0.json").write_text(text)
    ids = inbox.submit(root, [spec()])
    serve(root, ScriptedExecutor(COMMIT), ids)
    assert "refused" in capfd.readouterr().err
    assert not list((root / "inbox").glob("*.json"))


def test_runs_finished_without_the_engine_are_found(root):
    folder = folders.create(root, spec())
    folder.commit({"run_id": folder.run_id, "measurements": []})
    serve(root, ScriptedExecutor(COMMIT), ())
    assert catalog.runs(root)["state"].tolist() == ["done"]
    assert json.loads(catalog.runs(root)["spec"][0])["dataset"] == "demo"


def test_a_disk_that_refuses_for_a_while_does_not_end_the_engine(root, monkeypatch, capfd):
    ids = inbox.submit(root, [spec()])
    monkeypatch.setattr("engine.service.supervisor.SCAN_S", 0.01)
    supervisor = Supervisor(root, [], ScriptedExecutor(COMMIT))
    refresh, refusals = supervisor.catalog.refresh, [DiskError("cannot write: the disk is full")]

    def refuse_once():
        if refusals:
            raise refusals.pop()
        return refresh()

    monkeypatch.setattr(supervisor.catalog, "refresh", refuse_once)

    def stop_when_done():
        supervisor.stopping = supervisor.settled(ids[0])

    supervisor.serve(watch=stop_when_done)
    assert folders.run_folder(root, ids[0]).state() == "done"
    assert "disk is full" in capfd.readouterr().err


def test_a_finished_run_whose_folder_was_cut_off_is_measured_again(root):
    ids = inbox.submit(root, [spec(0), spec(1)])
    result = "f.file('lists.parquet').write_bytes(b'x' * 100); "
    serve(root, ScriptedExecutor("f.begin(); " + result + "f.commit({'run_id': f.run_id, 'measurements': []})"), ids)
    folders.run_folder(root, ids[0]).file("lists.parquet").write_bytes(b"x" * 7)
    executor = ScriptedExecutor("f.begin(); " + result + "f.commit({'run_id': f.run_id, 'measurements': []})")
    serve(root, executor, ids)
    assert executor.started == [ids[0]], "the other one is whole and stays as it is"
    assert folders.run_folder(root, ids[0]).verify() is None


def test_a_command_that_meets_a_full_disk_waits_and_is_carried_out_later(root, monkeypatch):
    ids = inbox.submit(root, [spec()])
    supervisor = Supervisor(root, [], ScriptedExecutor(COMMIT))
    with monkeypatch.context() as patch:
        patch.setattr("engine.service.supervisor.create", refuse)
        with pytest.raises(DiskError):
            supervisor.drain()
    supervisor.drain()
    assert folders.run_folder(root, ids[0]).state() == "queued"


def refuse(*_arguments):
    raise DiskError("cannot write: the disk is full")
