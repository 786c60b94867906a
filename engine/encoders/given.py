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

USUAL = 2.0**-4
"""The root mean square of a number in a table of a model that is trained here: 0.02 to 0.14 with 32 to 256 dimensions
on four data sets.
"""


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

    def usual(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the vectors as large as those of a model that is trained here, each table times one number.

        No list changes by that; but a tuning step has a size, which does not fit vectors of any other.
        """
        n, sized = self.n_users, arrays["embeddings"].copy()
        for table in (sized[:n], sized[n:]):
            size = float(np.sqrt(np.mean(np.square(table, dtype=np.float64)))) if table.size else 0.0
            if size:
                np.multiply(table, USUAL / size, out=table, dtype=np.float64, casting="same_kind")
        return {**arrays, "embeddings": sized}

    def plain_layers(self, parameters: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [parameters["embeddings"]]
