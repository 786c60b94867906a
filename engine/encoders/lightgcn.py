"""LightGCN: neighbourhood averaging without weights or non-linearities, layers pooled by their mean.

He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", https://arxiv.org/abs/2002.02126.
E(l+1) = Â E(l) (eq. 7–8), z = Σ_l α_l E(l) (eq. 4), score ⟨z_u, z_i⟩ (eq. 5).

- α = 1/(L+1) for l = 0 … L as published with ``pooling="all"``. By default α_0 = 0 and the others are 1/L: a node is
  what its neighbours say, and a free embedding can no longer learn its own few interactions by heart. Chosen on
  validation ndcg@20, damped as it chooses (`engine.training.damping`): ML-100K 0.126 → 0.135, ML-1M 0.098 → 0.101,
  Gowalla 0.0948 → 0.0954, which cannot be told apart (seed 0 each).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.encoders.base import Encoder, small_normal
from engine.encoders.graph import normalised_graph
from engine.encoders.propagate import mean_of_layers, propagated
from engine.spec import ModelSpec


class LightGCN(Encoder):
    """L rounds of Â over free embeddings [U+I, d]."""

    name = "lightgcn"
    title = "LightGCN"
    explanation = (
        "Learns a vector for every user and item and averages it over their neighbours in the interaction graph. "
        "The standard backbone of the quantization papers, and strong at its size."
    )
    link = "https://arxiv.org/abs/2002.02126"
    graph = True

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        super().__init__(spec, split)
        self.own = spec.pooling == "all"  # whether E(0) is among the layers
        self.adjacency = normalised_graph(split.train.indptr, split.train.items, split.n_items)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"embeddings": small_normal(rng, self.n_users + self.n_items, self.spec.dim)}

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        layers = [parameters["embeddings"]]
        for _ in range(self.spec.layers):
            layers.append(self.adjacency.propagate(layers[-1]))
        return layers if self.own else layers[1:]

    def plain_pooled(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        free = parameters["embeddings"]
        total = free.copy()
        for left in range(self.spec.layers)[::-1]:  # Horner's rule: all layers at once are several times the memory
            total = self.adjacency.propagate(total)
            if left or self.own:
                total += free
        total /= np.float32(self.spec.layers + self.own)
        return total

    def forward(self, parameters: Mapping[str, Any]) -> list[Any]:
        layers = [parameters["embeddings"]]
        for _ in range(self.spec.layers):
            layers.append(propagated(self.adjacency, layers[-1]))
        return layers if self.own else layers[1:]

    def pooled(self, parameters: Mapping[str, Any]) -> Any:
        return mean_of_layers(self.adjacency, parameters["embeddings"], self.spec.layers, self.own)
