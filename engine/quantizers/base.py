"""What every quantizer does: it reads one vector per row out of the encoder's layers and says what is stored of it.

A post-training method may learn something from the finished vectors first (`fit`): a rotation, codebooks.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from engine.codes import Codes
from engine.errors import FewbitsError
from engine.spec import Strict


class Quantizer(ABC):
    """One method at one bit-width. ``codes(layers, table).decode()`` is what is scored and what is stored.

    ``table`` is "user" or "item", and ``layers`` are the rows of that table alone, L + 1 arrays float32 [n, d], numpy
    or torch.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    link: ClassVar[str] = ""
    bits: ClassVar[tuple[int, ...]]
    trained: ClassVar[bool] = False
    takes: ClassVar[Literal["plain", "turned", "learned"]] = "plain"
    """Which vector of a user is searched: the model's, the model's times what `turn` returns, or one learned anew."""
    peer: ClassVar[bool] = False
    """Whether it stands for another library's index, whose lists and bytes are that library's affair."""

    class Options(Strict):
        """The method's own options, each with its default and description; this one has none."""

    def __init__(self, bits: int, options: Any, seed: int = 0) -> None:
        """Take a bit-width among ``bits``, the checked options and the seed of whatever is drawn."""
        self.width = bits
        self.options = options
        self.seed = seed

    @classmethod
    def unavailable(cls) -> str:
        """Return what to install before this method can be used, empty where nothing is missing."""
        return ""

    @classmethod
    def check(cls, bits: int, options: Any, dim: int) -> None:
        """Raise a FewbitsError, before anything is trained, where options cannot work on vectors of ``dim`` numbers."""
        return

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:  # noqa: B027
        """Learn what coding needs from the layers of both tables; most methods need nothing.

        ``counts`` are the training interactions of each row, int64 [n], by table.
        """

    def vectors(self, layers: Sequence[Any], table: str) -> Any:
        """Return the vectors to be coded, [n, D]: the mean of the layers. Users' are the float32 queries as well."""
        return sum(layers[1:], layers[0]) / len(layers)

    def turn(self) -> np.ndarray | None:
        """Return the orthogonal R, float64 [d, d], with which a user's vector u is searched as u R; None: as it is.

        After `fit`. Methods that are tuned have users' vectors of their own, which no map gives.
        """
        return None

    @abstractmethod
    def codes(self, layers: Sequence[Any], table: str) -> Codes:
        """Return what is stored of a table.

        Raises
        ------
        FewbitsError
            For NaN or infinite numbers: names the table and the first such row.
        """


def as_matrix(z: Any, table: str) -> np.ndarray:
    """Return a read-out as float32 [n, D] in numpy, or raise a FewbitsError where it is not finite."""
    if hasattr(z, "detach"):
        z = z.detach().cpu().numpy()
    matrix = np.ascontiguousarray(z, dtype=np.float32)
    refuse_odd_numbers(matrix, table, "the embeddings")
    return matrix


def refuse_odd_numbers(matrix: np.ndarray, table: str, what: str) -> None:
    """Raise a FewbitsError that names the first row with NaN or infinite numbers, if there is one."""
    if np.isfinite(matrix).all():
        return
    row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
    raise FewbitsError(
        f"{table} table, row {row}: {what} hold NaN or infinite numbers, expected finite ones; check the training"
    )
