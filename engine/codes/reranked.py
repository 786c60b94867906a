"""Two-stage codes: small ones that pick candidates, and the exact vectors that rank these."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.codes.layered import LayeredBinaryCodes
from engine.codes.plain import FloatCodes, ScalarCodes
from engine.codes.product import ProductCodes
from engine.errors import FewbitsError

DEPTH_BYTES = 4

FirstCodes = FloatCodes | ScalarCodes | ProductCodes | LayeredBinaryCodes


@dataclass(frozen=True, eq=False)
class RerankedCodes:
    """Codes whose best ``depth`` items are ranked again by exact vectors; what is listed has the exact scores.

    Parameters
    ----------
    first : codes of any other kind, n rows
    exact : FloatCodes of n rows, float32
    depth : int
        At least 1: the candidates that are ranked again.

    Raises
    ------
    FewbitsError
        For another kind or precision of codes, different numbers of rows, and a depth below 1.
    """

    first: FirstCodes
    exact: FloatCodes
    depth: int

    def __post_init__(self) -> None:
        """Check that both stages are about the same rows."""
        if not isinstance(self.first, FirstCodes) or not isinstance(self.exact, FloatCodes):
            got = f"{type(self.first).__name__} and {type(self.exact).__name__}"
            raise FewbitsError(f"reranked codes: got {got}, expected codes of one stage and FloatCodes")
        if self.exact.bits != 32:
            raise FewbitsError(f"exact: got {self.exact.values.dtype}, expected float32")
        if self.first.n != self.exact.n:
            raise FewbitsError(f"exact: got {self.exact.n} rows, expected {self.first.n}, one for each coded row")
        if self.depth < 1:
            raise FewbitsError(f"depth: got {self.depth}, expected at least 1")

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return self.first.n

    @property
    def dim(self) -> int:
        """Return the number of dimensions: the first stage's, then those of the exact vectors."""
        return self.first.dim + self.exact.dim

    @property
    def bits(self) -> int:
        """Return the bits of the first stage."""
        return self.first.bits

    @property
    def nbytes(self) -> int:
        """Return the stored bytes: both stages and the depth."""
        return self.first.nbytes + self.exact.nbytes + DEPTH_BYTES

    def decode(self) -> np.ndarray:
        """Return float32 [n, dim]: zeros, then the exact vectors, whose inner products the final scores are."""
        return np.hstack([np.zeros((self.n, self.first.dim), np.float32), self.exact.decode()])

    def rows(self, ids: np.ndarray | slice) -> Self:
        """Return the codes of these rows."""
        return type(self)(self.first.rows(ids), self.exact.rows(ids), self.depth)
