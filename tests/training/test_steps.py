"""What a step takes: its samples, its negatives, its loss."""

import numpy as np
import pytest

from engine import encoders
from engine.spec import ModelSpec
from engine.training import sampling
from engine.training.losses import SoftmaxLoss
from engine.training.losses import create as create_loss
from engine.training.rules import settled
from engine.training.trainer import ModelSteps


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


def test_users_who_have_nearly_everything_get_what_is_left_and_change_no_other_draw():
    held = [np.arange(1, 2000), np.arange(2000), np.arange(1000), np.delete(np.arange(2000), [7, 1234])]
    keys = np.concatenate([user * 2000 + items for user, items in enumerate(held)])
    users = np.tile(np.arange(4), 50)
    drawn = sampling.unseen_items(keys, users, 2000, np.random.default_rng(0))
    assert set(drawn[users == 0]) == {0} and set(drawn[users == 3]) == {7, 1234}
    assert drawn[users == 2].min() >= 1000
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 2000, 200)
    for _ in range(100):
        seen = np.isin(users * 2000 + plain, keys)
        plain[seen] = rng.integers(0, 2000, int(seen.sum()))
    rare = (users == 0) | (users == 3)
    np.testing.assert_array_equal(drawn[~rare], plain[~rare])


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
        spec = settled(ModelSpec(dim=16, layers=2, negatives=32, batch=120, epochs=1), blocks)
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
