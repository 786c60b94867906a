"""LightGCN: neighbourhood averaging without weights or non-linearities, layers pooled by their mean.

He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", https://arxiv.org/abs/2002.02126.
E(l+1) = Â E(l) (eq. 7–8), z = Σ_l E(l) / (L+1) (eq. 4 with α = 1/(L+1)), score ⟨z_u, z_i⟩ (eq. 5).
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
        self.adjacency = normalised_graph(split.train.indptr, split.train.items, split.n_items)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"embeddings": small_normal(rng, self.n_users + self.n_items, self.spec.dim)}

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        layers = [parameters["embeddings"]]
        for _ in range(self.spec.layers):
            layers.append(self.adjacency.propagate(layers[-1]))
        return layers

    def plain_pooled(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        total, layer = parameters["embeddings"].copy(), parameters["embeddings"]
        for _ in range(self.spec.layers):  # one layer at a time: all of them are several times the model's memory
            layer = self.adjacency.propagate(layer)
            total += layer
        total /= np.float32(self.spec.layers + 1)
        return total

    def forward(self, parameters: Mapping[str, Any]) -> list[Any]:
        layers = [parameters["embeddings"]]
        for _ in range(self.spec.layers):
            layers.append(propagated(self.adjacency, layers[-1]))
        return layers

    def pooled(self, parameters: Mapping[str, Any]) -> Any:
        return mean_of_layers(self.adjacency, parameters["embeddings"], self.spec.layers)
