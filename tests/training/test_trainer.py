"""Training learns what there is to learn, twice the same, and stops when it should."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine import encoders, indexes
from engine.codes import FloatCodes
from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.errors import FewbitsError
from engine.measure.ranking import hit_matrix
from engine.spec import ModelSpec
from engine.training import sampling
from engine.training.checkpoints import obtain
from engine.training.losses import SoftmaxLoss
from engine.training.losses import create as create_loss
from engine.training.rules import settled
from engine.training.trainer import ModelSteps, train

SMALL = {"dim": 16, "layers": 2, "epochs": 20, "batch": 256, "negatives": 32, "patience": 20}


@pytest.fixture(scope="module")
def blocks():
    """Two communities that share nothing: whoever learned them recommends within the user's own."""
    return split("two-blocks", Reading(two_blocks(per_user=20), None))


def quiet(**_fields):
    """Report to nobody."""


def recall(model: ModelSpec, data, arrays) -> float:
    """Return the mean recall@10 of a trained model on the test items."""
    layers = encoders.create(model, data).layers(arrays)
    z = np.mean(layers, 0, dtype=np.float32)
    seen = data.seen()
    hits = indexes.build(FloatCodes(z[data.n_users :])).search(z[: data.n_users], 10, (seen.indptr, seen.items))
    found = hit_matrix(hits.ids, data.test, np.arange(data.n_users), data.n_items)
    return float((found.sum(1) / np.maximum(data.test.counts(), 1)).mean())


@pytest.mark.parametrize("encoder", ["lightgcn", "ngcf", "mf"])
@pytest.mark.parametrize(("loss", "lr"), [("softmax", 0.03), ("bpr", 0.05)])
def test_every_encoder_and_loss_finds_the_two_blocks(blocks, encoder, loss, lr):
    model = ModelSpec(encoder=encoder, loss=loss, lr=lr, **SMALL)
    popular = ModelSpec(encoder="popularity")
    floor = recall(popular, blocks, train(popular, blocks, quiet).arrays)
    # Without zero_grad the steps run away and end near the floor; half of all items are of the other block.
    assert recall(model, blocks, train(model, blocks, quiet).arrays) > 1.6 * floor


def test_equal_seeds_give_equal_bits_and_other_seeds_others(blocks, two_threads):
    model = ModelSpec(**{**SMALL, "epochs": 2})
    first, second = train(model, blocks, quiet), train(model, blocks, quiet)
    assert np.array_equal(first.arrays["embeddings"], second.arrays["embeddings"])
    assert not np.array_equal(
        first.arrays["embeddings"], train(model.model_copy(update={"seed": 1}), blocks, quiet).arrays["embeddings"]
    )


def test_the_rules_settle_what_was_left_to_them_and_nothing_else(blocks):
    rules = settled(ModelSpec(), blocks)
    assert rules.batch == 256, "1,920 interactions: the smallest batch"
    assert rules.temperature == 0.4, "one pair in five interacts: as dense as it gets"
    assert rules.negatives == 256, "few items: as few negatives as there may be"
    assert rules.epochs == 10, "9.6 interactions a node: as good as the 11.4 that 10 epochs are for"
    few = SimpleNamespace(train=blocks.train, n_users=blocks.n_users // 10, n_items=blocks.n_items // 10)
    assert settled(ModelSpec(), few).epochs == 8, "ten times as many interactions a node"
    given = ModelSpec(epochs=3, batch=7, negatives=9, temperature=0.2)
    assert settled(given, blocks) == given


def test_the_best_epoch_by_validation_is_kept_not_the_last(blocks, monkeypatch):
    metrics = iter([0.1, 0.3, 0.2, 0.1, 0.1, 0.1])
    monkeypatch.setattr("engine.training.trainer.ModelSteps.metric", lambda _: next(metrics))
    trained = train(ModelSpec(**{**SMALL, "epochs": 6, "patience": 3, "schedule": "constant"}), blocks, quiet)
    assert trained.best_epoch == 2
    assert len(trained.history) == 5, "three epochs without a better one end the training"


def test_a_falling_rate_is_followed_to_its_end(blocks, monkeypatch):
    metrics = iter([0.3, 0.2, 0.2, 0.2, 0.4])
    monkeypatch.setattr("engine.training.trainer.ModelSteps.metric", lambda _: next(metrics))
    assert train(ModelSpec(**{**SMALL, "epochs": 5, "patience": 2}), blocks, quiet).best_epoch == 5


def test_epochs_are_compared_as_damped_as_the_first_one_asks_for(blocks, monkeypatch):
    asked, compared = iter([0.5, 0.2]), []
    monkeypatch.setattr("engine.training.damping.chosen", lambda *_: next(asked))
    monkeypatch.setattr(
        "engine.training.trainer.pooled_ndcgs", lambda _, users, items: compared.append(items) or users[:1, 0]
    )
    spec = settled(ModelSpec(**SMALL), blocks)
    encoder = encoders.create(spec, blocks)
    steps = ModelSteps(spec, blocks, encoder, encoder.start(np.random.default_rng(0)))
    learned = encoder.plain_pooled(steps.values())[blocks.n_users :]
    lengths = np.linalg.norm(learned, axis=1)
    steps.metric(), steps.metric()
    for items in compared:
        assert np.allclose(np.linalg.norm(items, axis=1), lengths**0.5, rtol=1e-4)
    again = ModelSteps(spec, blocks, encoder, encoder.start(np.random.default_rng(0)))
    again.restore_extra(steps.extra())
    assert again.share == steps.share == 0.5


@pytest.mark.parametrize(("behind", "kept"), [(0.001, 3), (0.0075, 3), (0.1, 2)])
def test_the_last_epoch_of_the_cosine_is_kept_where_validation_cannot_tell_it_from_the_best(
    blocks, monkeypatch, behind, kept
):
    metrics, noise = iter([0.1, 0.3, 0.3 - behind]), np.random.default_rng(0).standard_normal(400)
    found = iter([0.3 + 0.1 * (noise - noise.mean()), np.full(400, 0.3 - behind)])  # one standard error is 0.005
    monkeypatch.setattr(ModelSteps, "metric", lambda _: next(metrics))
    monkeypatch.setattr(ModelSteps, "validated", lambda *_: next(found))
    trained = train(ModelSpec(**{**SMALL, "epochs": 3, "patience": 3}), blocks, quiet)
    assert trained.best_epoch == kept
    other = train_at(blocks, monkeypatch, 3 if kept == 2 else 2)
    assert not np.array_equal(trained.arrays["embeddings"], other)


def train_at(data, monkeypatch, best):
    """Return the embeddings of the same training where an epoch is clearly the best."""
    metrics = iter([0.1, 0.5 if best == 2 else 0.1, 0.5 if best == 3 else 0.1])
    monkeypatch.setattr(ModelSteps, "metric", lambda _: next(metrics))
    values = iter([np.full(400, 0.5), np.full(400, 0.1)])
    monkeypatch.setattr(ModelSteps, "validated", lambda *_: next(values))
    return train(ModelSpec(**{**SMALL, "epochs": 3, "patience": 3}), data, quiet).arrays["embeddings"]


def test_progress_is_reported_with_epoch_loss_and_metric(blocks):
    reports = []
    train(ModelSpec(**{**SMALL, "epochs": 2}), blocks, lambda **fields: reports.append(fields))
    assert reports[-1]["epoch"] == reports[-1]["epochs"] == 2
    assert "valid_ndcg@20" in reports[-1]
    assert reports[-1]["fraction"] == 1


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_a_loss_that_is_not_finite_stops_the_run_with_epoch_and_step(blocks, monkeypatch, loss):
    start = encoders.MF.start

    def overflowing(self, rng):
        parameters = start(self, rng)
        parameters["embeddings"][blocks.train.items[0] + blocks.n_users] = np.nan
        return parameters

    monkeypatch.setattr(encoders.MF, "start", overflowing)
    with pytest.raises(FewbitsError, match=r"loss became nan in epoch 1, step \d+ of \d+ .*smaller one"):
        train(ModelSpec(**{**SMALL, "encoder": "mf", "loss": loss}), blocks, quiet)


def test_an_embedding_that_is_not_finite_is_named(blocks, monkeypatch):
    start = encoders.MF.start

    def overflowing(self, rng):
        parameters = start(self, rng)
        parameters["embeddings"][blocks.n_users + 3] = np.inf
        return parameters

    monkeypatch.setattr(encoders.MF, "start", overflowing)
    monkeypatch.setattr("engine.training.loop._epoch", lambda *_: 1.0)
    with pytest.raises(FewbitsError, match="item 3"):
        train(ModelSpec(**{**SMALL, "encoder": "mf"}), blocks, quiet)


def test_an_epoch_visits_every_interaction_once(blocks):
    pairs = [np.stack(batch) for batch in sampling.epoch(blocks.train, 100, np.random.default_rng(0))]
    visited = np.concatenate(pairs, axis=1)
    assert visited.shape[1] == len(blocks.train.items)
    assert len(np.unique(visited, axis=1).T) == len(blocks.train.items)


def test_bpr_negatives_are_unseen_and_cover_the_rest(blocks):
    users = np.repeat(np.arange(blocks.n_users), 50)
    keys = blocks.train.keys(blocks.n_items)
    drawn = sampling.unseen_items(keys, users, blocks.n_items, np.random.default_rng(0))
    for user in (0, blocks.n_users - 1):
        mine = drawn[users == user]
        assert not set(mine) & set(blocks.train.of(user))
        assert len(set(mine)) > 20


def test_softmax_negatives_follow_popularity_to_the_three_quarters():
    items = np.repeat([0, 1, 2], [16, 1, 0])
    drawn = sampling.PopularItems(items, 4).draw(20_000, np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] / counts[1] == pytest.approx(16**0.75, rel=0.1)
    assert counts[2:].sum() == 0, "items that nobody has are never drawn"


def test_the_softmax_loss_is_the_cross_entropy_of_cosines_over_the_temperature(blocks, monkeypatch):
    import torch

    monkeypatch.setattr("engine.training.fused.MATRIX_UNITS", False)

    loss = create_loss(ModelSpec(temperature=0.5, negatives=2), blocks)
    users, items, negatives = torch.tensor([[3.0, 0]]), torch.tensor([[0.0, 2]]), torch.tensor([[5.0, 0], [-1, 0]])
    expected = -np.log(1 / (1 + np.exp(2) + np.exp(-2)))  # cosines 0, 1, −1 over 0.5
    assert float(loss(users, items, negatives)) == pytest.approx(expected, rel=1e-5)


def test_a_large_batch_is_taken_in_parts_with_negatives_of_their_own(blocks, monkeypatch):
    """The same samples in one part and in several: all negatives are item 0 here, so that only the parts differ."""
    monkeypatch.setattr("engine.training.fused.MATRIX_UNITS", False)
    monkeypatch.setattr(SoftmaxLoss, "negatives", lambda self, users, rng: drawn.append(1) or np.zeros(4, np.int64))
    ends = {}
    for sharing in (50, 1000):
        drawn: list[int] = []
        monkeypatch.setattr("engine.training.trainer.SHARING", sharing)
        spec = settled(ModelSpec(**{**SMALL, "batch": 120, "epochs": 1}), blocks)
        encoder = encoders.create(spec, blocks)
        steps = ModelSteps(spec, blocks, encoder, encoder.start(np.random.default_rng(0)))
        losses = [take(0.0) for _, _, take in steps.epoch(1)]
        ends[sharing] = losses, steps.arrays()["embeddings"], len(drawn)
    assert ends[50][2] > 2 * ends[1000][2]
    assert ends[50][0] == pytest.approx(ends[1000][0], rel=1e-4)
    assert np.allclose(ends[50][1], ends[1000][1], atol=1e-4)


def test_the_bpr_loss_is_the_log_sigmoid_of_the_score_gap(blocks):
    import torch

    loss = create_loss(ModelSpec(loss="bpr"), blocks)
    value = loss(torch.tensor([[1.0, 2]]), torch.tensor([[1.0, 1]]), torch.tensor([[0.0, 1]]))
    assert float(value) == pytest.approx(np.log1p(np.exp(-1)), rel=1e-5)


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


def test_an_unknown_encoder_or_loss_lists_the_known_ones(blocks):
    with pytest.raises(FewbitsError, match="lightgcn"):
        train(ModelSpec(encoder="lightgnc"), blocks, quiet)
    with pytest.raises(FewbitsError, match="softmax"):
        train(ModelSpec(loss="hinge"), blocks, quiet)
