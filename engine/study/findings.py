"""At most ten sentences that follow from the study's rows: each is made of figures computed here, words included.

A sentence whose rows are not there is left out. Shares kept are of float32's recall@20 with the same model and seed.
Of several data sets a sentence tells the least and the most; its figures on all of them stand beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.study import claims, dimensions, tuned, widths
from engine.study.figures import Study, Timed, sure
from engine.study.forms import FLOAT
from engine.study.plan import in_order
from engine.study.words import Said, ends, gained, places, points, shares, span, verdict

HOW = (
    "Each sentence's figures on all data sets, by its number; the papers' headlines have a table of their own. A "
    "dash: not measured, or of one seed where an interval decides."
)
SIGNS = ("sign 1 bit", "float32")
FOUR, SQ4 = "uniform 4 bit", "peer 32 bit, index=sq4"
TIMED = (
    ("8 bits, coded users", "uniform 8 bit", "own"), ("4 bits, coded users", FOUR, "own"),
    ("4 bits, float32 users", FOUR, "float32"), ("signs, coded users", "sign 1 bit", "own"),
)  # fmt: skip
"""What is timed: in words, its form and how users are searched."""


@dataclass(frozen=True)
class Finding:
    """One sentence, what it is about, its answer in a few words, and its figures: what they are → data set → figure."""

    title: str
    answer: str
    sentence: str
    figures: Mapping[str, Mapping[str, str]]


def findings(study: Study) -> list[Finding]:
    """Return what follows from the study's rows, in the order in which people ask."""
    found = ((title, sentence(study)) for title, sentence in SENTENCES)
    return [Finding(title, said.answer, said.sentence, said.figures) for title, said in found if said]


def figures(found: Sequence[Finding]) -> tuple[list[str], Iterator[list[str]]]:
    """Return the head and the rows of the table of all figures: the sentence's number, what they are, data sets."""
    names = in_order({name for finding in found for there in finding.figures.values() for name in there})
    rows = (
        [str(number), what, *(there.get(name, "–") for name in names)]
        for number, finding in enumerate(found, 1)
        for what, there in finding.figures.items()
        if there
    )
    return ["no.", "figure", *names], rows


def markdown(found: Sequence[Finding]) -> list[str]:
    """Return the sentences and the table of their figures in Markdown."""
    head, rows = figures(found)
    lines = [f"{number}. **{f.title}: {f.answer}.** {f.sentence}" for number, f in enumerate(found, 1)]
    table = [head, ["---:", "---", *["---"] * (len(head) - 2)], *rows]
    return [*lines, "", HOW, "", *("| " + " | ".join(row) + " |" for row in table)]


def _tail(study: Study) -> Said | None:
    parts = {"tail": "recall_tail@20", "head": "recall_head@20"}
    kept = {name: sure({d: study.share(d, *SIGNS, part) for d in study.datasets()}) for name, part in parts.items()}
    gaps = sure({d: study.share_gap(d, *SIGNS, parts["tail"], parts["head"]) for d in study.datasets()})
    if not gaps:
        return None
    which = verdict(gaps, study.datasets(), "keeps more", "keeps less")
    lost = {"more": [n for n, f in gaps.items() if f.high < 0], "less": [n for n, f in gaps.items() if f.low > 0]}
    told = [f"{which} than the head on {places(names, study.datasets())}" for which, names in lost.items() if names]
    return Said(
        ", ".join(told) or "undecided",
        "With signs and float32 users, the tail (all but the most popular tenth of the items) keeps "
        f"{span(kept['tail'])} of its recall; beside the head it {which} ({points(gaps)}).",
        {
            **{f"signs keep of the {name}'s recall, float32 users": shares(there) for name, there in kept.items()},
            "tail over head, points": gained(gaps),
        },
    )


def _speed(study: Study) -> Said | None:
    found = {words: _speedups(study, form, users) for words, form, users in TIMED}
    if not found["4 bits, coded users"]:
        return None
    told = [f"{words}: {_least_most(ratios)}" for words, ratios in found.items() if ratios]
    faiss = _speedups(study, FOUR, "own", SQ4)
    beside = f"; our 4 bits, coded users, beside faiss's 4 bits: {_least_most(faiss)}" if faiss else ""
    machines = {name: str(study.hardware(name)) for name in found["4 bits, coded users"]}
    differ = ", on machines and catalogues that differ" if len(set(machines.values())) > 1 else ""
    return Said(
        f"4 bits, coded users, {_least_most(found['4 bits, coded users'])} times",
        f"Times as fast as our float32 index{differ}; {'; '.join(told)}{beside}.",
        {
            **{f"{words}, times as fast as float32": _times(ratios) for words, ratios in found.items()},
            "4 bits, coded users, times as fast as faiss's 4 bits": {
                name: f"{words}, {_seeds(faiss[name].seeds)}" for name, words in _times(faiss).items()
            },
            "measured on": machines,
        },
    )


def _speedups(study: Study, form: str, users: str, other: str = FLOAT.text) -> dict[str, Timed]:
    found = {name: study.speedup(name, form, users, other) for name in study.datasets()}
    return {name: ratio for name, ratio in found.items() if ratio}


def _least_most(ratios: Mapping[str, Timed]) -> str:
    """Return the least and the most: ``1.1 (a) to 8.8 (b)``."""
    return " to ".join(f"{ratios[name].text()} ({name})" for name in ends(ratios))


def _times(ratios: Mapping[str, Timed]) -> dict[str, str]:
    return {name: f"{ratio.text()}×" for name, ratio in ratios.items()}


def _seeds(number: int) -> str:
    return f"{number} seed{'s' * (number != 1)}"


SENTENCES: tuple[tuple[str, Callable[[Study], Said | None]], ...] = (
    ("Which width is safe", widths.safe), ("Below that", widths.smallest), ("Symmetric or not", widths.symmetric),
    ("What a scale an item buys", widths.scale), ("Is tuning worth it", tuned.worth),
    ("Is GSTE worth it", tuned.gste), ("Does the tail lose", _tail),
    ("Fewer dimensions or fewer bits", dimensions.sentence), ("How much faster", _speed),
    ("What the papers say", claims.sentence),
)  # fmt: skip
