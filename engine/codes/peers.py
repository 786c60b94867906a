"""Vectors for a peer: another library's index, which compresses or links them in its own way while it is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Self

import numpy as np

from engine.codes.checks import check
from engine.errors import FewbitsError

LIBRARIES = {"faiss": "faiss-cpu", "usearch": "usearch", "hnswlib": "hnswlib"}
"""Module → distribution; together the extra ``peers``."""
INSTALL = "pip install -e '.[peers]'"
KINDS = {
    "flat": "faiss", "sq8": "faiss", "sq4": "faiss", "pq": "faiss", "pqfastscan": "faiss", "binary": "faiss",
    "rabitq": "faiss", "hnsw": "faiss", "ivf": "faiss", "usearch": "usearch", "hnswlib": "hnswlib",
}  # fmt: skip
"""Index → the module that makes it."""


def missing() -> str:
    """Return what to do before peers can be used; empty where the extra ``peers`` is installed."""
    absent = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    return f"not installed: {', '.join(absent)}; `{INSTALL}` adds what is missing" if absent else ""


def require() -> None:
    """Raise a FewbitsError that says how to install peers, unless they are."""
    if words := missing():
        raise FewbitsError(f"peers are other libraries' indexes; {words}")


@dataclass(frozen=True, eq=False)
class PeerCodes:
    """The float32 vectors that a peer's index is built from.

    Parameters
    ----------
    values : float32 [n, D]
    kind : str
        One of ``KINDS``.
    knobs : mapping of str to int
        What the kind of index can be told, such as ``ef_search``.

    Raises
    ------
    FewbitsError
        For another dtype or number of axes, and for an unknown kind.
    """

    values: np.ndarray
    kind: str
    knobs: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the array and the kind."""
        check("values", self.values, (np.dtype(np.float32),), 2)
        if self.kind not in KINDS:
            raise FewbitsError(f"peer: got {self.kind!r}, expected one of {', '.join(KINDS)}")

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
        """Return the bits per dimension that the peer is given: 32. What it keeps, its index's ``nbytes`` says."""
        return 32

    @property
    def nbytes(self) -> int:
        """Return the bytes that the peer is given."""
        return int(self.values.nbytes)

    def decode(self) -> np.ndarray:
        """Return the vectors that the peer is given, float32 [n, D]; a peer that compresses them scores others."""
        return self.values

    def rows(self, ids: np.ndarray | slice) -> Self:
        """Return the vectors of these rows."""
        return type(self)(self.values[ids], self.kind, self.knobs)
