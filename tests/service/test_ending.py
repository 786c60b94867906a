"""Runs that are cancelled and engines that are stopped: what was begun is ended, and nothing else is begun."""

import signal

from engine.service.supervisor import Supervisor
from engine.store import catalog, folders, inbox
from tests.service.scripted import COMMIT, SLEEP, ScriptedExecutor, serve, spec


def test_cancelling_ends_the_attempt_and_the_next_run_starts(root):
    ids = inbox.submit(root, [spec(0), spec(1)])
    executor = ScriptedExecutor(SLEEP, COMMIT)
    supervisor = Supervisor(root, [], executor)

    def cancel_the_first():
        if folders.run_folder(root, ids[0]).attempts() and not (root / "asked").exists():
            inbox.cancel(root, ids[0])
            (root / "asked").touch()

    supervisor.serve(until=ids, watch=cancel_the_first)
    states = dict(zip(catalog.runs(root)["run_id"], catalog.runs(root)["state"], strict=True))
    assert states == {ids[0]: "cancelled", ids[1]: "done"}


def test_a_run_that_has_just_been_started_can_be_cancelled(root):
    """Its process has written nothing yet: no file tells which it is."""
    ids = inbox.submit(root, [spec(0), spec(1)])
    executor, first = ScriptedExecutor("time.sleep(60)", COMMIT), []
    supervisor = Supervisor(root, [], executor)

    def cancel_at_once():
        if executor.started == ids[:1] and not first:
            first.append(executor.processes[ids[0]])
            inbox.cancel(root, ids[0])

    supervisor.serve(until=ids, watch=cancel_at_once)
    assert first[0].returncode == -signal.SIGTERM, "it was ended, and did not end by itself"
    assert [folders.run_folder(root, run_id).state() for run_id in ids] == ["cancelled", "done"]


def test_an_engine_that_was_asked_for_certain_runs_starts_no_other(root):
    """A command that only looks asks for none, and would leave a process behind."""
    ids = inbox.submit(root, [spec(0), spec(1)])
    executor = ScriptedExecutor(COMMIT)
    serve(root, executor, [])
    assert (executor.started, catalog.runs(root)["state"].tolist()) == ([], ["queued", "queued"])
    serve(root, executor, ids[:1])
    assert executor.started == ids[:1]


def test_stopping_ends_an_attempt_that_has_just_been_started(root):
    ids = inbox.submit(root, [spec()])
    executor = ScriptedExecutor("time.sleep(60)")
    supervisor = Supervisor(root, [], executor)

    def stop_once_started():
        supervisor.stopping = bool(executor.started)

    supervisor.serve(watch=stop_once_started)
    folder = folders.run_folder(root, ids[0])
    assert (executor.running(), folder.state(), folder.alive()) == ([], "queued", False)


def test_a_waiting_run_can_be_cancelled_and_queued_again(root):
    ids = inbox.submit(root, [spec()])
    inbox.cancel(root, ids[0])
    supervisor = Supervisor(root, [], ScriptedExecutor(COMMIT))
    supervisor.drain()
    assert folders.run_folder(root, ids[0]).state() == "cancelled"
    inbox.retry(root, ids[0])
    supervisor.drain()
    assert folders.run_folder(root, ids[0]).state() == "queued"


def test_stopping_the_engine_in_good_order_costs_no_attempt(root):
    ids = inbox.submit(root, [spec()])
    supervisor = Supervisor(root, [], ScriptedExecutor(SLEEP))

    def stop_once_begun():
        supervisor.stopping = bool(folders.run_folder(root, ids[0]).attempts())

    supervisor.serve(watch=stop_once_begun)
    folder = folders.run_folder(root, ids[0])
    assert (folder.state(), folder.attempts()) == ("queued", 0)
    supervisor.stopping, supervisor.executor = False, ScriptedExecutor(COMMIT)
    supervisor.serve(until=ids)
    assert (folder.state(), folder.attempts()) == ("done", 1), "nor does its next turn count the one that was ended"
