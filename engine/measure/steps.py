"""A training step looked at closely: the time of its parts, the same step in plain torch, and a propagation's floor."""

import copy
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from engine import encoders
from engine.encoders.graph import Graph
from engine.errors import FewbitsError
from engine.measure.turns import interleaved, pinned, spread
from engine.spec import ModelSpec
from engine.training import sampling
from engine.training.memory import SHARING
from engine.training.trainer import ModelSteps

WARM, COUNTED = 5, 20
"""Steps of a profile: the first are not counted, of the others the median is."""
DRAW, FORWARD, GATHER, LOSS, LOSS_BACK, BACKWARD, ADAM, REST = PARTS = (
    "drawing", "propagation", "gather", "loss", "backward of loss and gather", "backward of propagation", "Adam",
    "the rest",
)  # fmt: skip
COMPARED, TOLERANCE = 3, 0.01
"""Steps whose losses must agree with plain torch's, up to this share."""


def prepared(spec: ModelSpec, split: Any) -> tuple[ModelSteps, dict[str, np.ndarray]]:
    """Return the steps of a settled specification before the first one, and what they start from."""
    encoder = encoders.create(spec, split)
    start = encoder.start(np.random.default_rng([spec.seed, 0]))
    return ModelSteps(spec, split, encoder, start), start


def profile(spec: ModelSpec, split: Any) -> dict[str, float]:
    """Return the milliseconds of each of PARTS, and of the whole ``step``: medians over COUNTED steps."""
    steps, _ = prepared(spec, split)
    clock, batches = _Clock(steps), _batches(steps)
    with pinned(False):
        taken = [clock.step(batches) for _ in range(WARM + COUNTED)][WARM:]
    medians = {part: 1e3 * float(np.median([each.get(part, 0.0) for each in taken])) for part in PARTS}
    return {**medians, "step": 1e3 * float(np.median([sum(each.values()) for each in taken]))}


class _Clock:
    """Notes the time at the seams of a step: torch's own hooks where it has some, else thin wrappers."""

    def __init__(self, steps: ModelSteps) -> None:
        self.torch, self.cuda = steps.torch, steps.device.type == "cuda"
        steps.encoder.pooled = self._pooled(steps.encoder.pooled)
        steps.loss = _Loss(steps.loss, self)
        steps._pull = self._pulled(steps._pull)  # type: ignore[method-assign]
        steps.optimizer.register_step_pre_hook(lambda *_: self.mark(BACKWARD))
        steps.optimizer.register_step_post_hook(lambda *_: self.mark(ADAM))

    def step(self, batches: Iterator[Any]) -> dict[str, float]:
        """Take the next step; return the seconds of its parts."""
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()
        take = next(batches)
        take(0.0)
        self.mark(REST)
        return self.seconds

    def mark(self, part: str) -> None:
        """Count the time since the last mark to a part."""
        if self.cuda:
            self.torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self.last
        self.last = now

    def _pulled(self, pull: Any) -> Any:
        def timed(*samples: Any) -> float:
            value: float = pull(*samples)
            self.mark(LOSS_BACK)
            return value

        return timed

    def _pooled(self, pooled: Any) -> Any:
        def timed(parameters: Any) -> Any:
            self.mark(DRAW)
            vectors = pooled(parameters)
            self.mark(FORWARD)
            vectors.register_hook(lambda _: self.mark(LOSS_BACK))
            return vectors

        return timed


class _Loss:
    """A loss whose forward is timed."""

    def __init__(self, loss: Any, clock: _Clock) -> None:
        self.loss, self.clock = loss, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loss, name)

    def negatives(self, *users: Any) -> Any:
        drawn = self.loss.negatives(*users)
        self.clock.mark(DRAW)
        return drawn

    def __call__(self, *rows: Any) -> Any:
        self.clock.mark(GATHER)
        value = self.loss(*rows)
        self.clock.mark(LOSS)
        return value


class PlainSteps:
    """The same steps as LightGCN-PyTorch would take them: a sparse COO tensor times the layer below, all layers kept
    and averaged, indexing, cross-entropy over the matrix of logits, torch's default Adam.

    Samples are those that the given steps will draw, from a copy of their generator.
    """

    def __init__(self, steps: ModelSteps, start: dict[str, np.ndarray]) -> None:
        self.torch, self.spec, self.n_users = steps.torch, steps.spec, steps.split.n_users
        self.adjacency = coo(steps.encoder.adjacency).to(steps.device)
        self.embeddings = self.torch.tensor(start["embeddings"], device=steps.device).requires_grad_()
        self.optimizer = self.torch.optim.Adam([self.embeddings], lr=self.spec.lr)
        self.samples, self.loss = _samples(steps, copy.deepcopy(steps.rng)), steps.loss.plain

    def take(self) -> float:
        """Take the next step and return its loss."""
        users, items, negatives = (self.torch.from_numpy(x).to(self.embeddings.device) for x in next(self.samples))
        pooled = self._pooled()  # [U+I, d]
        loss = self.loss(pooled[users], pooled[items + self.n_users], pooled[negatives + self.n_users])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _pooled(self) -> Any:
        layers = [self.embeddings]
        for _ in range(self.spec.layers):
            layers.append(self.torch.sparse.mm(self.adjacency, layers[-1]))
        return self.torch.stack(layers[-self.spec.pooled :], 1).mean(1)


def beside_plain(spec: ModelSpec, split: Any) -> dict[str, Any]:
    """Return ms and plain_ms of a step, by turns, their ratio, and the losses of both in the first steps.

    Raises
    ------
    FewbitsError
        The losses differ by more than TOLERANCE: the two do not do the same.
    """
    spec = spec.model_copy(update={"batch": min(spec.batch, SHARING)})  # one set of negatives a step
    steps, start = prepared(spec, split)
    plain, batches = PlainSteps(steps, start), _batches(steps)
    losses = [[next(batches)(0.0), plain.take()] for _ in range(COMPARED)]
    if any(abs(ours - theirs) > TOLERANCE * abs(theirs) for ours, theirs in losses):
        raise FewbitsError(f"a step and plain torch's disagree: got losses {losses}, expected pairs within 1 %")
    with pinned(False):
        samples = interleaved([lambda _: next(batches)(0.0), lambda _: plain.take()])
    ours, theirs = (spread(each)["median"] / 1e3 for each in samples)
    return {"ms": ours, "plain_ms": theirs, "ratio": theirs / ours, "losses": losses}


def beside_floor(spec: ModelSpec, split: Any) -> dict[str, float]:
    """Return ms of a propagation (all layers), floor_ms where the same kernel reads as many rows in order, their
    ratio, and gbs: the 10^9 bytes a second that the neighbours' rows are.
    """
    encoder = encoders.create(spec, split)
    graph, x = encoder.adjacency, encoder.start(np.random.default_rng(0))["embeddings"]  # type: ignore[attr-defined]
    sides = [lambda _, g=g: g.mean_of_layers(x, spec.layers, spec.pooling == "all") for g in (graph, in_order(graph))]
    with pinned(False):
        ours, floor = (spread(each)["median"] / 1e3 for each in interleaved(sides))
    read = int(graph.indptr[-1]) * 2 * spec.dim * spec.layers  # bfloat16
    return {"ms": ours, "floor_ms": floor, "ratio": ours / floor, "gbs": read / ours / 1e6}


def in_order(graph: Graph) -> Graph:
    """Return a graph of as many rows and edges whose neighbours are 0, 1, 2, … and from the first again."""
    return replace(graph, neighbours=(np.arange(len(graph.neighbours)) % graph.n).astype(np.int32))


def coo(graph: Graph) -> Any:
    """Return Â as a torch sparse COO tensor, coalesced."""
    import torch

    rows = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
    index, weights = np.stack([rows, graph.neighbours[: len(rows)]]), graph.weights
    parts = (torch.from_numpy(part) for part in (index, weights))
    return torch.sparse_coo_tensor(*parts, (graph.n, graph.n), check_invariants=False).coalesce()


def _batches(steps: ModelSteps) -> Iterator[Any]:
    """Yield the ``take`` of step after step, epoch after epoch."""
    epoch = 0
    while True:
        epoch += 1
        yield from (take for _, _, take in steps.epoch(epoch))


def _samples(steps: ModelSteps, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the users, items and negatives that steps with this generator draw."""
    loss = steps.loss
    while True:
        for users, items in sampling.epoch(steps.split.train, steps.spec.batch, rng):
            yield users, items, loss.negatives(users, rng)
