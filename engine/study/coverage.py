"""How much of the study's plan has been run: what is missing is counted, never guessed from what is there."""

import json
from collections.abc import Iterator

import pandas as pd

from engine.study.plan import DATASETS, STAGES, Planned, plan

Key = tuple[str, str, str]
"""Data set, form and model."""


def rows(runs: pd.DataFrame) -> Iterator[list[str]]:
    """Yield each stage's name, what it is, and on each of `datasets` how many of its runs have rows: ``12 of 36``.

    Parameters
    ----------
    runs : the shipped runs (`engine.store.reference.runs`); those that the plan does not have are not counted.
    """
    names = datasets(runs)
    planned, done = plan(names), _done(runs)
    for stage, words in STAGES.items():
        cells = []
        for name in names:
            here = [run for run in planned if run.stage == stage and run.spec.dataset == name]
            cells.append(f"{sum(_key(run) in done for run in here)} of {len(here)}")
        yield [stage, words, *cells]


def datasets(runs: pd.DataFrame) -> list[str]:
    """Return the data sets that have runs, in the study's order, then by name."""
    there = set(runs["dataset"])
    return [name for name in DATASETS if name in there] + sorted(there - set(DATASETS))


def markdown(runs: pd.DataFrame) -> list[str]:
    """Return the table in Markdown."""
    names = datasets(runs)
    lines = (f"| {stage}: {words} | " + " | ".join(cells) + " |" for stage, words, *cells in rows(runs))
    return ["| stage | " + " | ".join(names) + " |", "| --- " + "| ---: " * len(names) + "|", *lines]


def _done(runs: pd.DataFrame) -> set[Key]:
    done = runs[runs["state"] == "done"]
    return {
        (dataset, form, _model(json.loads(spec)["model"]))
        for dataset, form, spec in zip(done["dataset"], done["form"], done["spec"], strict=True)
    }


def _key(run: Planned) -> Key:
    return run.spec.dataset, run.form, _model(run.spec.model.model_dump(mode="json"))


def _model(settings: dict[str, object]) -> str:
    return json.dumps(settings, sort_keys=True)
