"""Vectors that somebody else's model made: served as they came with the data set, nothing learned.

They rank by their inner product, with the lengths that they have. For the cosine, divide each by its length before the
set is added.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.encoders.base import Encoder
from engine.errors import FewbitsError
from engine.spec import GIVEN, ModelSpec


class Given(Encoder):
    """One layer: the data set's own vectors of users and items."""

    name = GIVEN
    title = "Vectors of your own"
    explanation = (
        "Takes the vectors that were added with the data set as they are and scores them by the inner product. "
        "Nothing is trained: it shows what quantizing does to your own model."
    )
    graph = False
    trained = False

    def __init__(self, spec: ModelSpec, split: Any) -> None:
        super().__init__(spec, split)
        if split.vectors is None:
            raise FewbitsError(f"encoder {GIVEN!r}: the data set {split.dataset!r} has no vectors of its own")
        if split.vectors.dim != spec.dim:
            raise FewbitsError(
                f"encoder {GIVEN!r}: got {spec.dim} dimensions, the vectors of {split.dataset!r} have "
                f"{split.vectors.dim}: was the set added anew? submit the run again"
            )
        self.vectors = split.vectors

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"embeddings": np.concatenate([self.vectors.users, self.vectors.items])}

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [parameters["embeddings"]]
