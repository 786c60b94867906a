"""One bit per dimension at each propagation layer, with one scale per row and layer."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.codes.checks import UNIT_BYTES, check, check_optional_scales, row_steps
from engine.errors import FewbitsError


@dataclass(frozen=True, eq=False)
class LayeredBinaryCodes:
    """Signs of each layer side by side: layer l of a row stands for ``(2q - 1) * (weights[l] * step)``.

    Parameters
    ----------
    q : uint8 [n, L, d]
        In {0, 1}.
    row_scale : float16 [n, L] or None
        In [0, 1], relative to ``unit``. None: every step is 1.
    unit : float
        Not negative, exactly representable as float32; 1 where there is no row_scale.
    weights : float32 [L]
        Finite.

    Raises
    ------
    FewbitsError
        For arrays of another dtype or shape, and for values outside these ranges.
    """

    q: np.ndarray
    row_scale: np.ndarray | None
    unit: float
    weights: np.ndarray

    def __post_init__(self) -> None:
        """Check arrays and ranges."""
        check("q", self.q, (np.dtype(np.uint8),), 3)
        if self.q.size and int(self.q.max()) > 1:
            raise FewbitsError(f"q: got {int(self.q.max())}, expected 0 and 1 alone")
        check_weights(self.weights, self.q.shape[1])
        check_optional_scales(self.row_scale, self.unit, *self.q.shape[:2])

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return int(self.q.shape[0])

    @property
    def layers(self) -> int:
        """Return L, the number of layers."""
        return int(self.q.shape[1])

    @property
    def dim(self) -> int:
        """Return the number of dimensions, L * d."""
        return self.layers * int(self.q.shape[2])

    @property
    def bits(self) -> int:
        """Return the bits per dimension: 1."""
        return 1

    @property
    def nbytes(self) -> int:
        """Return the stored bytes: packed bits, weights, and scales with their unit."""
        packed = self.n * self.layers * -(-self.q.shape[2] // 8)
        return packed + self.weights.nbytes + (0 if self.row_scale is None else self.row_scale.nbytes + UNIT_BYTES)

    def steps(self) -> np.ndarray:
        """Return what each row's signs are multiplied with at each layer, float32 [n, L]."""
        return self.weights * row_steps(self.row_scale, self.unit, *self.q.shape[:2])

    def decode(self) -> np.ndarray:
        """Return the vectors that the codes stand for, float32 [n, L * d]."""
        signs = 2 * self.q.astype(np.float32) - 1  # [n, L, d]
        return (signs * self.steps()[:, :, None]).reshape(self.n, self.dim)

    def rows(self, ids: np.ndarray | slice) -> Self:
        """Return the codes of these rows."""
        scale = None if self.row_scale is None else self.row_scale[ids]
        return type(self)(self.q[ids], scale, self.unit, self.weights)


def check_weights(weights: np.ndarray, layers: int) -> None:
    """Raise a FewbitsError unless there is one finite weight, float32, for each layer."""
    check("weights", weights, (np.dtype(np.float32),), 1)
    if len(weights) != layers or not layers or not np.isfinite(weights).all():
        raise FewbitsError(f"weights: got {weights.tolist()}, expected one finite number for each of {layers} layers")
