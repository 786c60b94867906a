"""What a watcher reads while a run works."""

import pytest

from engine.service.progress import Progress
from engine.spec import RunSpec
from engine.store.files import read_json
from engine.store.folders import create


@pytest.fixture
def folder(root):
    return create(root, RunSpec(dataset="demo"))


def fractions(folder, *calls):
    progress, seen = Progress(folder), []
    for stage, fraction in calls:
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


def test_epochs_tell_loss_metric_and_time_left(folder, capfd):
    progress = Progress(folder)
    progress("training", epoch=1, epochs=4, loss=2.0, fraction=0.25, **{"valid_ndcg@20": 0.1})
    written = read_json(folder.file("progress.json"))
    assert (written["epoch"], written["epochs"], written["loss"], written["valid_ndcg@20"]) == (1, 4, 2.0, 0.1)
    assert written["eta_s"] >= 0
    assert "epoch 1/4: loss 2.0000, valid_ndcg@20 0.1000" in capfd.readouterr().err


def test_it_is_written_at_most_twice_a_second_between_stages(folder):
    progress = Progress(folder)
    progress("training", epoch=1, epochs=4, loss=2.0, fraction=0.1)
    progress("training", epoch=1, epochs=4, loss=1.0, fraction=0.2)
    assert read_json(folder.file("progress.json"))["loss"] == 2.0
