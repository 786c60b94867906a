"""What an encoder is: from free embeddings E(0) to the layers E(0) … E(L), users first.

numpy on the way out (post-training quantizers never need torch); the trained ones add the same map as a torch
operation.
"""

from abc import ABC, abstractmethod
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
    trained: ClassVar[bool] = True
    """Whether it has anything to learn; if not, `start` is already the result."""

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        self.spec, self.train = spec, split.train
        self.n_users, self.n_items = split.n_users, split.n_items

    @abstractmethod
    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Return the embeddings before training, float32 [U+I, d]."""

    @abstractmethod
    def layers(self, embeddings: np.ndarray) -> list[np.ndarray]:
        """Return [E(0), …, E(L)], float32 [U+I, d] each."""

    def pooled(self, embeddings: Any) -> Any:
        """Return the mean of the layers of a torch parameter [U+I, d], differentiable."""
        return embeddings


def small_normal(rng: np.random.Generator, rows: int, dim: int, scale: float = 0.1) -> np.ndarray:
    """Return normal float32 values [rows, dim] of standard deviation ``scale``: 0.1 is LightGCN's public start."""
    return rng.standard_normal((rows, dim), dtype=np.float32) * np.float32(scale)
