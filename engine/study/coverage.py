"""How much of the study's plan has been run: what is missing is counted, never guessed from what is there."""

from collections.abc import Iterator, Sequence

import pandas as pd

from engine.spec import ModelSpec, RunSpec
from engine.study.plan import STAGES, Planned, in_order, plan

HOW = (
    "Runs that are there, of those that are planned: each form with each seed. What is missing is missing from every "
    "table and sentence above; `python -m engine study reference` runs it (`--dataset` for a set of your own; peers "
    "need the extra `peers`; with `--missing` that alone, and the rest of a model that another machine measured)."
)
Key = tuple[str, str, int, tuple[int, ...], ModelSpec]
"""Data set, form, the split's seed, how users are searched, and the model."""
Model = tuple[str, int, ModelSpec]


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


def missing(asked: Sequence[Planned], runs: pd.DataFrame, hardware: str) -> list[Planned]:
    """Return what of ``asked`` has no row, in the plan's order, and with it what has rows of the same model (data set,
    settings and seed) that another machine measured: `engine.study.collect` keeps a model's rows of one machine.

    Parameters
    ----------
    runs : the shipped runs (`engine.store.reference.runs`).
    hardware : this machine's name (`engine.measure.machine.machine`).
    """
    done = _done(runs)
    lacking = {key(run.spec, run.form) for run in asked} - set(done)
    elsewhere = {model(of) for of, machine in done.items() if machine != hardware} & {model(of) for of in lacking}
    wanted = lacking | {of for of in done if model(of) in elsewhere}
    names, seeds = dict.fromkeys(run.spec.dataset for run in asked), {run.spec.model.seed for run in asked}
    every: dict[Key, Planned] = {}
    for run in (*plan(list(names)), *asked, *plan(list(names), sorted(seeds))):
        every.setdefault(key(run.spec, run.form), run)
    return [run for of, run in every.items() if of in wanted]


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
    return spec.dataset, form, spec.split_seed, spec.query_bits, spec.model


def model(of: Key) -> Model:
    """Return what a run shares with all of its model: data set, the split's seed and the settings."""
    dataset, _, split_seed, _, model = of
    return dataset, split_seed, model


def _done(runs: pd.DataFrame) -> dict[Key, str | None]:
    """Return the finished runs' keys → the machine of each."""
    done = runs[runs["state"] == "done"]
    specs = (RunSpec.model_validate_json(spec) for spec in done["spec"])
    return {key(spec, form): name for spec, form, name in zip(specs, done["form"], done["hardware"], strict=True)}
