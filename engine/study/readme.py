"""The study's part of README.md, between two marks, and its pictures: written from the shipped rows, never by hand."""

from collections import Counter
from pathlib import Path

import pandas as pd

from engine.errors import FewbitsError
from engine.store import reference
from engine.study import claims, coverage, dimensions, findings, picture, table
from engine.study.figures import DOUBT, Study
from engine.study.words import TERMS

BEGIN = "<!-- study: written by `python -m engine study readme` from runs/reference; do not change it by hand -->"
END = "<!-- /study -->"
BEFORE = "\n## Principles\n"
"""Where the section goes at first."""
HOW = (
    "Share of float32's recall@20 that is kept, with the same model and seed: the mean over seeds and the 95 % "
    f"interval of that mean (Student's t; one seed has none). {TERMS} *Float32 users* are searched as they are, *coded "
    "users* in the items' own form. Sizes hold scales and codebooks, which weigh more in small catalogues. p50 is the "
    "median over seeds of the median of single searches on one thread; *times float32* and *times faiss* say how many "
    "times as fast that is as our float32 index and as faiss's index of that format (the median over seeds of each "
    "seed's own ratio), for float32 users / for coded users; of signs that is faiss's RaBitQ / its binary index. "
    "*64 × 8* is 64 subspaces of 8 bits each, *16 × 8/4* fewer bits for rare items. Times are of "
    "one machine for each model and data set, the one with most of its points, so that fewer seeds may count than for "
    f"what is kept. A dash: there is none, or it is not measured, or not timed on that machine. {DOUBT}"
)


def section(folder: Path) -> str:
    """Return the section of the rows in a folder, marks included; FewbitsError where none are there."""
    if not reference.there(folder):
        raise FewbitsError(f"no rows in {folder}: `python -m engine study collect` writes them")
    study, runs = Study(reference.points(folder)), reference.runs(folder)
    parts = [BEGIN, "## The reference study", "", _about(folder, runs), "", HOW, ""]
    if said := findings.findings(study):
        parts += ["### What follows", "", *findings.markdown(said), ""]
    for dataset in study.datasets():
        alt = f"Share of float32's recall@20 kept on {dataset}, by bytes an item"
        if _drawn(study, dataset):
            about = " ".join([table.exact(study, dataset), table.timed(study, dataset)])
            parts += [f"### {dataset}", "", about, "", f"![{alt}](runs/reference/{dataset}.svg)", "",
                      *table.markdown(study, dataset), ""]  # fmt: skip
    if spent := dimensions.markdown(study):
        parts += ["### Fewer dimensions or fewer bits", "", dimensions.HOW, "", *spent, ""]
    if answered := claims.markdown(study):
        parts += ["### What the papers say", "", f"{claims.PROTOCOL} {claims.HOW} {claims.UNTUNED}", "", *answered, ""]
    parts += ["### How much of the study has been run", "", coverage.HOW, "", *coverage.markdown(runs), ""]
    parts += _failures(runs)
    return "\n".join([*parts, END])


def pictures(folder: Path) -> dict[str, str]:
    """Return the file name and the text of each data set's picture."""
    study = Study(reference.points(folder))
    found = {name: _drawn(study, name) for name in study.datasets()}
    return {f"{name}.svg": picture.svg(name, rows) for name, rows in found.items() if rows}


def _drawn(study: Study, dataset: str) -> list[table.Row]:
    """Return the rows of a data set's table and picture; [] where none says what is kept: float32 was not run."""
    rows = table.rows(study, dataset)
    return rows if any(figure for row in rows for figure in row.kept) else []


def placed(text: str, content: str) -> str:
    """Return README's text with the section in its place."""
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        return before + content + rest.partition(END)[2]
    if BEFORE not in text:
        raise FewbitsError(f"README.md has neither the study's mark nor {BEFORE.strip()!r}: put {BEGIN!r} into it")
    return text.replace(BEFORE, f"\n{content}\n{BEFORE}", 1)


def found(text: str) -> str | None:
    """Return the section that a README has, marks included; None where it has none."""
    if BEGIN not in text or END not in text:
        return None
    return BEGIN + text.partition(BEGIN)[2].partition(END)[0] + END


def _about(folder: Path, runs: pd.DataFrame) -> str:
    done, rows = runs[runs["state"] == "done"], reference.rows(folder)
    if done.empty:
        return f"None of its {len(runs):,} runs is finished."
    commits = sorted(str(name) for name in rows["commit"].dropna().unique())
    first, last = done["finished"].min(), done["finished"].max()
    when = f"{first:%Y-%m-%d}" if f"{first:%F}" == f"{last:%F}" else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    made = f" (commit {commits[0]})" if len(commits) == 1 else ""
    each = f" Each names its commit, one of {len(commits)}, and its versions." if len(commits) > 1 else ""
    return (
        f"`python -m engine study reference` ran {len(done):,} runs on {done['dataset'].nunique()} data sets, measured "
        f"on {coverage.machines(done)}, {when}{made}. Their rows are shipped in `runs/reference`, and the dashboard "
        f"opens with them.{each} [How much of the study that is](#how-much-of-the-study-has-been-run) stands below: a "
        "sentence on a data set follows from what was run there."
    )


def _failures(runs: pd.DataFrame) -> list[str]:
    failed = runs[runs["state"] != "done"]
    if failed.empty:
        return []
    reasons = Counter(zip(failed["dataset"], failed["form"], failed["error"], strict=True))
    return ["### Missing, because they failed", "",
            *(f"- {dataset}, `{form}`, {n} run{'s' * (n > 1)}: {error}" for (dataset, form, error), n in
              sorted(reasons.items(), key=str)), ""]  # fmt: skip
