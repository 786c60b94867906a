"""Training the full-precision model: epochs over all interactions, Adam, the best epoch by validation kept.

Read top to bottom: `train` sets it up, `_ModelSteps` is one gradient step, `valid_ndcg` the number that early stopping
and every choice looks at. The test set is not known here.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine import encoders, indexes
from engine.codes import Codes, FloatCodes
from engine.errors import FewbitsError
from engine.measure.machine import cores
from engine.measure.ranking import hit_matrix, ndcg
from engine.spec import ModelSpec
from engine.training import loop, losses, sampling
from engine.training.loop import VALID_K, Report, Trained
from engine.training.rules import settled


def train(spec: ModelSpec, split: Any, report: Report, resume: Path | None = None) -> Trained:
    """Train the model of a specification on a split and return its best epoch by validation ndcg@20.

    ``report`` and ``resume`` are those of `loop.run`.

    Raises
    ------
    FewbitsError
        Unknown encoder or loss, nothing to train on, or a loss or parameter that is no longer finite (epoch and step
        named).
    """
    if not len(split.train.items):
        raise FewbitsError(f"{split.dataset} has no training interactions: nothing to learn from")
    spec = settled(spec, split)
    encoder = encoders.create(spec, split)
    start = encoder.start(np.random.default_rng([spec.seed, 0]))
    if not encoder.trained:
        return Trained(start, 0.0, 0)
    steps = _ModelSteps(spec, split, encoder, start)
    return loop.run(steps, spec.epochs, spec.patience, report, resume)


class _ModelSteps(loop.Steps):
    """Gradient steps of an encoder's parameters."""

    def __init__(self, spec: ModelSpec, split: Any, encoder: Any, start: dict[str, np.ndarray]) -> None:
        super().__init__(start, spec.lr, spec.schedule == "cosine", np.random.default_rng([spec.seed, 1]))
        self.spec, self.split, self.encoder = spec, split, encoder
        self.loss = losses.create(spec, split)

    def epoch(self, number: int) -> Iterator[tuple[int, int, Callable[[float], float]]]:
        steps = -(-len(self.split.train.items) // self.spec.batch)
        for step, (users, items) in enumerate(sampling.epoch(self.split.train, self.spec.batch, self.rng), 1):
            yield step, steps, partial(self._take, users, items)

    def _take(self, users: np.ndarray, items: np.ndarray, progress: float) -> float:
        torch, functional = self.torch, self.torch.nn.functional
        negatives = self.loss.negatives(users, self.rng)
        nodes = np.concatenate([users, items + self.split.n_users, negatives + self.split.n_users])
        index = torch.from_numpy(nodes).to(self.device)
        sizes = [len(users), len(items), len(negatives)]
        rows = functional.embedding(index, self.encoder.pooled(self.parameters))  # [2B+N, d]
        loss = self.loss(*rows.split(sizes))
        if self.spec.l2:  # on the free embeddings of the batch, as LightGCN's public code: l2/2 · Σ‖e‖² / B
            free = functional.embedding(index, self.parameters["embeddings"])
            loss = loss + self.spec.l2 / 2 * free.square().sum() / len(users)
        return self.descend(loss, progress)

    def metric(self) -> float:
        layers = self.encoder.layers(self.arrays())
        pooled = sum(layers[1:], layers[0].copy()) / np.float32(len(layers))
        return valid_ndcg(self.split, FloatCodes(pooled[self.split.n_users :]), lambda _index, users: pooled[users])

    def place(self, name: str, row: int) -> str:
        if name != "embeddings":
            return super().place(name, row)
        n = self.split.n_users
        return "the embedding of " + (f"user {row}" if row < n else f"item {row - n}")


def valid_ndcg(split: Any, items: Codes, queries: Callable[[Any, np.ndarray], Any]) -> float:
    """Return the mean ndcg@20 over the users with a validation item, training items left out.

    ``queries(index, users)`` gives the queries of some users for the index of these item codes.
    """
    users = np.flatnonzero(np.diff(split.valid.indptr) > 0)
    if not len(users):
        return 0.0
    index = indexes.build(items)
    seen = split.train.rows(users)
    hits = index.search(queries(index, users), VALID_K, (seen.indptr, seen.items), threads=cores())
    found = hit_matrix(hits.ids, split.valid, users, split.n_items)
    return float(ndcg(found, np.diff(split.valid.indptr)[users], VALID_K).mean())
