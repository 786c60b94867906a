"""Matrix factorisation: free embeddings and nothing else (LightGCN with L = 0).

Koren, Bell, Volinsky, "Matrix Factorization Techniques for Recommender Systems", https://doi.org/10.1109/MC.2009.263.
"""

from collections.abc import Mapping

import numpy as np

from engine.encoders.base import Encoder, small_normal


class MF(Encoder):
    """One layer: E(0)."""

    name = "mf"
    title = "Matrix factorisation"
    explanation = (
        "Learns a vector for every user and item and scores them by the inner product. "
        "No graph: the baseline that a graph encoder has to beat, and the backbone of DPQ and MGQE as published."
    )
    link = "https://doi.org/10.1109/MC.2009.263"
    graph = False

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"embeddings": small_normal(rng, self.n_users + self.n_items, self.spec.dim)}

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [parameters["embeddings"]]
