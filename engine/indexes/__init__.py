"""Indexes: packed item codes and the search through them. One file is one layout: pack, unpack, kernel, search.

``LAYOUTS`` is the registry. Files are safetensors: the resident arrays, and in the metadata what they do not say.
"""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engine.codes import Codes
from engine.errors import FewbitsError, unknown
from engine.indexes.base import Hits, Index, stored_order
from engine.indexes.binary import BinaryIndex
from engine.indexes.flat import FlatIndex
from engine.indexes.layered import LayeredIndex
from engine.indexes.packed import Packed
from engine.indexes.peers import PeerIndex
from engine.indexes.product import ProductIndex
from engine.indexes.reranked import RerankedIndex
from engine.indexes.scalar import ScalarIndex

__all__ = [
    "LAYOUTS", "Hits", "Index", "Packed", "build", "load", "load_queries", "load_turn", "save", "save_queries",
    "save_turn", "warm_up",
]  # fmt: skip

LAYOUTS: dict[str, type[Index]] = {
    "flat": FlatIndex,
    "scalar": ScalarIndex,
    "binary": BinaryIndex,
    "product": ProductIndex,
    "layered": LayeredIndex,
    "reranked": RerankedIndex,
    "peer": PeerIndex,
}
INDEX_FORMAT = "fewbits-index-2"
QUERIES_FORMAT = "fewbits-queries-2"
TURN_FORMAT = "fewbits-turn-1"


def build(codes: Codes, seed: int = 0) -> Index:
    """Return the index of these item codes, in the first layout that accepts them."""
    for layout in LAYOUTS.values():
        if layout.accepts(codes):
            return layout.build(codes, seed)
    raise FewbitsError(f"no layout for {type(codes).__name__} of {codes.bits} bits; layouts: {', '.join(LAYOUTS)}")


def warm_up() -> None:
    """Load, or compile, what every build runs, so that it is not counted where a build is timed."""
    stored_order(1, 0)


def save(index: Index, path: Path) -> None:
    """Write the index to a file."""
    save_file(index.arrays(), path, {"format": INDEX_FORMAT, **index.meta()})


def load(path: Path) -> Index:
    """Return the index in a file.

    Raises
    ------
    FewbitsError
        Where there is no such file, where it is truncated, where it holds something else, and where its arrays and its
        metadata do not fit each other.
    """
    arrays, meta = _read(path, INDEX_FORMAT)
    name = meta.get("layout", "")
    if name not in LAYOUTS:
        raise FewbitsError(f"{path}: {unknown('layout', name, list(LAYOUTS))}")
    try:
        return LAYOUTS[name].from_arrays(arrays, meta)
    except (KeyError, ValueError, FewbitsError) as error:
        raise FewbitsError(f"{path}: arrays and metadata do not fit each other: {error}") from error


def save_queries(queries: np.ndarray | Packed, path: Path) -> None:
    """Write float32 queries [B, D] or packed ones to a file."""
    meta: dict[str, Any] = {"format": QUERIES_FORMAT}
    if isinstance(queries, Packed):
        meta |= {"layout": queries.layout, "dim": str(queries.dim), "bits": str(queries.bits)}
        save_file(queries.arrays(), path, meta)
    else:
        save_file({"queries": np.ascontiguousarray(queries)}, path, meta)


def load_queries(path: Path) -> np.ndarray | Packed:
    """Return the queries in a file, as they were saved; whether they fit an index, its search checks.

    Raises
    ------
    FewbitsError
        Where there is no such file, where it is truncated, and where it holds something else.
    """
    arrays, meta = _read(path, QUERIES_FORMAT)
    if "queries" in arrays:
        return arrays["queries"]
    try:
        return Packed.from_arrays(meta["layout"], int(meta["dim"]), int(meta["bits"]), arrays)
    except (KeyError, ValueError) as error:
        raise FewbitsError(f"{path}: arrays and metadata do not fit each other: {error}") from error


def save_turn(turn: np.ndarray, path: Path) -> None:
    """Write the orthogonal map, float64 [d, d], that turns users' vectors into queries of an index."""
    save_file({"turn": np.ascontiguousarray(turn)}, path, {"format": TURN_FORMAT})


def load_turn(path: Path) -> np.ndarray:
    """Return the R in a file, float64 [d, d]: ``(u @ R).astype(numpy.float32)`` is what users u [B, d] search with.

    Raises
    ------
    FewbitsError
        Where there is no such file, where it is truncated, and where it holds something else.
    """
    arrays, _ = _read(path, TURN_FORMAT)
    turn = arrays.get("turn", np.empty(0))
    if turn.ndim != 2 or turn.shape[0] != turn.shape[1]:
        raise FewbitsError(f"{path}: got shape {list(turn.shape)}, expected one square matrix named turn")
    return turn


def _read(path: Path, expected: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return arrays and metadata of a file of this format."""
    try:
        with safe_open(path, framework="numpy") as file:
            meta = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise FewbitsError(f"{path}: got no readable safetensors file ({error}); save it again") from error
    if meta.get("format") != expected:
        raise FewbitsError(f"{path}: got format {meta.get('format')!r}, expected {expected!r}")
    return arrays, meta
