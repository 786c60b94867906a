"""At most ten sentences that follow from the study's rows: each is made of figures computed here, words included.

A sentence whose rows are not there is left out. Shares kept are of float32's recall@20 with the same model and seed.
Of several data sets a sentence tells the least and the most; its figures on all of them stand beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.study import claims, dimensions, tuned, widths
from engine.study.figures import Study, sure
from engine.study.forms import FLOAT
from engine.study.plan import in_order
from engine.study.words import Said, cells, span, verdict

HOW = (
    "Each sentence's figures on all data sets, by its number; the papers' headlines have a table of their own. A "
    "dash: not measured, or of one seed alone."
)
SIGNS = ("sign 1 bit", "float32")


@dataclass(frozen=True)
class Finding:
    """One sentence, what it is about, and its figures: what they are → data set → figure."""

    title: str
    sentence: str
    figures: Mapping[str, Mapping[str, str]]


def findings(study: Study) -> list[Finding]:
    """Return what follows from the study's rows, in the order in which people ask."""
    found = ((title, sentence(study)) for title, sentence in SENTENCES)
    return [Finding(title, said.sentence, said.figures) for title, said in found if said]


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
    lines = [f"{number}. **{finding.title}.** {finding.sentence}" for number, finding in enumerate(found, 1)]
    table = [head, ["---:", "---", *["---"] * (len(head) - 2)], *rows]
    return [*lines, "", HOW, "", *("| " + " | ".join(row) + " |" for row in table)]


def _tail(study: Study) -> Said | None:
    parts = {"tail": "recall_tail@20", "head": "recall_head@20"}
    lost = {name: sure({d: study.share(d, *SIGNS, part) for d in study.datasets()}) for name, part in parts.items()}
    gaps = sure({d: study.share_gap(d, *SIGNS, parts["head"], parts["tail"]) for d in study.datasets()})
    if not gaps:
        return None
    more, less = "the tail loses more than the most popular tenth of the items", "the most popular tenth loses more"
    which = verdict(gaps, more, less, "neither the tail nor the most popular tenth of the items is seen to lose more")
    return Said(
        f"With signs {which}: the tail's recall keeps {span(lost['tail'])}, the head's {span(lost['head'])}.",
        {f"signs keep of the {name}'s recall, float32 users": cells(there) for name, there in lost.items()},
    )


def _speed(study: Study) -> Said | None:
    four_bits, flat = "uniform 4 bit", "peer 32 bit, index=flat"
    four, one = (_speedups(study, form) for form in (four_bits, "sign 1 bit"))
    if not four or not one:
        return None
    faiss = _speedups(study, four_bits, flat)
    beside = f"; at 4 bits it is {_times(faiss)} as fast as faiss's with float32" if faiss else ""
    return Said(
        f"With users coded alike, a search is {_times(four)} as fast as with float32 at 4 bits, and {_times(one)} with "
        f"signs{beside}.",
        {
            "4 bits, as fast as float32": _multiples(four),
            "signs, as fast as float32": _multiples(one),
            "4 bits, as fast as faiss's float32": {
                name: f"{words}, {_seeds(study.compared(name, four_bits, 'own', flat))}"
                for name, words in _multiples(faiss).items()
            },
            "measured on": {name: str(study.hardware(name)) for name in four},
        },
    )


def _speedups(study: Study, form: str, other: str = FLOAT.text) -> dict[str, float]:
    found = {name: study.speedup(name, form, "own", other) for name in study.datasets()}
    return {name: ratio for name, ratio in found.items() if ratio}


def _times(ratios: Mapping[str, float]) -> str:
    """Return the least and the most: ``1.1 times (a) to 8.8 times (b)``."""
    ordered = sorted(ratios, key=lambda name: ratios[name])
    return " to ".join(f"{ratios[name]:.1f} times ({name})" for name in dict.fromkeys((ordered[0], ordered[-1])))


def _seeds(number: int) -> str:
    return f"{number} seed{'s' * (number != 1)}"


def _multiples(ratios: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{ratio:.1f}×" for name, ratio in ratios.items()}


SENTENCES: tuple[tuple[str, Callable[[Study], Said | None]], ...] = (
    ("Which width is safe", widths.safe), ("Below that", widths.smallest), ("Symmetric or not", widths.symmetric),
    ("What a scale an item buys", widths.scale), ("Is tuning worth it", tuned.worth),
    ("Is GSTE worth it", tuned.gste), ("Does the tail lose", _tail),
    ("Fewer dimensions or fewer bits", dimensions.sentence), ("How much faster", _speed),
    ("What the papers say", claims.sentence),
)  # fmt: skip
