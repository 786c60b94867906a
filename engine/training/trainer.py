"""Training the full-precision model: epochs over all interactions, Adam, the best epoch by validation kept.

Read top to bottom: `train` sets it up, `ModelSteps` is one gradient step. Early stopping looks at
`engine.training.validation`; the test set is not known here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine import encoders
from engine.encoders.base import length_factors
from engine.errors import FewbitsError
from engine.spec import UNTRAINED, ModelSpec
from engine.training import damping, loop, losses, memory, sampling
from engine.training.loop import Report, Trained
from engine.training.memory import SHARING
from engine.training.rules import settled
from engine.training.validation import mean, pooled_ndcgs


def train(
    spec: ModelSpec, split: Any, report: Report, resume: Path | None = None, kind: "type[ModelSteps] | None" = None
) -> Trained:
    """Train the model of a specification on a split and return its best epoch by validation ndcg@20, or the last one
    where it was trained to the end of the cosine and validation can't tell the two apart.

    ``report`` and ``resume`` are those of `loop.run`; ``kind`` is how steps are taken, `ModelSteps` by default.

    Raises
    ------
    FewbitsError
        Unknown encoder or loss, nothing to train on, not enough memory, or a loss or parameter that is no longer finite
        (epoch and step named).
    """
    if not len(split.train.items):
        raise FewbitsError(f"{split.dataset} has no training interactions: nothing to learn from")
    spec = settled(spec, split)
    if spec.encoder not in UNTRAINED:
        memory.check(spec, split.n_users, split.n_items, len(split.train.items))
    encoder, rng = encoders.create(spec, split), np.random.default_rng([spec.seed, 0])
    if not encoder.trained:
        return Trained(encoder.start(rng), 0.0, 0)
    steps = (kind or ModelSteps)(spec, split, encoder, encoder.start(rng))
    patience = spec.epochs if spec.schedule == "cosine" else spec.patience  # the rate has to fall before it is judged
    trained = loop.run(steps, spec.epochs, patience, report, resume)
    if spec.schedule == "cosine" and trained.best_epoch < len(trained.history):
        trained = _last_unless_worse(steps, trained)
    damp = steps.damp
    del steps  # with the optimizer's state
    if damp:
        share = damping.chosen(split, encoder.plain_pooled(trained.arrays))
        trained.arrays[damping.NAME] = np.array([share], np.float32)
    return trained


def _last_unless_worse(steps: "ModelSteps", trained: Trained) -> Trained:
    """Return the last epoch where validation can't tell it from the best (two standard errors), else the best.

    The learning rate has fallen to 0 by then: of two that look alike the last has the less noise. Two, as the best is
    the luckiest of all: on Gowalla, seed 0, the fifth of ten was ahead by 0.0007, 1.1 standard errors, and coded it was
    behind in 8 of 12 forms.
    """
    behind = steps.validated(trained.arrays) - steps.validated(steps.values())
    if behind.mean() > 2 * behind.std() / np.sqrt(max(len(behind), 1)):
        return trained
    return replace(trained, arrays=steps.arrays(), best_epoch=len(trained.history))


class ModelSteps(loop.Steps):
    """Gradient steps of an encoder's parameters."""

    def __init__(self, spec: ModelSpec, split: Any, encoder: Any, start: dict[str, np.ndarray]) -> None:
        super().__init__(start, spec.lr, spec.schedule == "cosine", np.random.default_rng([spec.seed, 1]))
        self.spec, self.split, self.encoder = spec, split, encoder
        self.loss = losses.create(spec, split)
        self.damp = spec.damping == "validation" and self.loss.on_directions
        self.share: float | None = None  # of the damping under which epochs are compared

    def epoch(self, number: int) -> Iterator[tuple[int, int, Callable[[float], float]]]:
        steps = -(-len(self.split.train.items) // self.spec.batch)
        for step, (users, items) in enumerate(sampling.epoch(self.split.train, self.spec.batch, self.rng), 1):
            yield step, steps, partial(self._take, users, items)

    def _take(self, users: np.ndarray, items: np.ndarray, progress: float) -> float:
        """Take a step: one propagation, and the samples in parts of which each shares negatives."""
        torch, pooled = self.torch, self.encoder.pooled(self.parameters)
        edge, vectors = torch.autograd.graph.get_gradient_edge(pooled), pooled.detach()
        gradient, total = torch.zeros_like(vectors), 0.0
        for first in range(0, len(users), SHARING):
            part = slice(first, first + SHARING)
            total += self._pull(users[part], items[part], vectors, gradient, len(users))
        del pooled, vectors  # the way back needs their memory, and not them
        torch.autograd.backward(edge, gradient)
        self.advance(progress)
        return total

    def _pull(self, users: np.ndarray, items: np.ndarray, vectors: Any, gradient: Any, batch: int) -> float:
        """Add to the gradient [U+I, d] of the pooled vectors what some of a batch's samples ask for; return their share
        of its mean loss.
        """
        functional, n = self.torch.nn.functional, self.split.n_users
        negatives = self.loss.negatives(users, self.rng)
        index = self.torch.from_numpy(np.concatenate([users, items + n, negatives + n])).to(self.device)
        rows = functional.embedding(index, vectors).requires_grad_()  # [2B+N, d]
        loss = self.loss(*rows.split([len(users), len(items), len(negatives)])) * (len(users) / batch)
        if self.spec.l2:  # on the free embeddings of the batch, as LightGCN's public code: l2/2 · Σ‖e‖² / B
            free = functional.embedding(index, self.parameters["embeddings"])
            loss = loss + self.spec.l2 / 2 * free.square().sum() / batch
        loss.backward()
        gradient.index_add_(0, index, rows.grad)
        return float(loss.detach())

    def metric(self) -> float:
        return mean(self.validated(self.values()))

    def validated(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Return the ndcg@20 of each user with a validation item, float32, under a model's arrays.

        Items are damped as the first epoch asks for: lengths come before directions are learned, and alone they would
        make an early epoch look best.
        """
        pooled = self.encoder.plain_pooled(arrays)
        if self.share is None:
            self.share = float(np.float32(damping.chosen(self.split, pooled))) if self.damp else 0.0  # as it is kept
        users, items = pooled[: self.split.n_users], pooled[self.split.n_users :]
        return pooled_ndcgs(self.split, users, items * length_factors(items, self.share) if self.share else items)

    def extra(self) -> dict[str, np.ndarray]:
        return {} if self.share is None or not self.damp else {damping.NAME: np.array([self.share], np.float32)}

    def restore_extra(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.share = damping.share(arrays) if self.damp else None

    def place(self, name: str, row: int) -> str:
        if name != "embeddings":
            return super().place(name, row)
        n = self.split.n_users
        return "the embedding of " + (f"user {row}" if row < n else f"item {row - n}")
