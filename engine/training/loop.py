"""The training loop that models and quantizers share: epochs of steps, validation after each, the best one kept.

After every epoch all that the next one depends on (parameters, Adam's moments, the generator's state, the best so
far) is written to one file, atomically: a training that was killed goes on from there and, on a CPU, ends with the
same bits.
"""

import json
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import FewbitsError
from engine.store.files import disk_errors
from engine.training.device import device
from engine.training.validation import VALID_K

METRIC = f"valid_ndcg@{VALID_K}"
META = "meta"
"""What the state's file has beside arrays: history, best epoch and generator, as JSON."""
Report = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves: the best epoch's arrays and how it went."""

    arrays: dict[str, np.ndarray]
    train_s: float
    best_epoch: int
    history: list[dict[str, float]] = field(default_factory=list)  # epoch, loss, valid_ndcg@20, seconds


class Steps(ABC):
    """What is trained: its parameters, their optimizer, and how a step and a validation go.

    Parameters
    ----------
    start : the arrays to learn, by name.
    """

    def __init__(
        self,
        start: Mapping[str, np.ndarray],
        lr: float,
        cosine: bool,
        rng: np.random.Generator,
    ) -> None:
        import torch

        self.torch, self.rng, self.lr, self.cosine = torch, rng, lr, cosine
        self.device = device()
        self.parameters = {
            name: torch.tensor(a, device=self.device).requires_grad_()  # its own memory: sums may depend on alignment
            for name, a in start.items()
        }
        self.optimizer = torch.optim.Adam(list(self.parameters.values()), lr=lr, fused=True)

    @abstractmethod
    def epoch(self, number: int) -> Iterator[tuple[int, int, Callable[[float], Any]]]:
        """Yield (step, steps, take) of one epoch; ``take(progress)`` takes the step and returns its mean loss."""

    def progress(self, epoch: int, epochs: int, number: int, count: int) -> float:
        """Return the share of the budget, 0 … 1, that is used with step ``number`` of an epoch's ``count``; 0 for an
        only step, whose rate would else be 0.
        """
        return (epoch - 1 + number / count) / epochs if epochs * count > 1 else 0.0

    @abstractmethod
    def metric(self) -> float:
        """Return the validation ndcg@20 of what would be served now."""

    def extra(self) -> dict[str, np.ndarray]:
        """Return arrays beside the parameters that change while training and are part of the result."""
        return {}

    def restore_extra(self, arrays: Mapping[str, np.ndarray]) -> None:  # noqa: B027
        """Take back what `extra` gave."""

    def descend(self, loss: Any, progress: float) -> float:
        """Take a gradient step on a loss and return it; see `advance`."""
        loss.backward()
        self.advance(progress)
        return float(loss.detach())

    def advance(self, progress: float) -> None:
        """Take a step along the gradients; ``progress`` is the share of the whole budget that is used, 0 … 1."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * ((1 + np.cos(np.pi * progress)) / 2 if self.cosine else 1)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)  # its memory is free for validation

    def arrays(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters and extras; see `values`."""
        return {**{name: value.copy() for name, value in self.values().items()}, **self.extra()}

    def values(self) -> dict[str, np.ndarray]:
        """Return the parameters where they lie; a number that is not finite is an error with the name."""
        values = {name: p.detach().cpu().numpy() for name, p in self.parameters.items()}
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise FewbitsError(
                    f"training stopped: {self.place(name, int(np.argwhere(~np.isfinite(value))[0][0]))} is no longer "
                    f"finite; try a smaller learning rate than {self.lr:g}"
                )
        return values

    def place(self, name: str, row: int) -> str:
        """Return a parameter's row in words."""
        return f"{name}, row {row},"

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on, but for the generator."""
        state = {f"now/{name}": value for name, value in {**self.values(), **self.extra()}.items()}
        for name, parameter in self.parameters.items():
            moments = self.optimizer.state[parameter]
            state |= {f"adam/{key}/{name}": value.cpu().numpy() for key, value in moments.items()}
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take back what `state` gave."""
        torch = self.torch
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.from_numpy(state[f"now/{name}"]))
                if f"adam/step/{name}" in state:  # what has had no gradient so far has no moments
                    shapes = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
                    self.optimizer.state[parameter] = {
                        key: torch.tensor(state[f"adam/{key}/{name}"], device=self.device).reshape(shape)
                        for key, shape in shapes.items()
                    }
        own = {key.removeprefix("now/"): v for key, v in state.items() if key.startswith("now/")}
        self.restore_extra({name: v for name, v in own.items() if name not in self.parameters})

    @contextmanager
    def taken_back(self) -> Iterator[None]:
        """Let steps be tried: at the end all is as it was before."""
        state, drawn = {name: value.copy() for name, value in self.state().items()}, self.rng.bit_generator.state
        yield
        self.optimizer.state.clear()
        self.restore(state)
        self.rng.bit_generator.state = drawn


def run(steps: Steps, epochs: int, patience: int, report: Report, resume: Path | None = None) -> Trained:
    """Train and return the best epoch by validation ndcg@20.

    Parameters
    ----------
    report : called as ``report(epoch=…, epochs=…, loss=…, fraction=…, **{"valid_ndcg@20": …})`` after each epoch and,
        without the metric, after each step.
    resume : the file that keeps the state of the last whole epoch; it is left there for the caller to remove.

    Raises
    ------
    FewbitsError
        A loss or parameter that is no longer finite (epoch and step or parameter named); a disk that refuses.
    """
    history, best_epoch, best = _resumed(steps, resume)
    before = history[-1]["seconds"] if history else 0.0
    started = time.perf_counter()
    for epoch in range(len(history) + 1, epochs + 1):
        if epoch - 1 - best_epoch >= patience:
            break
        loss = _epoch(steps, epoch, epochs, report)
        metric = steps.metric()
        seconds = round(before + time.perf_counter() - started, 2)
        history.append({"epoch": epoch, "loss": loss, METRIC: metric, "seconds": seconds})
        report(epoch=epoch, epochs=epochs, loss=loss, fraction=epoch / epochs, **{METRIC: metric})
        if not best or metric > history[best_epoch - 1][METRIC] or not any(h[METRIC] for h in history):
            best, best_epoch = steps.arrays(), epoch
        if resume is not None and epoch < epochs:
            _keep(steps, history, best_epoch, best, resume)
    return Trained(best, before + time.perf_counter() - started, best_epoch, history)


def _epoch(steps: Steps, epoch: int, epochs: int, report: Report) -> float:
    """Run all steps of an epoch; return the mean loss."""
    total, number = 0.0, 0
    for number, count, take in steps.epoch(epoch):
        done = steps.progress(epoch, epochs, number, count)
        loss = take(done)
        if not np.isfinite(loss):
            raise FewbitsError(
                f"training stopped: the loss became {loss} in epoch {epoch}, step {number} of {count} "
                f"(learning rate {steps.lr:g}): try a smaller one, such as {steps.lr / 10:g}"
            )
        total += loss
        report(epoch=epoch, epochs=epochs, loss=total / number, fraction=done)
    return total / max(number, 1)


def _keep(
    steps: Steps, history: list[dict[str, float]], best_epoch: int, best: dict[str, np.ndarray], path: Path
) -> None:
    """Write the state of a whole epoch, atomically, array by array: safetensors would hold a copy of all of them."""
    arrays = {**steps.state(), **{f"best/{name}": value for name, value in best.items()}}
    meta = {"history": history, "best_epoch": best_epoch, "rng": steps.rng.bit_generator.state}
    part = path.with_suffix(".part")
    with disk_errors(path):
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays, **{META: np.array(json.dumps(meta))})
        part.replace(path)


def _resumed(steps: Steps, path: Path | None) -> tuple[list[dict[str, float]], int, dict[str, np.ndarray]]:
    """Bring the steps to where they were; return history, best epoch and its arrays (nothing where none is kept)."""
    if path is None or not path.exists():
        return [], 0, {}
    try:
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(str(file[META]))
            state = {name: file[name] for name in file.files if name != META}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return [], 0, {}  # cut off: train from the beginning
    steps.restore(state)
    steps.rng.bit_generator.state = meta["rng"]
    best = {name.removeprefix("best/"): value for name, value in state.items() if name.startswith("best/")}
    return meta["history"], meta["best_epoch"], best
