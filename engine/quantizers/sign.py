"""One bit a dimension: the sign, with sign(0) = +1, and one scale a row or none.

The row's scale is mean|x|: of all a * sign(x) it is the one nearest to x, since the least-squares a is <x, sign(x)> /
D. It is stored as a float16 relative to the largest scale of the table. Without a scale every entry counts +1 or -1,
scores are integers, and many are equal.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.codes import ScalarCodes
from engine.quantizers.base import Quantizer, as_matrix
from engine.quantizers.uniform import relative_scale
from engine.spec import Strict


class Sign(Quantizer):
    """The sign of every entry."""

    name = "sign"
    title = "Sign bits"
    explanation = (
        "Keeps one bit of every number, its sign, and one 2-byte scale a row if asked. "
        "The scale carries the item's popularity: without it a quarter to a half of the recall is lost."
    )
    bits = (1,)

    class Options(Strict):
        """The options of `Sign`."""

        scale: Literal["row", "none"] = Field("row", description="one float16 scale a row, mean|x|, or no scale at all")

    def codes(self, layers: Sequence[Any], table: str) -> ScalarCodes:
        """Return the signs of the read-out."""
        z = as_matrix(self.vectors(layers, table), table)
        q = (z >= 0).astype(np.uint8)
        if self.options.scale == "none":
            return ScalarCodes(q, 1, None, 1.0)
        row_scale, unit = relative_scale(np.abs(z).mean(axis=1, dtype=np.float64).astype(np.float32))
        return ScalarCodes(q, 1, row_scale, unit)
