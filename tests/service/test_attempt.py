"""How an attempt ends is written in its folder, in words that name the cause."""

import pytest

from engine.errors import DiskError, FewbitsError
from engine.service import attempt, token
from engine.spec import RunSpec
from engine.store.files import read_json, write_json
from engine.store.folders import create


@pytest.fixture
def ends(root, monkeypatch):
    """Return a function that makes an attempt end with an error, and tells what its folder says then."""
    monkeypatch.setattr(attempt.signal, "signal", lambda *_: None)  # pytest keeps its own handlers

    def end(error):
        def run(*_arguments):
            raise error

        monkeypatch.setattr("engine.pipeline.run", run)
        folder = create(root, RunSpec(dataset="demo"))
        assert attempt.main(str(root), folder.run_id) == 1
        return folder.state(), read_json(folder.file("failed.json"))

    return end


def test_a_user_error_is_kept_word_for_word(ends):
    state, failed = ends(FewbitsError("unknown data set 'x'"))
    assert (state, failed["kind"], failed["message"]) == ("failed", "user", "unknown data set 'x'")


def test_a_file_that_cannot_be_read_is_named_and_not_mistaken_for_a_full_disk(ends):
    _, failed = ends(PermissionError(13, "Permission denied", "train.txt"))
    assert "Permission denied: train.txt" in failed["message"]
    assert "cannot write" not in failed["message"]


def test_a_crash_points_to_the_log_which_has_the_traceback(ends, capfd):
    _, failed = ends(ZeroDivisionError("division by zero"))
    assert failed["kind"] == "crash"
    assert "ZeroDivisionError: division by zero" in failed["message"]
    assert "Traceback" in capfd.readouterr().err


def test_a_folder_that_cannot_be_written_as_it_begins_is_told(root, monkeypatch):
    monkeypatch.setattr(attempt.signal, "signal", lambda *_: None)
    folder = create(root, RunSpec(dataset="demo"))
    monkeypatch.setattr("engine.store.folders.RunFolder.begin", lambda _: (_ for _ in ()).throw(DiskError("no room")))
    assert attempt.main(str(root), folder.run_id) == 1
    assert (folder.state(), folder.error()) == ("failed", "no room")


def test_running_out_of_memory_says_what_to_do(ends):
    assert "smaller dim" in ends(MemoryError())[1]["message"]


def test_the_machine_is_free_again_after_a_failure(ends, root):
    ends(FewbitsError("no"))
    with token.machine_lock(root).acquire(timeout=0):
        pass


def test_a_run_that_was_cancelled_before_it_began_is_not_worked_on(root, monkeypatch):
    monkeypatch.setattr(attempt.signal, "signal", lambda *_: None)
    worked = []
    monkeypatch.setattr("engine.pipeline.run", lambda *_: worked.append(True))
    folder = create(root, RunSpec(dataset="demo"))
    write_json(folder.file("cancelled.json"), {"at_ns": 0})
    assert attempt.main(str(root), folder.run_id) == 0
    assert (worked, folder.state()) == ([], "cancelled")
