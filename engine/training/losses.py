"""The losses on a batch of pooled vectors: BPR, and softmax over sampled negatives.

``bpr``: Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", https://arxiv.org/abs/1205.2618:
−log σ(⟨u,i⟩ − ⟨u,j⟩), one unseen j for each pair, plus ``l2`` on the batch's free embeddings as LightGCN's public
code does.

``softmax``: cross-entropy of the observed item against ``negatives`` items shared by the batch, on cosines over a
temperature (Wu et al., "On the Effectiveness of Sampled Softmax Loss for Item Recommendation",
https://arxiv.org/abs/2201.02327). Training ranks by cosine, serving by inner product: the learned norms carry
popularity, which the cosine leaves free.
"""

from typing import Any

import numpy as np

from engine.errors import unknown
from engine.spec import ModelSpec
from engine.training.fused import shared_softmax
from engine.training.sampling import PopularItems, unseen_items


class SoftmaxLoss:
    """Sampled softmax with popularity^0.75 negatives."""

    name = "softmax"
    title = "Sampled softmax"
    explanation = "Each observed item must beat hundreds of sampled ones at once; reaches its best within a few epochs."
    on_directions = True
    """Whether it sees directions alone, so that lengths are free (see `engine.training.damping`)."""

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        self.spec, self.sampler = spec, PopularItems(split.train.items, split.n_items)

    def negatives(self, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.sampler.draw(self.spec.negatives, rng)

    def __call__(self, users: Any, positives: Any, negatives: Any) -> Any:
        """Return the mean loss of user vectors [B, d], their items [B, d] and shared negatives [N, d]."""
        return shared_softmax(users, positives, negatives, self.spec.temperature)

    def plain(self, users: Any, positives: Any, negatives: Any) -> Any:
        """Return the same in plain torch: slower, and differentiable twice."""
        import torch
        from torch.nn import functional

        users, positives, negatives = (functional.normalize(x, dim=1) for x in (users, positives, negatives))
        logits = torch.cat([(users * positives).sum(1, keepdim=True), users @ negatives.T], 1) / self.spec.temperature
        return (logits.logsumexp(1) - logits[:, 0]).mean()


class BprLoss:
    """BPR with one uniform unseen negative for each pair."""

    name = "bpr"
    title = "BPR"
    explanation = (
        "Each observed item must beat one random unseen item; the papers' own loss, and much slower to converge."
    )
    on_directions = False

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        self.n_items, self.keys = split.n_items, split.train.keys(split.n_items)

    def negatives(self, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return unseen_items(self.keys, users, self.n_items, rng)

    def __call__(self, users: Any, positives: Any, negatives: Any) -> Any:
        """Return the mean loss of user vectors [B, d], their items [B, d] and their negatives [B, d]."""
        from torch.nn import functional

        return functional.softplus((users * (negatives - positives)).sum(1)).mean()

    plain = __call__


def plain_distillation(users: Any, items: Any, taught_users: Any, taught_items: Any, temperature: float) -> Any:
    """Return the same in plain torch: slower, and differentiable twice."""
    from torch.nn import functional

    wanted = ((taught_users / temperature) @ taught_items.T).softmax(1)
    return functional.cross_entropy(functional.normalize(users, dim=1) @ items.T / temperature, wanted)


REGISTRY: dict[str, Any] = {loss.name: loss for loss in (SoftmaxLoss, BprLoss)}


def create(spec: ModelSpec, split: Any) -> Any:
    """Return the loss that a model specification names; FewbitsError lists the known ones."""
    check(spec.loss)
    return REGISTRY[spec.loss](spec, split)


def describe() -> list[dict[str, Any]]:
    """Return what a form needs to offer the losses, as plain JSON."""
    return [{"name": x.name, "title": x.title, "explanation": x.explanation} for x in REGISTRY.values()]


def check(name: str) -> None:
    """Raise a FewbitsError that lists the known losses unless the name is one."""
    if name not in REGISTRY:
        raise unknown("loss", name, list(REGISTRY))
