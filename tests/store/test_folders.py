"""A run folder's state follows from its files and its lock; a cut-off folder is never taken for a finished run."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from engine import indexes, pipeline
from engine.codes import FloatCodes
from engine.errors import FewbitsError
from engine.spec import RunSpec
from engine.store import files, folders
from engine.store.folders import RunFolder
from engine.store.status import engine_alive

SPEC = RunSpec(dataset="demo")


@pytest.fixture
def folder(root):
    return folders.create(root, SPEC)


def finish(folder):
    """Commit a folder with one result file."""
    folder.file("lists.parquet").write_bytes(b"x" * 1000)
    folder.commit({"run_id": folder.run_id, "measurements": []})


def test_a_submitted_run_is_queued(folder):
    assert folder.state() == "queued"
    assert folder.spec() == SPEC


def test_creating_it_again_changes_nothing(root, folder):
    finish(folder)
    assert folders.create(root, SPEC).state() == "done"


def test_a_run_whose_process_holds_the_lock_is_running_and_orphaned_once_it_died(folder):
    code = (
        "import sys, time; from pathlib import Path; from engine.store.folders import RunFolder\n"
        "f = RunFolder(Path(sys.argv[1])); lock = f.lock(); lock.acquire(); f.begin()\n"
        "print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert folder.state() == "running"
    process.kill()
    process.wait()
    assert folder.state() == "orphaned"
    assert folder.attempts() == 1


def test_the_manifest_is_the_commit(folder):
    folder.begin()
    finish(folder)
    assert folder.state() == "done"
    assert folder.verify() is None


def test_what_was_measured_at_larger_catalogues_is_never_of_the_manifest(folder):
    folder.file("scale.json").write_text("{}")
    finish(folder)
    assert list(folder.manifest()["files"]) == ["lists.parquet", "spec.json"]
    folder.file("scale.json").write_text('{"1000000": {}}')
    assert folder.state() == "done", "a further size leaves the run finished"


def test_a_run_that_is_killed_while_it_is_queued_again_leaves_no_former_results(folder, monkeypatch):
    finish(folder)
    folder.file("scale.json").write_text("{}")
    real = Path.unlink

    def killed_after_the_manifest(path, missing_ok=False):
        real(path, missing_ok=missing_ok)
        if path.name == "manifest.json":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed_after_the_manifest)
        folder.queue()
    assert folder.state() == "queued" and not folder.file("scale.json").exists()


def test_an_attempt_begins_without_former_results_at_larger_catalogues(folder):
    for name in ("scale.json", "scale-1000000.parquet"):
        folder.file(name).write_text("{}")
    folder.begin()
    assert not list(folder.path.glob("scale*"))


def test_failure_keeps_its_sentence_until_it_is_queued_again(folder):
    folder.begin()
    folder.fail("the loss became nan", "user")
    assert (folder.state(), folder.error()) == ("failed", "the loss became nan")
    folder.queue()
    assert (folder.state(), folder.error(), folder.attempts()) == ("queued", None, 0)


def test_a_cancelled_run_stays_cancelled_but_a_finished_one_is_done(folder):
    files.write_json(folder.file("cancelled.json"), {})
    assert folder.state() == "cancelled"
    finish(folder)
    assert folder.state() == "done"


@pytest.mark.parametrize("cut", ["shorter file", "missing file", "half a manifest", "no measurements"])
def test_a_folder_that_was_cut_off_is_not_done_and_says_why(folder, cut):
    folder.begin()
    finish(folder)
    manifest = folder.file("manifest.json")
    if cut == "shorter file":
        folder.file("lists.parquet").write_bytes(b"x" * 10)
    elif cut == "missing file":
        folder.file("lists.parquet").unlink()
    elif cut == "half a manifest":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text(json.dumps({"files": {}}))
    assert folder.state() == "orphaned"
    assert "cut off" in folder.error()


def test_a_changed_file_of_equal_size_is_found_by_its_checksum(folder):
    finish(folder)
    folder.file("lists.parquet").write_bytes(b"y" * 1000)
    assert folder.state() == "done"
    assert "lists.parquet" in folder.verify()


@pytest.mark.parametrize(
    "name", ["../demo-float32-0123456789ab", "demo", "/etc/passwd", "demo-float32-0123456789ab/..", ""]
)
def test_names_from_outside_never_become_paths(root, name):
    with pytest.raises(FewbitsError, match="no run id"):
        folders.run_folder(root, name)


def test_foreign_folders_are_passed_over(root, folder):
    (root / "holiday pictures").mkdir()
    (root / "demo-float32-0123456789ab").mkdir()  # no spec.json: nothing was submitted
    assert [f.run_id for f in folders.run_folders(root)] == [folder.run_id]


def test_a_full_disk_is_one_sentence_that_names_the_folder(root, monkeypatch):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(FewbitsError, match=r"disk is full.*nothing finished is lost"):
        files.write_json(root / "x.json", {})
    assert not (root / "x.json").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    with pytest.raises(FewbitsError, match="not writable"), files.disk_errors(tmp_path):
        raise PermissionError(13, "Permission denied")


def test_a_full_disk_is_told_also_by_writers_that_say_it_in_words_alone(tmp_path):
    with pytest.raises(FewbitsError, match="disk is full"), files.disk_errors(tmp_path):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(FewbitsError, match="disk is full"), files.disk_errors(tmp_path):
        raise duckdb.IOException('IO Error: Could not write file ".1.part": No space left on device')


def test_a_folder_that_may_only_be_read_is_read(folder, monkeypatch):
    """A colleague's results: whether anybody works there cannot be seen, and need not end in a traceback."""
    folder.file("lock").touch()

    def refused(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    assert folder.state() == "queued" and not folder.alive()
    (folder.path.parent / "engine.lock").touch()
    assert not engine_alive(folder.path.parent)


def test_other_errors_pass_the_disk_by(tmp_path):
    with pytest.raises(ZeroDivisionError), files.disk_errors(tmp_path):
        raise ZeroDivisionError


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_while_codes_are_saved_is_one_sentence(tmp_path, monkeypatch):
    index = indexes.build(FloatCodes(np.ones((500, 64), np.float32)))
    (tmp_path / "index.safetensors").symlink_to("/dev/full")
    monkeypatch.setattr(indexes, "save", lambda saved, path: path.write_bytes(saved.arrays()["values"].tobytes()))
    with pytest.raises(FewbitsError, match="disk is full"):
        pipeline._write_and_read_back(RunFolder(tmp_path), index, {}, None)
