"""Checkpoints: a model is trained once, shared, and trained on after a kill."""

import numpy as np
import pytest

from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.spec import ModelSpec
from engine.training.checkpoints import obtain
from engine.training.trainer import train

SMALL = {"dim": 16, "layers": 2, "batch": 256, "negatives": 32, "patience": 20}


def quiet(**_fields):
    """Report to nobody."""


def test_a_checkpoint_is_trained_once_and_shared(blocks, root):
    model = ModelSpec(**{**SMALL, "epochs": 1})
    first, second = obtain(root, model, blocks, quiet), obtain(root, model, blocks, quiet)
    assert (first.reused, second.reused) == (False, True)
    assert np.array_equal(first.arrays["embeddings"], second.arrays["embeddings"])


def test_another_seed_or_other_data_is_another_checkpoint(blocks, root):
    model = ModelSpec(**{**SMALL, "epochs": 1})
    other_data = split("two-blocks", Reading(two_blocks(), None), seed=1)
    keys = {obtain(root, m, d, quiet).key for m, d in [
        (model, blocks), (model.model_copy(update={"seed": 1}), blocks), (model, other_data)]}  # fmt: skip
    assert len(keys) == 3


def test_a_checkpoint_that_was_cut_off_is_trained_again(blocks, root):
    model = ModelSpec(**{**SMALL, "epochs": 1})
    first = obtain(root, model, blocks, quiet)
    path = first.folder / "embeddings.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    (first.folder / "top.parquet").touch()
    again = obtain(root, model, blocks, quiet)
    assert not again.reused
    assert np.array_equal(again.arrays["embeddings"], first.arrays["embeddings"])
    assert not (first.folder / "top.parquet").exists(), "lists of the broken checkpoint must not outlive it"


class Killed(Exception):
    """Stands for a process that ends in the middle."""


def test_a_training_that_was_killed_goes_on_and_ends_with_the_same_bits(blocks, tmp_path, two_threads):
    model = ModelSpec(**{**SMALL, "encoder": "ngcf", "epochs": 4})
    whole = train(model, blocks, quiet)

    def dies_in_the_third_epoch(**fields):
        if fields["epoch"] == 3:
            raise Killed

    epochs = []
    with pytest.raises(Killed):
        train(model, blocks, dies_in_the_third_epoch, tmp_path / "resume")
    resumed = train(model, blocks, lambda **fields: epochs.append(fields["epoch"]), tmp_path / "resume")
    assert min(epochs) == 3, "two epochs were kept"
    assert resumed.best_epoch == whole.best_epoch
    assert all(np.array_equal(resumed.arrays[name], value) for name, value in whole.arrays.items())


def test_a_state_that_was_cut_off_is_not_used(blocks, tmp_path):
    model = ModelSpec(**{**SMALL, "epochs": 1})
    (tmp_path / "resume").write_bytes(b"half of a file")
    assert np.array_equal(
        train(model, blocks, quiet, tmp_path / "resume").arrays["embeddings"],
        train(model, blocks, quiet).arrays["embeddings"],
    )
