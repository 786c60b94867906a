"""Tuning a quantizer: the model's vectors and the method's own state learn together, through the codes.

The loss is a mix (1 - distill) · ranking + distill · distillation + whatever the method adds:

- ranking: the model's loss (softmax or BPR) on the read-out codes, as while training, without its ``l2``;
- distillation (ours): cross-entropy between the full-precision model's distribution over sampled items and that of
  the codes, softmax(⟨u/‖u‖, i⟩ / T). It is taken on inner products, as they are served, so item scales learn too.

What learns is either the embeddings, through the graph as in the papers, or the pooled vectors themselves (ours: no
propagation in a step; on Gowalla, d = 64, 300 steps took 15 s against 38 s, and kept more). An epoch here is STEPS
steps, after which the codes of both tables are made, packed, searched and validated as they would be served. The last
epoch is kept: the learning rate has fallen to 0 by then, and validation with one item each of 5,000 users hardly tells
epochs apart. Where the last is worse than the start, the best is kept, and where that is worse too, the start. This
matters where tuning harms: with BPR begun at a model trained with softmax (HQ-GNN, 1 bit, Amazon-Book) the best epoch
was ahead of the last by a sixth to a fifth, and two of three seeds kept the last, a hair above the start.
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from engine import encoders, quantizers
from engine.encoders.base import damped
from engine.quantizers.trained import Batch, TrainedQuantizer
from engine.spec import GIVEN, LAYERED, ModelSpec, RunSpec
from engine.training import damping, loop, losses, memory
from engine.training.checkpoints import Checkpoint, cached, digest
from engine.training.fused import distillation
from engine.training.loop import Report, Trained
from engine.training.losses import plain_distillation
from engine.training.rules import settled
from engine.training.validation import mean, served_ndcgs

TUNER = 8
"""Raise it whenever the same specification would tune to other codes."""
STEPS = 100
"""Steps of an epoch of tuning."""
PROBE = 50
"""Steps after which codes with damped lengths and codes with lengths as learned are compared."""
BATCH = 2048
Arrays = Mapping[str, np.ndarray]


def tune(root: Path, spec: RunSpec, split: Any, checkpoint: Checkpoint, report: Report) -> tuple[Any, Any, Checkpoint]:
    """Return layers, quantizer and folder of a run whose method trains: stored where it is whole, else tuned now.

    Raises
    ------
    FewbitsError
        What `loop.run` and the method raise, and a disk that refuses.
    """
    encoder = encoders.create(spec.model, split)
    quantizer = quantizers.create(spec)
    assert isinstance(quantizer, TrainedQuantizer)
    own = spec.model_copy(update={"query_bits": ()}).canonical()  # how it is served changes nothing in what is learned
    about = {"spec": spec.model_dump(mode="json"), "dataset": split.dataset, "checkpoint": checkpoint.key}
    make = partial(_tuned, spec, split, encoder, checkpoint, report)
    key = "tuned-" + digest(f"{TUNER}|{checkpoint.key}|{own}" + "|sized" * (spec.model.encoder == GIVEN))
    result = cached(root, key, about, make)
    state = {k.removeprefix("quantizer/"): v for k, v in result.arrays.items() if k.startswith("quantizer/")}
    quantizer.load(state)
    parameters = {k.removeprefix("model/"): v for k, v in result.arrays.items() if k.startswith("model/")}
    layers = [parameters["pooled"]] if "pooled" in parameters else encoder.layers(parameters)
    return layers, quantizer, result


def _tuned(spec: RunSpec, split: Any, encoder: Any, checkpoint: Checkpoint, report: Report, resume: Path) -> Trained:
    """Tune from a checkpoint, with damped lengths or not as validation prefers for codes tuned for a few steps; return
    the best arrays. Its seconds count from the first look at what it begins with.
    """
    began, forms = time.perf_counter(), damping.forms(encoder.usual(checkpoint.arrays))
    sizes = (split.n_users, split.n_items, len(split.train.items))
    memory.check_tuning(spec.model, len(forms), spec.quantizer in LAYERED, *sizes)
    begun = [_begun(spec, split, encoder, form, forms[0]) for form in forms]
    found = [steps.probed() for steps in begun] if len(begun) > 1 else [np.zeros(0)]
    steps = begun[damping.preferred(found)]
    del begun
    options, before = steps.quantizer.options, steps.metric()
    if not options.steps:
        return Trained(steps.arrays(), time.perf_counter() - began, 0)
    start, ready_s = steps.arrays(), time.perf_counter() - began
    trained = loop.run(steps, steps.epochs, options.steps, report, resume)
    spent_s, history = ready_s + trained.train_s, [{"epoch": 0, loop.METRIC: before, "seconds": 0.0}, *trained.history]
    for arrays, epoch in ((steps.arrays(), len(history) - 1), (trained.arrays, trained.best_epoch)):
        if history[epoch][loop.METRIC] >= before:
            return Trained(arrays, spent_s, epoch, history)
    return Trained(start, spent_s, 0, history)


def _begun(spec: RunSpec, split: Any, encoder: Any, arrays: Arrays, full: Arrays) -> "_TuningSteps":
    """Return the steps that tune a quantizer from a model's arrays in one form; ``full`` are those that float32 has."""
    quantizer = quantizers.create(spec)
    assert isinstance(quantizer, TrainedQuantizer)
    options, model = quantizer.options, spec.model
    loss = model.loss if options.loss == "model" else options.loss
    model = settled(model.model_copy(update={"loss": loss}), split)
    scratch = options.start == "scratch"
    parameters = encoder.start(np.random.default_rng([model.seed, 0])) if scratch else dict(arrays)
    layers = encoder.layers(parameters)
    if (turn := quantizer.rotation(split.tables(layers)["item"])) is not None:
        parameters, layers = _turned(encoder, parameters, layers, turn, options.tune == "vectors")
    if options.tune == "vectors":
        kept = {name: array for name, array in parameters.items() if name == damping.NAME}
        parameters = {"pooled": sum(layers[1:], layers[0].copy()) / np.float32(len(layers)), **kept}
    quantizer.start(split.tables(layers), split.counts())
    quantizer.teach({table: rows[0] for table, rows in split.tables([encoder.served(full)]).items()})
    return _TuningSteps(model, split, encoder, quantizer, parameters, encoder.served(arrays))


def _turned(
    encoder: Any, parameters: dict[str, np.ndarray], layers: list[np.ndarray], turn: np.ndarray, vectors: bool
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Return parameters and layers turned by an orthogonal map [d, d]: no inner product changes."""
    turned = [np.ascontiguousarray(layer @ turn, np.float32) for layer in layers]
    if vectors:
        return parameters, turned
    assert encoder.linear  # others were refused before their model was trained
    return {**parameters, "embeddings": np.ascontiguousarray(parameters["embeddings"] @ turn, np.float32)}, turned


class _TuningSteps(loop.Steps):
    """Gradient steps of a model's parameters and a quantizer's state."""

    def __init__(
        self, model: ModelSpec, split: Any, encoder: Any, quantizer: TrainedQuantizer, parameters: Arrays, teacher: Any
    ) -> None:
        state = quantizer.dump()
        self.damping = {k: v for k, v in parameters.items() if k == damping.NAME}  # chosen, not learned
        start = {f"model/{k}": v for k, v in parameters.items() if k not in self.damping}
        start |= {f"quantizer/{k}": state[k] for k in state if k in quantizer.learned}
        super().__init__(start, quantizer.rate, True, np.random.default_rng([model.seed, 2]))
        self.model, self.split, self.encoder, self.quantizer = model, split, encoder, quantizer
        self.loss, self.epochs = losses.create(model, split), -(-quantizer.options.steps // STEPS)
        self.users, self.items = split.train.users().astype(np.int64), split.train.items.astype(np.int64)
        self.teacher = self.torch.tensor(teacher, device=self.device)
        scale = float(np.linalg.norm(teacher[split.n_users :], axis=1)[self.items].mean())  # no row for each pair
        self.temperature = model.temperature * scale  # of inner products with unit users: what the cosine's is worth
        self._bind()

    def _bind(self) -> None:
        """Let the quantizer's learned state be the parameters themselves."""
        for name in self.quantizer.state:
            key = f"quantizer/{name}"
            state = self.quantizer.state
            state[name] = self.parameters[key] if key in self.parameters else state[name].to(self.device)

    def extra(self) -> dict[str, np.ndarray]:
        state = {f"quantizer/{k}": v for k, v in self.quantizer.dump().items() if k not in self.quantizer.learned}
        return state | {f"model/{k}": v for k, v in self.damping.items()}

    def restore_extra(self, arrays: Arrays) -> None:
        own = {k.removeprefix("quantizer/"): v for k, v in arrays.items() if k.startswith("quantizer/")}
        learned = {k: v for k, v in self.quantizer.state.items() if k in self.quantizer.learned}
        self.quantizer.state = learned | {k: self.torch.tensor(v, device=self.device) for k, v in own.items()}

    def epoch(self, number: int) -> Iterator[tuple[int, int, Callable[[float], float]]]:
        progress = (number - 1) * STEPS / self.quantizer.options.steps
        self.quantizer.on_epoch(lambda: self._draw(progress), self._loss_twice, progress)
        steps = min(STEPS, self.quantizer.options.steps - (number - 1) * STEPS)
        for step in range(1, steps + 1):
            yield step, steps, self._take

    def progress(self, epoch: int, epochs: int, number: int, count: int) -> float:
        """Return the share of all steps that was taken; 0 of an only one, whose rate would else be 0."""
        steps = self.quantizer.options.steps
        return min((epoch - 1 + number / STEPS) / (steps / STEPS), 1.0) if steps > 1 else 0.0

    def _take(self, progress: float) -> float:
        users, items, batch = self._draw(progress)
        scored = self.quantizer.rows(users, items, batch)
        share = self.quantizer.options.distill
        loss = self.quantizer.extra_loss()
        if share < 1 and not self.quantizer.ranks_itself:
            loss = loss + (1 - share) * self.loss(*scored)
        if share > 0:
            loss = loss + share * self._distillation(scored, batch, distillation)
        self.quantizer.before_backward(users, items, batch)
        return self.descend(loss, progress)

    def _draw(self, progress: float) -> tuple[list[Any], list[Any], Batch]:
        """Return user layers, item layers and the batch of a random step."""
        torch, take = self.torch, self.torch.nn.functional.embedding
        pairs = self.rng.integers(0, len(self.items), BATCH)
        negatives = self.loss.negatives(self.users[pairs], self.rng)
        users, user_at = np.unique(self.users[pairs], return_inverse=True)
        items, item_at = np.unique(np.concatenate([self.items[pairs], negatives]), return_inverse=True)
        bpr = self.loss.name == "bpr" and self.quantizer.options.distill == 0
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        index = [torch.from_numpy(x).to(self.device) for x in (users, items, user_at, item_at)]
        batch = Batch(index[0], index[1], index[2], index[3][:BATCH], index[3][BATCH:], bpr, progress, generator)
        nodes = torch.cat([index[0], index[1] + self.split.n_users])
        parts = [take(nodes, x).split([len(users), len(items)]) for x in self._layers()]
        return [user for user, _ in parts], [item for _, item in parts], batch

    def _layers(self) -> list[Any]:
        parameters = {k.removeprefix("model/"): p for k, p in self.parameters.items() if k.startswith("model/")}
        if "pooled" in parameters:
            return [parameters["pooled"]]
        layers = self.encoder.forward(parameters) if self.quantizer.layered else [self.encoder.pooled(parameters)]
        return damped(layers, self.split.n_users, damping.share(self.damping))

    def _distillation(self, scored: tuple[Any, Any, Any], batch: Batch, compared: Callable[..., Any]) -> Any:
        """Return the cross-entropy with the full-precision model over the negatives, of each user once."""
        take, torch = self.torch.nn.functional.embedding, self.torch
        users, _, negatives = scored
        first = torch.zeros_like(batch.users).scatter_(
            0, batch.user_at, torch.arange(len(batch.user_at), device=self.device)
        )
        with torch.no_grad():
            taught = torch.nn.functional.normalize(take(batch.users, self.teacher), dim=1)
            items = take(batch.items[batch.negative_at] + self.split.n_users, self.teacher)
            sizes = negatives.norm(dim=1).mean().clamp(min=np.finfo(np.float32).tiny)
            alike = items.norm(dim=1).mean() / sizes  # codes without a scale have lengths of their own
        return compared(take(first, users), negatives * alike, taught, items, self.temperature)

    def _loss_twice(self, scored: tuple[Any, Any, Any], batch: Batch) -> Any:
        """Return the loss of a step's rows in plain torch, for those who look at its curvature."""
        share = self.quantizer.options.distill
        ranking = (1 - share) * self.loss.plain(*scored) if share < 1 else 0.0
        return ranking + (share * self._distillation(scored, batch, plain_distillation) if share > 0 else 0.0)

    def probed(self) -> np.ndarray:
        """Return what `validated` would after the first PROBE steps; they leave no trace."""
        with self.taken_back():
            for number, count, take in islice(self.epoch(1) if self.epochs else (), PROBE):
                take(self.progress(1, self.epochs, number, count))
            return self.validated()

    def metric(self) -> float:
        return mean(self.validated())

    def validated(self) -> np.ndarray:
        """Return the ndcg@20 of each user with a validation item, float32, by the codes as they are now."""
        quantizer = copy.copy(self.quantizer)
        quantizer.load(self.quantizer.dump())  # on the CPU, where codes are made
        arrays = {
            k.removeprefix("model/"): p.detach().cpu().numpy()
            for k, p in self.parameters.items()
            if k.startswith("model/")
        }
        layers = [arrays["pooled"]] if "pooled" in arrays else self.encoder.layers({**arrays, **self.damping})
        return served_ndcgs(self.split, quantizer, layers)
