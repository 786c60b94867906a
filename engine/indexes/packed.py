"""Users' own codes, packed as queries, and the check that they are what kernels read unchecked."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from engine.errors import FewbitsError

Form = tuple[Any, tuple[int, ...]]
"""The dtype and shape of an array."""
ALIGN = 64
"""Bytes of a cache line: an index that begins amid one is slower by up to an eighth, and not in each process."""


@dataclass(frozen=True, eq=False)
class Packed:
    """Users' own codes, packed as a layout wants its queries.

    Parameters
    ----------
    layout, dim, bits : what the codes were packed for and from
    values : array [B, …]
        The packed rows; the dtype is the layout's.
    steps : float32 [B, …] or [0]
        The steps of each row; empty where codes have none.
    tables : tuple of float32 arrays
        The users' own codebooks, the same for every row; empty where codes have none.
    exact : float32 [B, d] or None
        The vectors that rank candidates again, where the layout does so.
    fits : the index that has checked these arrays, so that it need not for each query; its slices fit it as well
    """

    layout: str
    dim: int
    bits: int
    values: np.ndarray
    steps: np.ndarray
    tables: tuple[np.ndarray, ...] = ()
    exact: np.ndarray | None = None
    fits: object = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | np.ndarray) -> "Packed":
        """Return these queries: views for a slice, copies for row numbers."""
        steps = self.steps[rows] if len(self.steps) else self.steps
        exact = None if self.exact is None else self.exact[rows]
        return Packed(self.layout, self.dim, self.bits, self.values[rows], steps, self.tables, exact, self.fits)

    @property
    def nbytes(self) -> int:
        """Return the bytes of all arrays, the codebooks included."""
        return sum(a.nbytes for a in self.arrays().values())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        tables = {f"table_{i}": table for i, table in enumerate(self.tables)}
        arrays = {"values": self.values, "steps": self.steps, **tables}
        return arrays if self.exact is None else {**arrays, "exact": self.exact}

    @classmethod
    def from_arrays(cls, layout: str, dim: int, bits: int, arrays: dict[str, np.ndarray]) -> Self:
        """Return the queries that have these `arrays`."""
        tables = tuple(arrays[name] for name in sorted(arrays) if name.startswith("table_"))
        return cls(layout, dim, bits, arrays["values"], arrays["steps"], tables, arrays.get("exact"))


def fitting(queries: Packed, forms: dict[str, Form]) -> Packed:
    """Return queries as kernels take them, or raise a FewbitsError unless they have these dtypes and shapes."""
    arrays = queries.arrays()
    if {name: (a.dtype, a.shape) for name, a in arrays.items()} != forms:
        got = ", ".join(f"{name} {a.dtype} {list(a.shape)}" for name, a in arrays.items())
        wanted = ", ".join(f"{name} {np.dtype(dtype)} {list(shape)}" for name, (dtype, shape) in forms.items())
        raise FewbitsError(f"queries: got {got}, expected {wanted}; pack them with this index")
    if all(a.flags.carray for a in arrays.values()):
        return queries
    plain_arrays = {name: plain(a) for name, a in arrays.items()}
    return Packed.from_arrays(queries.layout, queries.dim, queries.bits, plain_arrays)


def plain(array: np.ndarray) -> np.ndarray:
    """Return the array itself if C-contiguous and writeable, else a copy: kernels are compiled for that alone."""
    return array if array.flags.carray else np.array(array, order="C")


def resident(array: np.ndarray) -> np.ndarray:
    """Return `plain` at an address that is a multiple of ALIGN, copied where it is not."""
    if array.flags.carray and array.ctypes.data % ALIGN == 0:
        return array
    memory = np.empty(array.nbytes + ALIGN, np.uint8)
    start = -memory.ctypes.data % ALIGN
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
