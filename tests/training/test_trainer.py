"""Training learns what there is to learn, twice the same, and stops when it should."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine import encoders, indexes
from engine.codes import FloatCodes
from engine.errors import FewbitsError
from engine.measure.ranking import hit_matrix
from engine.spec import ModelSpec
from engine.training.rules import settled
from engine.training.trainer import ModelSteps, train

SMALL = {"dim": 16, "layers": 2, "epochs": 20, "batch": 256, "negatives": 32, "patience": 20}


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


def test_an_unknown_encoder_or_loss_lists_the_known_ones(blocks):
    with pytest.raises(FewbitsError, match="lightgcn"):
        train(ModelSpec(encoder="lightgnc"), blocks, quiet)
    with pytest.raises(FewbitsError, match="softmax"):
        train(ModelSpec(loss="hinge"), blocks, quiet)


def test_a_training_of_one_step_takes_it(blocks):
    """At the end of half a cosine the learning rate is 0; an only step is also the first."""
    model = ModelSpec(**{**SMALL, "epochs": 1, "batch": len(blocks.train.items), "damping": "none"})
    start = encoders.create(model, blocks).start(np.random.default_rng([model.seed, 0]))
    moved = np.abs(train(model, blocks, quiet).arrays["embeddings"] - start["embeddings"])
    assert np.median(moved) == pytest.approx(model.lr, rel=0.01), "Adam's first step is the rate itself"
