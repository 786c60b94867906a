"""What a quantizer that trains adds: a state, a differentiable read-out, and hooks into the steps of its tuning.

Tuning starts from the full-precision checkpoint. Each step reads out the unique users and items of a batch, so that
the gradient of a row is the sum over all its places in the batch before it meets a straight-through estimator.

``codes(layers, table).decode() == readout(layers, table)`` to the last bit: what is measured is what was trained. Codes
that are re-ranked decode to the vectors that rank them last; what was trained is what picks them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from engine.quantizers.base import Quantizer, as_matrix
from engine.spec import Strict


class TuningOptions(Strict):
    """How a quantizer is tuned; methods add their own options and may choose other defaults."""

    start: Literal["checkpoint", "scratch"] = Field(
        "checkpoint", description="begin from the trained full-precision model, or from a random one"
    )
    steps: int = Field(600, ge=0, le=1_000_000, description="gradient steps; validated every 100")
    lr: float = Field(0.001, gt=0, le=1, description="learning rate of Adam, falling to 0 along half a cosine")
    loss: Literal["model", "softmax", "bpr"] = Field(
        "model", description="loss on the observed items: the model's own, or another"
    )
    distill: float = Field(
        1.0, ge=0, le=1,
        description="ours: share of the loss that compares scores with the full-precision model's; 0: the paper's form",
    )  # fmt: skip
    tune: Literal["vectors", "graph"] = Field(
        "vectors",
        description="what learns: the pooled vectors (ours), or the embeddings through the graph (the paper's)",
    )
    users: Literal["own", "float32"] = Field(
        "own", description="users while tuning: coded like the items, or float32, for float32 queries"
    )


@dataclass(frozen=True, eq=False)
class Batch:
    """The unique rows of a step, and where the pairs and negatives are among them (torch int64)."""

    users: Any  # [m] user ids
    items: Any  # [l] item ids
    user_at: Any  # [B] into users
    positive_at: Any  # [B] into items
    negative_at: Any  # [B] (one for each pair) or [N] (shared by all) into items
    bpr: bool  # the loss is BPR alone, whose curvature has a closed form
    progress: float  # share of the whole tuning that is over, 0 … 1
    generator: Any  # torch generator for whatever the method draws


class TrainedQuantizer(Quantizer):
    """A quantizer with a state that is learned or measured while the model is tuned.

    ``state`` holds torch tensors by name; those in ``learned`` get gradients.
    """

    trained = True
    takes = "learned"
    layered: ClassVar[bool] = False
    """Whether `readout` wants every layer; if not it gets one, their mean."""
    learned: ClassVar[tuple[str, ...]] = ()

    class Options(TuningOptions):
        """The tuning's options alone."""

    def __init__(self, bits: int, options: Any, seed: int = 0) -> None:
        super().__init__(bits, options, seed)
        self.state: dict[str, Any] = {}

    def rotation(self, items: Sequence[np.ndarray]) -> np.ndarray | None:
        """Return an orthogonal map [d, d] that turns the model before it is tuned, given its item layers; or none."""
        return None

    def teach(self, teacher: Mapping[str, np.ndarray]) -> None:
        """Take both tables' vectors as full precision is served, where the method stores them; after `start`."""

    def start(self, tables: Mapping[str, Sequence[np.ndarray]], counts: Mapping[str, np.ndarray]) -> None:
        """Set the state from the checkpoint's layers of both tables and each row's training interactions."""

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the state as it was stored."""
        import torch

        self.state = {name: torch.tensor(value) for name, value in state.items()}

    def dump(self) -> dict[str, np.ndarray]:
        """Return the state as arrays."""
        return {name: np.array(value.detach().cpu().numpy()) for name, value in self.state.items()}

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:
        """Start from the tables where nothing was tuned or loaded: the method before its first step."""
        if not self.state:
            self.start({name: [np.asarray(x) for x in layers] for name, layers in tables.items()}, counts)

    def readout(self, layers: Sequence[Any], table: str, rows: Any = None) -> Any:
        """Return what is scored, torch float32 [n, D]: the decoded codes forward, a straight-through path backward.

        ``rows`` are the ids of these rows in their table, int64 [n]; None: all.
        """
        raise NotImplementedError

    def rows(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> tuple[Any, Any, Any]:
        """Return what is scored of a batch: users [B, D], their items [B, D], the negatives [B or N, D]."""
        user = self.readout(users, "user", batch.users) if self.options.users == "own" else self.floats(users, "user")
        item = self.readout(items, "item", batch.items)
        take = embedding()
        return take(batch.user_at, user), take(batch.positive_at, item), take(batch.negative_at, item)

    def floats(self, layers: Sequence[Any], table: str) -> Any:
        """Return the float32 vectors that `vectors` returns, as a differentiable torch tensor."""
        return self.vectors(layers, table)

    @property
    def ranks_itself(self) -> bool:
        """Return whether `extra_loss` holds the ranking, so that the loss of the options is left out."""
        return False

    @property
    def rate(self) -> float:
        """Return the learning rate that tuning begins with."""
        return float(self.options.lr)

    def extra_loss(self) -> Any:
        """Return what the method adds to the loss of the rows last read out; 0 for none."""
        return 0.0

    def before_backward(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> None:
        """Do what must happen between a step's loss and its gradient, given what was read out."""

    def on_epoch(self, draw: Callable[[], tuple[Any, Any, Batch]], loss: Callable[..., Any], progress: float) -> None:
        """Do what happens before each epoch of tuning.

        ``draw()`` gives user layers, item layers and batch of a random step, ``loss(scored, batch)`` the loss of what
        `rows` returns for it, ranking and distillation, twice differentiable.
        """


def mean_of(items: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of item layers, float32 [n, d], or raise a FewbitsError where it is not finite."""
    return as_matrix(sum(items[1:], items[0]) / len(items), "item")


def embedding() -> Callable[[Any, Any], Any]:
    """Return torch's row look-up, whose gradient sums over repeated rows."""
    from torch.nn import functional

    return functional.embedding


def through(x: Any, value: Any) -> Any:
    """Return ``value`` to the last bit, with the gradient passed to ``x`` as it is (the straight-through estimator)."""
    return _through().apply(x, value)


@lru_cache(maxsize=1)
def _through() -> Any:
    """Return the autograd function, made on first use: importing this module must not load torch."""
    import torch

    class Through(torch.autograd.Function):
        """Forward the second argument, backward to the first."""

        @staticmethod
        def forward(ctx: Any, x: Any, value: Any) -> Any:
            return value.detach().clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return gradients[0], None

    return Through


def tensor(x: Any) -> Any:
    """Return an array or tensor as a torch tensor, float32."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(x, np.float32)) if isinstance(x, np.ndarray) else x
