"""Larger catalogues: what is asked for waits its turn, is measured once, and is given up or withdrawn in good order."""

from engine.service import requests
from engine.service.supervisor import Supervisor
from engine.store import folders, inbox, scaling
from tests.service.scripted import COMMIT, ScriptedExecutor, serve, spec

MEASURE = (
    "from engine.store import scaling; root = f.path.parent; time.sleep(0.5)\n"
    "n = scaling.request(root, f.run_id).items[0]\n"
    "scaling.add_result(f, n, {'rows': [], 'machine': {'hardware': 'x'}, 'notes': [], 'finished_ns': 1})\n"
    "scaling.finish(root, f.run_id, n)"
)
BEGIN = "import os; from engine.store import scaling; scaling.update(f.path.parent, f.run_id, pid=os.getpid()); "


def finished(root, seed=0):
    folder = folders.create(root, spec(seed))
    folder.begin()
    folder.commit({"run_id": folder.run_id, "measurements": []})
    return folder


def until(supervisor, reached):
    """Serve until something has come about."""
    supervisor.serve(watch=lambda: setattr(supervisor, "stopping", bool(reached())))


def test_larger_catalogues_wait_their_turn_among_the_runs(root):
    done = finished(root)
    (first,) = inbox.submit(root, [spec(1)])
    inbox.scale(root, done.run_id, [10**6])
    (last,) = inbox.submit(root, [spec(2)])
    executor = ScriptedExecutor(COMMIT, MEASURE, COMMIT)
    serve(root, executor, [first, last])
    assert executor.started == [first, done.run_id, last]
    assert executor.modules == ["attempt", "scaling", "attempt"]
    assert list(scaling.results(done)) == [10**6]
    assert done.state() == "done" and scaling.requests(root) == []


def test_a_run_that_is_not_done_cannot_be_measured_at_another_size(root, capfd):
    folder = folders.create(root, spec())
    inbox.scale(root, folder.run_id, [10**6])
    Supervisor(root, [], ScriptedExecutor(COMMIT)).drain()
    assert "is queued: only a run that is done" in capfd.readouterr().err
    assert scaling.requests(root) == []


def test_a_process_that_dies_while_it_measures_is_started_again_and_then_given_up(root):
    done = finished(root)
    inbox.scale(root, done.run_id, [10**6])
    executor = ScriptedExecutor(BEGIN + "import signal; os.kill(os.getpid(), signal.SIGKILL)")
    supervisor = Supervisor(root, [], executor)
    until(supervisor, lambda: (r := scaling.request(root, done.run_id)) and r.error)
    assert len(executor.started) == folders.ATTEMPTS
    assert "ended without a word" in scaling.request(root, done.run_id).error
    assert done.state() == "done", "the run itself is as it was"


def test_what_was_asked_for_can_be_withdrawn_while_it_is_measured(root):
    done = finished(root)
    inbox.scale(root, done.run_id, [10**6])
    executor = ScriptedExecutor(BEGIN + "time.sleep(60)")
    supervisor = Supervisor(root, [], executor)
    until(supervisor, lambda: (r := scaling.request(root, done.run_id)) and r.pid)
    assert scaling.request(root, done.run_id).attempts == 0, "ending in good order costs no attempt"
    inbox.cancel(root, done.run_id)
    until(supervisor := Supervisor(root, [], executor), lambda: not scaling.requests(root))
    assert (done.state(), executor.running()) == ("done", [])


def test_what_a_command_measures_at_this_moment_is_not_begun_beside_it(root):
    """Three processes that find the run held would be taken for three that died."""
    done = finished(root)
    scaling.ask(root, done.run_id, [10**6], 1)
    with done.lock().acquire(timeout=0):
        assert requests.following(root, {done.run_id: "done"}) is None
    assert requests.following(root, {done.run_id: "done"}).run_id == done.run_id


def test_a_failed_request_is_not_begun_again(root):
    done = finished(root)
    scaling.ask(root, done.run_id, [10**6], 1)
    scaling.update(root, done.run_id, error="does not fit in memory")
    executor = ScriptedExecutor(MEASURE)
    serve(root, executor, inbox.submit(root, [spec()]))
    assert executor.started == []
