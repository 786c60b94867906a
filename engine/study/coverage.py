"""How much of the study's plan has been run: what is missing is counted, never guessed from what is there."""

from collections.abc import Iterator

import pandas as pd

from engine.spec import ModelSpec, RunSpec
from engine.study.plan import STAGES, in_order, plan

HOW = (
    "Runs that are there, of those that are planned: each form with each seed. What is missing is missing from every "
    "table and sentence above; `python -m engine study reference` runs it (`--dataset` for a set of your own; peers "
    "need the extra `peers`)."
)
Key = tuple[str, str, int, ModelSpec]
"""Data set, form, the split's seed and the model."""


def rows(runs: pd.DataFrame) -> Iterator[list[str]]:
    """Yield each stage's name, what it is, and on each of `datasets` how many of its runs have rows: ``12 of 36``; a
    dash where it has none.

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
            cells.append(f"{sum(key(run.spec, run.form) in done for run in here)} of {len(here)}" if here else "–")
        yield [stage, words, *cells]


def datasets(runs: pd.DataFrame) -> list[str]:
    """Return the data sets that have runs, in the study's order, then by name."""
    return in_order(set(runs["dataset"]))


def machines(done: pd.DataFrame) -> str:
    """Return the machines of finished runs; of several, how many runs each made: ``A (2 runs); B (1 run)``."""
    counted = done["hardware"].dropna().value_counts()
    several = len(counted) > 1
    return "; ".join(f"{name}" + f" ({n:,} run{'s' * (n > 1)})" * several for name, n in counted.items())


def markdown(runs: pd.DataFrame) -> list[str]:
    """Return the table in Markdown."""
    names = datasets(runs)
    lines = (f"| {stage}: {words} | " + " | ".join(cells) + " |" for stage, words, *cells in rows(runs))
    return ["| stage | " + " | ".join(names) + " |", "| --- " + "| ---: " * len(names) + "|", *lines]


def key(spec: RunSpec, form: str) -> Key:
    """Return what a run of the study is known by; its options are in the form."""
    return spec.dataset, form, spec.split_seed, spec.model


def _done(runs: pd.DataFrame) -> set[Key]:
    done = runs[runs["state"] == "done"]
    specs = (RunSpec.model_validate_json(spec) for spec in done["spec"])
    return {key(spec, form) for spec, form in zip(specs, done["form"], strict=True)}
