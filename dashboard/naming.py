"""Names that tell runs and configurations apart. Pure."""

import json
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from dashboard import labels

DIGEST = 6
"""Characters of a split's digest that tell it from another of its data set."""
END = 12
"""Characters of a run's id that no other run of its name shares."""


def settings_text(settings: str | None) -> str:
    """Return what was trained otherwise than usual as words: ``learning rate 0.01, epochs 20``; "" for nothing."""
    told = json.loads(settings) if isinstance(settings, str) else {}
    return ", ".join(f"{labels.option_words(key)} {value}" for key, value in told.items())


def tested(points: pd.DataFrame) -> list[str]:
    """Return the split that each point was tested on, in words: its seed and, where the data of one were others at
    another time, the beginning of their digest.

    Parameters
    ----------
    points : with "dataset", "settings" and "split" (`engine.store.prepared.split_key`; None where it is not known)
    """
    rows = list(zip(*(points[column].tolist() for column in ("dataset", "settings", "split")), strict=True))
    seeds = {row: f"split seed {_seed(row[1])}" for row in set(rows)}  # thousands of points share a few
    known = {(row[0], words, row[2]) for row, words in seeds.items() if isinstance(row[2], str)}
    several = Counter((dataset, words) for dataset, words, _ in known)
    names = {
        row: f"{words}, data {row[2].rsplit('-', 1)[-1][:DIGEST]}"
        if isinstance(row[2], str) and several[row[0], words] > 1 else words
        for row, words in seeds.items()
    }  # fmt: skip
    return [names[row] for row in rows]


def _seed(settings: str | None) -> int:
    told = json.loads(settings) if isinstance(settings, str) else {}
    return int(told.get("split_seed", 0))


def with_settings(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of the catalog with "settings", which an engine of an earlier version that serves still lacks."""
    return table if "settings" in table else table.assign(settings=None)


def told_apart(words: Sequence[str], settings: Sequence[str | None], run_ids: Sequence[str]) -> list[str]:
    """Return names of which no two are equal: where several were, with what was trained otherwise than usual, and
    where that is not enough with the end of their run's id.
    """
    return _with(_with(words, [settings_text(text) for text in settings]), [i[-END:] for i in run_ids])


def _with(words: Sequence[str], more: Sequence[str]) -> list[str]:
    times = Counter(words)
    return [f"{word} · {text}" if times[word] > 1 and text else word for word, text in zip(words, more, strict=True)]


def configurations(table: pd.DataFrame) -> list[str]:
    """Return the name of each configuration (`dashboard.budget.configurations`): its method and how users are searched,
    and of its model what is not the same for all.
    """
    telling = {
        "encoder": labels.name, "dim": "{} dimensions".format, "layers": "{} layers".format, "loss": labels.name,
        "settings": settings_text,
    }  # fmt: skip
    varying = {column: told for column, told in telling.items() if table[column].nunique(dropna=False) > 1}
    named = []
    for row in table.to_dict("records"):
        more = [told(row[column]) for column, told in varying.items()]
        named.append(", ".join([row["method"], *filter(None, more), labels.queries(row["query_bits"])]))
    return named
