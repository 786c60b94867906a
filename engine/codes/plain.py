"""Codes of one number per dimension: floats as they are, and small integers with a step."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.codes.checks import UNIT_BYTES, check, check_scales, row_steps
from engine.errors import FewbitsError

BITS = (1, 2, 4, 8)


@dataclass(frozen=True, eq=False)
class FloatCodes:
    """The vectors as they are.

    Parameters
    ----------
    values : float32 or float16 [n, D]

    Raises
    ------
    FewbitsError
        For another dtype or number of axes.
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        """Check the array."""
        check("values", self.values, (np.dtype(np.float32), np.dtype(np.float16)), 2)

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return int(self.values.shape[0])

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return int(self.values.shape[1])

    @property
    def bits(self) -> int:
        """Return the bits per dimension: 32 or 16."""
        return 8 * self.values.itemsize

    @property
    def nbytes(self) -> int:
        """Return the stored bytes."""
        return int(self.values.nbytes)

    def decode(self) -> np.ndarray:
        """Return the vectors, float32 [n, D]."""
        return self.values.astype(np.float32, copy=False)

    def rows(self, ids: np.ndarray | slice) -> Self:
        """Return the codes of these rows."""
        return type(self)(self.values[ids])


@dataclass(frozen=True, eq=False)
class ScalarCodes:
    """One small integer per dimension: q stands for ``(2q - (2^bits - 1)) * step``, an odd multiple of the row's step.

    The levels are symmetric about zero, so integer products of two codes rank exactly as the decoded vectors do.

    Parameters
    ----------
    q : uint8 [n, D]
        In 0 … 2^bits - 1.
    bits : int
        1, 2, 4 or 8.
    row_scale : float16 [n] or None
        In [0, 1]: the row's step relative to ``unit``, so that the steps of tiny numbers keep their precision.
        None: every row has the step ``unit``.
    unit : float
        Not negative, exactly representable as float32.

    Raises
    ------
    FewbitsError
        For arrays of another dtype or shape, and for values outside these ranges.
    """

    q: np.ndarray
    bits: int
    row_scale: np.ndarray | None
    unit: float

    def __post_init__(self) -> None:
        """Check arrays and ranges."""
        check("q", self.q, (np.dtype(np.uint8),), 2)
        if self.bits not in BITS:
            raise FewbitsError(f"bits: got {self.bits}, expected one of {BITS}")
        if self.q.size and int(self.q.max()) >> self.bits:
            raise FewbitsError(f"q: got {int(self.q.max())}, expected 0 … {(1 << self.bits) - 1} at {self.bits} bits")
        check_scales(self.row_scale, self.unit, self.n)

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return int(self.q.shape[0])

    @property
    def dim(self) -> int:
        """Return the number of dimensions."""
        return int(self.q.shape[1])

    @property
    def nbytes(self) -> int:
        """Return the stored bytes: packed integers, the row scales where there are any, and the unit."""
        packed = self.n * ((self.dim * self.bits + 7) // 8)
        return packed + (2 * self.n if self.row_scale is not None else 0) + UNIT_BYTES

    def steps(self) -> np.ndarray:
        """Return the step of each row, float32 [n]."""
        return row_steps(self.row_scale, self.unit, self.n)

    def decode(self) -> np.ndarray:
        """Return the vectors that the codes stand for, float32 [n, D]."""
        levels = 2 * self.q.astype(np.int16) - np.int16((1 << self.bits) - 1)
        return levels.astype(np.float32) * self.steps()[:, None]

    def rows(self, ids: np.ndarray | slice) -> Self:
        """Return the codes of these rows."""
        scale = None if self.row_scale is None else self.row_scale[ids]
        return type(self)(self.q[ids], self.bits, scale, self.unit)
