"""How much of the study's plan has been run: what is missing is counted, never guessed from what is there."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

import pandas as pd

from engine.spec import ModelSpec, RunSpec
from engine.study.forms import FLOAT
from engine.study.plan import STAGES, Planned, in_order, plan

HOW = (
    "Runs that are there, of those that are planned: each form with so many seeds. A seed stands for any other: where "
    "one of the plan's is missing of a form, one of no plan takes its place, if float32 was run with it. What is "
    "missing is missing from every table and sentence above; `python -m engine study reference` runs it (`--dataset` "
    "for a set of your own; peers need the extra `peers`; with `--missing` that alone, and the rest of a model that "
    "another machine measured)."
)
Key = tuple[str, str, int, tuple[int, ...], ModelSpec]
"""Data set, form, the split's seed, how users are searched, and the model."""
Model = tuple[str, int, ModelSpec]


def rows(runs: pd.DataFrame) -> Iterator[list[str]]:
    """Yield each stage's name, what it is, and on each of `datasets` how many of its runs are `there`: ``12 of 36``; a
    dash where it has none.

    Parameters
    ----------
    runs : the shipped runs (`engine.store.reference.runs`); forms that the plan does not have are not counted.
    """
    names = datasets(runs)
    planned = plan(names)
    done = there(planned, _done(runs))
    for stage, words in STAGES.items():
        cells = []
        for name in names:
            here = [run for run in planned if run.stage == stage and run.spec.dataset == name]
            cells.append(f"{sum(key(run.spec, run.form) in done for run in here)} of {len(here)}" if here else "–")
        yield [stage, words, *cells]


def missing(asked: Sequence[Planned], runs: pd.DataFrame, hardware: str, very_seeds: bool = False) -> list[Planned]:
    """Return what of ``asked`` is not `there`, in the plan's order, and with it what has rows of the same model (data
    set, settings and seed) that another machine measured: `engine.study.collect` keeps a model's rows of one machine.

    Parameters
    ----------
    runs : the shipped runs (`engine.store.reference.runs`).
    hardware : this machine's name (`engine.measure.machine.machine`).
    very_seeds : whether the seeds were asked for: no other then stands for one.
    """
    done = _done(runs)
    names, seeds = dict.fromkeys(run.spec.dataset for run in asked), {run.spec.model.seed for run in asked}
    lacking = {key(run.spec, run.form) for run in asked} - set(done)
    lacking -= set() if very_seeds else there(plan(list(names)), done)
    elsewhere = {model(of) for of, machine in done.items() if machine != hardware} & {model(of) for of in lacking}
    wanted = lacking | {of for of in done if model(of) in elsewhere}
    every: dict[Key, Planned] = {}
    for run in (*plan(list(names)), *asked, *plan(list(names), sorted(seeds))):
        every.setdefault(key(run.spec, run.form), run)
    return [run for of, run in every.items() if of in wanted]


def there(planned: Iterable[Planned], done: Collection[Key]) -> set[Key]:
    """Return the planned runs that are done, and those whose place another took: the same form and model with a seed
    that the plan does not have of it, and with which float32 was run. Seeds are alike: it is their number that
    intervals need, but what is kept is kept of the same model's float32.
    """
    keys = dict.fromkeys(key(run.spec, run.form) for run in planned)
    measured = {model(of) for of in done if of[1] == FLOAT.text}
    spare = Counter(_seedless(of) for of in done if of not in keys and model(of) in measured)
    found = {of for of in keys if of in done}
    for of in keys:
        if of not in found and spare[_seedless(of)]:
            spare[_seedless(of)] -= 1
            found.add(of)
    return found


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


def _seedless(of: Key) -> Key:
    dataset, form, split_seed, query_bits, model = of
    return dataset, form, split_seed, query_bits, model.model_copy(update={"seed": 0})


def _done(runs: pd.DataFrame) -> dict[Key, str | None]:
    """Return the finished runs' keys → the machine of each."""
    done = runs[runs["state"] == "done"]
    specs = (RunSpec.model_validate_json(spec) for spec in done["spec"])
    return {key(spec, form): name for spec, form, name in zip(specs, done["form"], done["hardware"], strict=True)}
