"""BPR as published, step by step beside a plain reference: LightGCN's equations with torch's own sparse products."""

import numpy as np
import pytest
import torch

from engine import encoders
from engine.data.split import load_split
from engine.spec import ModelSpec
from engine.training import sampling
from engine.training.sampling import unseen_items
from engine.training.trainer import ModelSteps

# the learning rate is ten times the published one: on so little data a curve would hardly move otherwise
PAPER = ModelSpec(dim=32, layers=3, loss="bpr", batch=512, lr=0.01, schedule="constant", l2=1e-4, pooling="all")
STEPS = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return load_split("demo", tmp_path_factory.mktemp("paper"))


def plain_losses(split, start):
    """Return the losses of the reference, which knows nothing of our trainer but the order of its draws."""
    users, items, n = split.train.users(), split.train.items, split.n_users + split.n_items
    ends = torch.from_numpy(np.stack([users, items + split.n_users]).astype(np.int64))
    degree = torch.bincount(ends.flatten(), minlength=n).clamp(min=1).float()
    both = torch.cat([ends, ends.flip(0)], 1)
    adjacency = torch.sparse_coo_tensor(
        both, (degree[both[0]] * degree[both[1]]).rsqrt(), (n, n), check_invariants=True
    )
    embeddings = torch.from_numpy(start.copy()).requires_grad_()
    optimizer = torch.optim.Adam([embeddings], lr=PAPER.lr)
    rng, keys, losses = np.random.default_rng([PAPER.seed, 1]), split.train.keys(split.n_items), []
    for user, item in sampling.epoch(split.train, PAPER.batch, rng):
        other = unseen_items(keys, user, split.n_items, rng)
        layers = [embeddings]
        for _ in range(PAPER.layers):
            layers.append(torch.sparse.mm(adjacency, layers[-1]))
        pooled = torch.stack(layers, 1).mean(1)
        gap = (pooled[user] * (pooled[item + split.n_users] - pooled[other + split.n_users])).sum(1)
        free = torch.cat([embeddings[user], embeddings[item + split.n_users], embeddings[other + split.n_users]])
        loss = -gap.sigmoid().log().mean() + PAPER.l2 / 2 * free.square().sum() / len(user)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if len(losses) == STEPS:
            return losses
    raise AssertionError("the data set is too small for so many steps")


def test_the_loss_curve_is_that_of_a_plain_reference_on_the_same_samples(demo):
    encoder = encoders.create(PAPER, demo)
    start = encoder.start(np.random.default_rng(0))
    steps = ModelSteps(PAPER, demo, encoder, start)
    ours = [take(0.0) for (_, _, take), _ in zip(steps.epoch(1), range(STEPS), strict=False)]
    plain = plain_losses(demo, start["embeddings"])
    assert plain[-1] < 0.9 * plain[0], "nothing was learned: any curve would do"
    np.testing.assert_allclose(ours, plain, rtol=2e-3)
