"""The process that measures at larger catalogues: what it did, and what it could not do, is written down."""

import pytest

from engine.errors import FewbitsError
from engine.measure import catalogue, finished
from engine.service import scaling as worker
from engine.service import token
from engine.spec import RunSpec
from engine.store import folders, scaling


@pytest.fixture
def measuring(root, monkeypatch):
    """Return a finished run, and a function that runs the process with a given way to measure."""
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)  # pytest keeps its own handlers
    monkeypatch.setattr(finished, "load", lambda folder: folder)
    monkeypatch.setattr(catalogue, "codes_of", lambda run, report: "codes")
    folder = folders.create(root, RunSpec(dataset="demo"))
    folder.commit({"run_id": folder.run_id, "measurements": []})

    def start(measure_at):
        monkeypatch.setattr(catalogue, "measure_at", measure_at)
        return worker.main(str(root), folder.run_id)

    return folder, start


def test_every_size_is_measured_with_the_machine_to_itself(root, measuring):
    folder, start = measuring
    scaling.ask(root, folder.run_id, [10**7, 10**6], 1)
    sizes = []

    def measure_at(run, codes, items, report):
        assert token.machine_lock(root).is_locked is False
        with pytest.raises(token.Timeout):
            token.machine_lock(root).acquire(timeout=0)
        assert run.alive()
        sizes.append(items)

    assert start(measure_at) == 0
    assert sizes == [10**6, 10**7]
    assert scaling.requests(root) == []


@pytest.mark.parametrize(("error", "words"), [
    (FewbitsError("10,000,000 items do not fit in memory"), "10,000,000 items do not fit in memory"),
    (MemoryError(), "ask for fewer items"), (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError"),
])  # fmt: skip
def test_what_stands_in_the_way_is_kept_and_what_was_measured_before_counts(root, measuring, error, words):
    folder, start = measuring
    scaling.ask(root, folder.run_id, [10**7, 10**6], 1)

    def measure_at(run, codes, items, report):
        if items == 10**7:
            raise error

    assert start(measure_at) == 1
    request = scaling.request(root, folder.run_id)
    assert words in request.error and request.items == (10**7,)
    assert folder.state() == "done" and not folder.alive()


def test_nothing_asked_is_nothing_done(measuring):
    _, start = measuring
    assert start(None) == 0
