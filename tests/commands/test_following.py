"""Runs that were submitted are seen through: as the engine, beside another one, or in the place of one that ended."""

import pytest

from engine.commands import following
from engine.errors import FewbitsError
from engine.service.supervisor import Supervisor
from engine.store import folders, inbox
from tests.service.scripted import COMMIT, ScriptedExecutor, spec


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(following, "POLL_S", 0.01)


def engines(monkeypatch, *alive):
    """Let an engine be seen so often to live or not, and not any more after that."""
    answers = list(alive)
    monkeypatch.setattr(following, "engine_alive", lambda root: answers.pop(0) if answers else False)


def states(root, ids):
    return [folders.run_folder(root, run_id).state() for run_id in ids]


def test_a_run_that_the_serving_engine_refused_is_not_waited_for(root, monkeypatch):
    monkeypatch.setattr(following, "engine_alive", lambda root: True)
    ids = inbox.submit(root, [spec()])
    for path, _ in inbox.pending(root):
        path.unlink()  # as an engine does with a command that it refuses
    with pytest.raises(FewbitsError, match=f"refused {ids[0]}.*another version"):
        following.see_through(root, ids, Supervisor(root, []))


def test_the_place_of_an_engine_that_ended_is_taken_and_what_was_cancelled_stays_so(root, monkeypatch):
    ids = inbox.submit(root, [spec(0), spec(1)])
    first = Supervisor(root, [], ScriptedExecutor(COMMIT))
    first.drain()
    inbox.cancel(root, ids[1])
    first.drain()
    engines(monkeypatch, True, True, False)
    executor = ScriptedExecutor(COMMIT)
    following.see_through(root, ids, Supervisor(root, [], executor))
    assert states(root, ids) == ["done", "cancelled"] and executor.started == ids[:1]


def test_of_two_that_begin_together_the_second_follows_the_first(root, monkeypatch):
    ids = inbox.submit(root, [spec()])
    engines(monkeypatch, False, True, True, True)
    second = Supervisor(root, [])

    def taken(**_):
        Supervisor(root, [], ScriptedExecutor(COMMIT)).serve(until=ids)
        raise FewbitsError("an engine already serves this folder")

    monkeypatch.setattr(second, "serve", taken)
    following.see_through(root, ids, second)
    assert states(root, ids) == ["done"]


def test_an_engine_that_publishes_nothing_is_told(root):
    folder = folders.create(root, spec())
    folder.begin()
    folder.commit({"run_id": folder.run_id, "measurements": []})
    with pytest.raises(FewbitsError, match="1 of 1 runs are done, but the engine did not publish them"):
        following._await_catalog(root, [folder.run_id], wait_s=0.0)
    Supervisor(root, []).catalog.refresh()
    following._await_catalog(root, [folder.run_id], wait_s=0.0)
