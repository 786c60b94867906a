"""What an encoder is: from its parameters to the layers E(0) … E(L), users first.

The parameters are arrays by name; ``embeddings``, float32 [U+I, d], are the free embeddings E(0), and a trained model
may have ``damping``, float32 [1] (see `engine.training.damping`). The layers come as numpy on the way out
(post-training quantizers never need torch), and as a differentiable torch map while training.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from engine.spec import ModelSpec


class Encoder(ABC):
    """An encoder over one training graph."""

    name: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    link: ClassVar[str] = ""
    graph: ClassVar[bool]
    """Whether it has propagation layers (``ModelSpec.layers``)."""
    linear: ClassVar[bool] = True
    """Whether turning the embeddings turns every layer alike."""
    trained: ClassVar[bool] = True
    """Whether it has anything to learn; if not, `start` is already the result."""

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        self.spec, self.train = spec, split.train
        self.n_users, self.n_items = split.n_users, split.n_items

    @abstractmethod
    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the parameters before training, float32 each."""

    @abstractmethod
    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return [E(0), …, E(L)], float32 [U+I, d] each, as the parameters give them."""

    def plain_pooled(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the mean of `plain_layers`, float32 [U+I, d]."""
        layers = self.plain_layers(parameters)
        return sum(layers[1:], layers[0].copy()) / np.float32(len(layers))

    def layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the layers as they are served: those of `plain_layers`, and items damped where ``damping`` says so."""
        layers = self.plain_layers(parameters)
        return damped(layers, self.n_users, float(parameters["damping"][0])) if "damping" in parameters else layers

    def served(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the mean of `layers`, float32 [U+I, d]: the vectors that full precision ranks by."""
        layers = self.layers(parameters)
        return sum(layers[1:], layers[0].copy()) / np.float32(len(layers))

    def usual(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Return parameters as large as tuning expects them: a trained model's are."""
        return arrays

    def forward(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the same layers of torch parameters, differentiable."""
        return [parameters["embeddings"]]

    def pooled(self, parameters: Mapping[str, Any]) -> Any:
        """Return the mean of the layers of torch parameters, [U+I, d], differentiable."""
        layers = self.forward(parameters)
        return sum(layers[1:], layers[0]) / len(layers)


def damped(layers: list[Any], n_users: int, damping: float) -> list[Any]:
    """Return layers [U+I, d], numpy or torch, whose item rows are divided by ‖z_i‖^damping, z their mean.

    No gradient goes through the lengths.
    """
    if not damping:
        return layers
    pooled = sum(layers[1:], layers[0]) / len(layers)
    if isinstance(pooled, np.ndarray):
        factor: Any = length_factors(pooled, damping)
    else:
        factor = pooled.new_tensor(length_factors(pooled.detach().cpu().numpy(), damping))
    factor[:n_users] = 1
    return [layer * factor for layer in layers]


def length_factors(pooled: np.ndarray, damping: float) -> np.ndarray:
    """Return ‖z‖^-damping of each row, float32 [n, 1]."""
    lengths = np.sqrt(np.einsum("nd,nd->n", pooled, pooled))[:, None]
    return np.maximum(lengths, np.finfo(np.float32).tiny) ** np.float32(-damping)


def small_normal(rng: np.random.Generator, rows: int, dim: int, scale: float = 0.1) -> np.ndarray:
    """Return normal float32 values [rows, dim] of standard deviation ``scale``: 0.1 is LightGCN's public start."""
    return rng.standard_normal((rows, dim), dtype=np.float32) * np.float32(scale)
