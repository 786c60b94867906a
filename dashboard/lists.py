"""Two lists of one user side by side: what both hold, what entered, left or moved, gaps and ties of scores. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

EXACT, QUANTIZED = "float32", "Quantized"
"""Columns that say where an item stands in the other list."""


def side_by_side(
    exact: Mapping[str, Sequence[Any]],
    quantized: Mapping[str, Sequence[Any]],
    held_out: Sequence[int],
    names: Mapping[int, str],
    k: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the float32 top k and the quantized top k as tables with what happened to each item.

    ``exact`` and ``quantized`` hold "items" and "scores", best first, as long as they were kept (100 and 50 places).
    """
    before, after = _ranks(exact["items"]), _ranks(quantized["items"])
    left = [
        _left(after.get(item), place, k, len(after)) for place, item in enumerate(_shown(exact["items"], k), start=1)
    ]
    entered = [
        _entered(before.get(item), place, k, len(before))
        for place, item in enumerate(_shown(quantized["items"], k), start=1)
    ]
    return _table(exact, k, held_out, names, left, QUANTIZED), _table(quantized, k, held_out, names, entered, EXACT)


def moved(exact: Sequence[int], quantized: Sequence[int], k: int) -> tuple[list[int], list[int]]:
    """Return the items that entered the top k by quantizing, and those that left it, each in the order of its list."""
    before, after = _shown(exact, k), _shown(quantized, k)
    return [i for i in after if i not in set(before)], [i for i in before if i not in set(after)]


def shifts(exact: Sequence[int], quantized: Sequence[int], k: int) -> list[int]:
    """Return by how many places each item that stayed in the top k moved, in the order of the float32 list."""
    after = _ranks(_shown(quantized, k))
    return [abs(after[i] - place) for place, i in enumerate(_shown(exact, k), start=1) if i in after]


def cut(scores: Sequence[float], k: int) -> float | None:
    """Return the gap in score between the places k and k + 1, as a share of the range of the top k.

    What is small is decided by little: quantizing may well put the one for the other. None where no place k + 1 was
    kept, or all of the top k have one score.
    """
    if k < 2 or len(scores) <= k or scores[0] == scores[k - 1]:
        return None
    return float((scores[k - 1] - scores[k]) / (scores[0] - scores[k - 1]))


def tied(scores: Sequence[float]) -> list[bool]:
    """Return for each place whether its score equals a neighbour's: then the tie rule alone decides their order."""
    values = np.asarray(scores, float)
    same = values[1:] == values[:-1]
    return list(np.append(same, False) | np.insert(same, 0, False)) if len(values) else []


def _shown(items: Sequence[int], k: int) -> list[int]:
    return [int(item) for item in items[:k] if item >= 0]


def _ranks(items: Sequence[int]) -> dict[int, int]:
    return {int(item): rank for rank, item in enumerate(items, start=1) if item >= 0}


def _left(rank: int | None, place: int, k: int, kept: int) -> str:
    if rank is None:
        return f"✗ left, now > {kept}"
    if rank > k:
        return f"✗ left, now {rank} (▼ {rank - place})"
    return "same place" if rank == place else f"{_arrow(place, rank)}, now {rank}"


def _entered(rank: int | None, place: int, k: int, kept: int) -> str:
    if rank is None:
        return f"● new, was > {kept}"
    if rank > k:
        return f"● new, was {rank} (▲ {rank - place})"
    return "same place" if rank == place else f"{_arrow(rank, place)}, was {rank}"


def _arrow(before: int, after: int) -> str:
    return f"{'▲' if after < before else '▼'} {abs(after - before)}"


def _table(
    ranked: Mapping[str, Sequence[Any]],
    k: int,
    held_out: Sequence[int],
    names: Mapping[int, str],
    other: list[str],
    title: str,
) -> pd.DataFrame:
    items = _shown(ranked["items"], k)
    hits = set(held_out)
    ties = tied(ranked["scores"])
    scores = np.asarray(ranked["scores"], float)
    gaps = np.append(scores[:-1] - scores[1:], np.nan)[: len(items)]  # of the last place kept: not known
    return pd.DataFrame({
        "Place": range(1, len(items) + 1),
        "Item": [names.get(item, f"item {item}") for item in items],
        "Held out": ["✓ hit" if item in hits else "" for item in items],
        title: other,
        "Score": [float(score) for score in ranked["scores"][: len(items)]],
        "Gap": gaps,
        "Tied": ["= tied" if ties[place] else "" for place in range(len(items))],
    })  # fmt: skip
