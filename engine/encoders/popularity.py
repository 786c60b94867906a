"""Popularity: everyone is recommended what most people have. One number an item, nothing learned: the floor for every
model.
"""

from collections.abc import Mapping

import numpy as np

from engine.encoders.base import Encoder


class Popularity(Encoder):
    """d = 1: users are 1, items their number of training interactions over the largest one."""

    name = "popularity"
    title = "Popularity (baseline)"
    explanation = (
        "Recommends to everyone the items that most people have, leaving out what the user already has. "
        "Nothing is learned: a model that does not beat it clearly has learned nothing either."
    )
    graph = False
    trained = False

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        counts = np.bincount(self.train.items, minlength=self.n_items).astype(np.float32)
        shares = counts / max(1.0, float(counts.max(initial=0)))
        return {"embeddings": np.concatenate([np.ones(self.n_users, np.float32), shares])[:, None]}

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [parameters["embeddings"]]
