"""NGCF: neighbourhood averaging with weights, an interaction term and a non-linearity at every layer.

Wang et al., "Neural Graph Collaborative Filtering", https://arxiv.org/abs/1905.08108. With Â without self-loops:

    E(l+1) = LeakyReLU((Â + I) E(l) W1(l) + (Â E(l)) ⊙ E(l) W2(l))                                       (eq. 7)

- slope 0.2, rows of each layer behind the first scaled to unit length, Glorot start of the weights (its public code).
- differs from the paper: no biases and no message dropout, because the few epochs here do not overfit.
- differs from the paper: the layers are pooled by their mean, not concatenated, because a vector then has d numbers as
  with every other encoder and methods compare at equal bytes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.encoders.base import Encoder, small_normal
from engine.encoders.graph import normalised_graph
from engine.encoders.propagate import propagated
from engine.spec import ModelSpec

SLOPE = 0.2


class NGCF(Encoder):
    """L weighted layers over free embeddings [U+I, d]."""

    name = "ngcf"
    title = "NGCF"
    explanation = (
        "Averages over neighbours like LightGCN, but with weight matrices and a non-linearity at each layer. "
        "The second backbone of the HQ-GNN paper; slower, and rarely better than LightGCN."
    )
    link = "https://arxiv.org/abs/1905.08108"
    graph = True
    linear = False

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        super().__init__(spec, split)
        self.adjacency = normalised_graph(split.train.indptr, split.train.items, split.n_items)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        d = self.spec.dim
        start = {"embeddings": small_normal(rng, self.n_users + self.n_items, d)}
        for layer in range(self.spec.layers):
            for name in ("w1", "w2"):
                bound = np.sqrt(6 / (d + d))
                start[f"{name}.{layer}"] = rng.uniform(-bound, bound, (d, d)).astype(np.float32)
        return start

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        import torch

        with torch.no_grad():
            return [x.numpy() for x in self.forward({k: torch.from_numpy(v) for k, v in parameters.items()})]

    def forward(self, parameters: Mapping[str, Any]) -> list[Any]:
        from torch.nn import functional

        layers, x = [parameters["embeddings"]], parameters["embeddings"]
        for layer in range(self.spec.layers):
            near = propagated(self.adjacency, x)
            messages = (near + x) @ parameters[f"w1.{layer}"] + (near * x) @ parameters[f"w2.{layer}"]
            x = functional.leaky_relu(messages, SLOPE)
            layers.append(functional.normalize(x, dim=1))
        return layers
