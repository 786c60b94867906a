"""The training loop: epochs over all interactions, Adam, validation after each epoch, the best epoch kept.

Read top to bottom: `train` is the loop, `_Step` one gradient step, `valid_ndcg` the number that early stopping and
every choice looks at. The test set is not known here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine import encoders, indexes
from engine.codes import FloatCodes
from engine.errors import FewbitsError
from engine.measure.machine import cores
from engine.measure.ranking import hit_matrix, ndcg
from engine.spec import ModelSpec
from engine.training import losses, sampling
from engine.training.rules import settled

VALID_K = 20
Report = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves: the best epoch's free embeddings and how it went."""

    embeddings: np.ndarray  # float32 [U+I, d]
    train_s: float
    best_epoch: int
    history: list[dict[str, float]] = field(default_factory=list)  # epoch, loss, valid_ndcg@20, seconds


def train(spec: ModelSpec, split: Any, report: Report) -> Trained:
    """Train the model of a specification on a split and return its best epoch by validation ndcg@20.

    Parameters
    ----------
    report : called as ``report(epoch=…, epochs=…, loss=…, **{"valid_ndcg@20": …})`` after each epoch and, without the
        metric, after each step.

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
    rng = np.random.default_rng([spec.seed, 1])
    embeddings = encoder.start(np.random.default_rng([spec.seed, 0]))
    started = time.perf_counter()
    if not encoder.trained:
        return Trained(embeddings, time.perf_counter() - started, 0)
    step = _Step(spec, split, encoder, embeddings, rng)
    best, best_epoch, best_metric, history = embeddings.copy(), 0, -1.0, []
    for epoch in range(1, spec.epochs + 1):
        loss = _run_epoch(step, epoch, report)
        current = step.embeddings()
        metric = valid_ndcg(encoder, current, split)
        seconds = time.perf_counter() - started
        history.append({"epoch": epoch, "loss": loss, f"valid_ndcg@{VALID_K}": metric, "seconds": round(seconds, 2)})
        report(
            epoch=epoch,
            epochs=spec.epochs,
            loss=loss,
            fraction=epoch / spec.epochs,
            **{f"valid_ndcg@{VALID_K}": metric},
        )
        if metric > best_metric:
            best, best_epoch, best_metric = current.copy(), epoch, metric
        elif epoch - best_epoch >= spec.patience:
            break
    return Trained(best, time.perf_counter() - started, best_epoch, history)


def _run_epoch(step: "_Step", epoch: int, report: Report) -> float:
    """Run all steps of an epoch; return the mean loss."""
    total, count = 0.0, 0
    steps = -(-len(step.split.train.items) // step.spec.batch)
    for number, (users, items) in enumerate(sampling.epoch(step.split.train, step.spec.batch, step.rng), 1):
        done = (epoch - 1 + number / steps) / step.spec.epochs
        loss = step(users, items, done)
        if not np.isfinite(loss):
            raise FewbitsError(
                f"training stopped: the loss became {loss} in epoch {epoch}, step {number} of {steps} "
                f"(loss {step.spec.loss}, lr {step.spec.lr}): try a smaller lr, such as {step.spec.lr / 10:g}"
            )
        total, count = total + loss * len(users), count + len(users)
        report(epoch=epoch, epochs=step.spec.epochs, loss=total / count, fraction=done)
    return total / count


class _Step:
    """One gradient step, and the parameters and optimizer state that it changes."""

    def __init__(self, spec: ModelSpec, split: Any, encoder: Any, start: np.ndarray, rng: np.random.Generator) -> None:
        import torch

        self.torch, self.spec, self.split, self.encoder, self.rng = torch, spec, split, encoder, rng
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.parameter = torch.from_numpy(start.copy()).to(self.device).requires_grad_()
        self.optimizer = torch.optim.Adam([self.parameter], lr=spec.lr, fused=True)
        self.loss = losses.create(spec, split)

    def __call__(self, users: np.ndarray, items: np.ndarray, progress: float) -> float:
        """Take one step on a batch of pairs; ``progress`` is the share of the whole budget that is used, 0 … 1."""
        if self.spec.schedule == "cosine":
            self.optimizer.param_groups[0]["lr"] = self.spec.lr * (1 + np.cos(np.pi * progress)) / 2
        torch, functional = self.torch, self.torch.nn.functional
        negatives = self.loss.negatives(users, self.rng)
        nodes = np.concatenate([users, items + self.split.n_users, negatives + self.split.n_users])
        index = torch.from_numpy(nodes).to(self.device)
        sizes = [len(users), len(items), len(negatives)]
        rows = functional.embedding(index, self.encoder.pooled(self.parameter))  # [2B+N, d]
        loss = self.loss(*rows.split(sizes))
        if self.spec.l2:  # on the free embeddings of the batch, as LightGCN's public code: l2/2 · Σ‖e‖² / B
            loss = loss + self.spec.l2 / 2 * functional.embedding(index, self.parameter).square().sum() / len(users)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def embeddings(self) -> np.ndarray:
        values: np.ndarray = self.parameter.detach().cpu().numpy()
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
            who = f"user {row}" if row < self.split.n_users else f"item {row - self.split.n_users}"
            raise FewbitsError(
                f"training stopped: the embedding of {who} is no longer finite; try a smaller lr than {self.spec.lr}"
            )
        return values


def valid_ndcg(encoder: Any, embeddings: np.ndarray, split: Any) -> float:
    """Return the mean ndcg@20 over the users with a validation item: full-precision search, training items left out."""
    users = np.flatnonzero(np.diff(split.valid.indptr) > 0)
    if not len(users):
        return 0.0
    layers = encoder.layers(embeddings)
    pooled = sum(layers[1:], layers[0].copy()) / np.float32(len(layers))
    index = indexes.build(FloatCodes(pooled[split.n_users :]))
    seen = split.train.rows(users)
    hits = index.search(pooled[users], VALID_K, (seen.indptr, seen.items), threads=cores())
    found = hit_matrix(hits.ids, split.valid, users, split.n_items)
    return float(ndcg(found, np.diff(split.valid.indptr)[users], VALID_K).mean())
