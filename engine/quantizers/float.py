"""Full precision, and its half: the vectors as they are. The reference that every other method is compared with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.codes import FloatCodes
from engine.quantizers.base import Quantizer, as_matrix, refuse_odd_numbers


class Float32(Quantizer):
    """The vectors at 32 bits a dimension."""

    name = "float32"
    title = "Full precision"
    explanation = (
        "Stores every number as the model computed it, in 4 bytes. "
        "The reference that all other points are measured against."
    )
    bits = (32,)

    def codes(self, layers: Sequence[Any], table: str) -> FloatCodes:
        """Return the read-out as float32."""
        return FloatCodes(as_matrix(self.vectors(layers, table), table))


class Float16(Quantizer):
    """The vectors rounded to 16 bits a dimension."""

    name = "float16"
    title = "Half precision"
    explanation = "Rounds every number to a 2-byte float. Half the memory; lists hardly ever change."
    bits = (16,)

    def codes(self, layers: Sequence[Any], table: str) -> FloatCodes:
        """Return the read-out as float16; numbers beyond 65504 are refused rather than stored as infinity."""
        with np.errstate(over="ignore"):
            values = as_matrix(self.vectors(layers, table), table).astype(np.float16)
        refuse_odd_numbers(values, table, "the embeddings, as float16 (at most 65504),")
        return FloatCodes(values)
