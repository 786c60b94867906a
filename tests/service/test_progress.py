"""What a watcher reads while a run works."""

import time
from types import SimpleNamespace

import pytest

from engine.service.progress import Progress
from engine.spec import RunSpec
from engine.store.files import read_json
from engine.store.folders import create


@pytest.fixture
def folder(root):
    return create(root, RunSpec(dataset="demo"))


@pytest.fixture
def tuned(folder, monkeypatch):
    """The same run, its quantizer being one that is trained itself."""
    monkeypatch.setattr(Progress, "tuned", True)
    return folder


def fractions(folder, *calls):
    progress, seen = Progress(folder), []
    for stage, fraction in calls:
        progress.written = 0.0  # long ago, so that every call is written
        progress(stage, "", fraction)
        seen.append(read_json(folder.file("progress.json"))["fraction"])
    return seen


def test_the_share_of_the_run_only_grows(folder):
    seen = fractions(folder, ("reading data", 0), ("training", 0.5), ("quantizing", 0), ("writing", 1))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_a_reused_checkpoint_does_not_start_the_bar_at_three_quarters(folder):
    seen = fractions(folder, ("reading data", 0), ("quantizing", 0), ("searching", 0), ("measuring latency", 0))
    assert seen == sorted(seen)
    assert seen[1] < 0.1


def test_training_and_tuning_share_the_bar(tuned):
    seen = fractions(tuned, ("reading data", 0), ("training", 1), ("tuning", 0.5), ("tuning", 1), ("writing", 1))
    assert seen == sorted(seen)
    assert 0.35 < seen[1] < 0.5 and 0.8 < seen[3] < 0.9 and seen[4] == 1


def test_a_tuning_on_a_stored_model_is_most_of_the_run(tuned):
    seen = fractions(tuned, ("reading data", 0), ("tuning", 0), ("tuning", 1), ("quantizing", 0))
    assert seen[1] < 0.1 and seen[2] > 0.7


def test_a_stored_tuning_does_not_hold_the_bar_up(tuned):
    seen = fractions(tuned, ("reading data", 0), ("training", 1), ("quantizing", 0), ("writing", 1))
    assert seen == sorted(seen) and seen[2] == pytest.approx(0.75)


def test_a_search_before_the_tuning_does_not_turn_the_bar_back(tuned):
    seen = fractions(tuned, ("training", 1), ("searching", 0), ("tuning", 0), ("quantizing", 0), ("writing", 1))
    assert seen == sorted(seen)


def test_whether_a_run_is_tuned_is_its_quantizers_word(folder):
    assert Progress(folder).tuned is False


def test_a_tuning_tells_epochs_and_time_left_and_nothing_of_the_training(folder, capfd):
    progress = Progress(folder)
    progress("training", epoch=10, epochs=10, loss=9.0, fraction=1, **{"valid_ndcg@20": 0.2})
    progress("tuning", "from the stored model")
    assert "epoch" not in read_json(folder.file("progress.json"))
    progress("tuning", epoch=1, epochs=4, loss=2.0, fraction=0.25, **{"valid_ndcg@20": 0.1})
    assert read_json(folder.file("progress.json"))["eta_s"] >= 0
    assert "tuning, epoch 1/4: loss 2.0000, valid_ndcg@20 0.1000" in capfd.readouterr().err


def test_epochs_tell_loss_metric_and_time_left(folder, capfd):
    progress = Progress(folder)
    progress("training", epoch=1, epochs=4, loss=2.0, fraction=0.25, **{"valid_ndcg@20": 0.1})
    written = read_json(folder.file("progress.json"))
    assert (written["epoch"], written["epochs"], written["loss"], written["valid_ndcg@20"]) == (1, 4, 2.0, 0.1)
    assert written["eta_s"] >= 0
    assert "epoch 1/4: loss 2.0000, valid_ndcg@20 0.1000" in capfd.readouterr().err


def test_it_is_written_at_most_twice_a_second_between_stages(folder, monkeypatch):
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time_ns=time.time_ns, strftime=time.strftime)
    monkeypatch.setattr("engine.service.progress.time", clock)
    progress = Progress(folder)
    progress("training", epoch=1, epochs=4, loss=2.0, fraction=0.1)
    now[0] += 0.4
    progress("training", epoch=1, epochs=4, loss=1.0, fraction=0.2)
    assert read_json(folder.file("progress.json"))["loss"] == 2.0
    now[0] += 0.2
    progress("training", epoch=1, epochs=4, loss=0.5, fraction=0.3)
    assert read_json(folder.file("progress.json"))["loss"] == 0.5
