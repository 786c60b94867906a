"""At most ten sentences that follow from the study's rows: each is made of figures computed here, words included.

A sentence whose rows are not there is left out. Shares kept are of float32's recall@20 with the same model and seed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.study import dimensions
from engine.study.claims import Answer, answers
from engine.study.figures import Figure, Study
from engine.study.table import LINES

SAFE, NEAR = 0.99, 0.98
SAME = 0.0005
"""A share of recall that nobody would see."""
SMALL = ("sign 1 bit", "itq 1 bit", "hqgnn 1 bit", "hqgnn 1 bit, users=float32", "hashgnn 1 bit, scale=row", "pq 8 bit",
         "opq 8 bit", "dpq 8 bit", "dpq 8 bit, users=float32")  # fmt: skip
"""Forms of 8 bytes an item and a scale at 64 dimensions, codebooks aside."""
Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Finding:
    """One sentence and what it is about."""

    title: str
    sentence: str


def findings(study: Study) -> list[Finding]:
    """Return what follows from the study's rows, in the order in which people ask."""
    said = [(title, sentence(study)) for title, sentence in SENTENCES]
    return [Finding(title, words) for title, words in said if words]


def _safe(study: Study) -> str | None:
    several = {bits: _kept(study, f"uniform {bits} bit", "own") for bits in (8, 4, 2)}
    if not all(several.values()):
        return None
    safe = [bits for bits, figures in several.items() if all(f.mean >= SAFE for f in figures.values())]
    least, rest = min(safe, default=8), [bits for bits in several if not safe or bits < min(safe)]
    if not safe:
        return f"No width keeps {100 * SAFE:.0f} % on every data set: 8 bits keep {_list(several[8])}."
    found = {dataset: study.kept(dataset, f"uniform {least} bit", "own") for dataset in study.datasets()}
    single = {dataset: f for dataset, f in found.items() if f is not None and f.half is None}
    words = (
        f"{least} bits, rounded after training, keep {100 * SAFE:.0f} % or more on every data set"
        f"{' with several seeds' * bool(single)}, users coded alike ({_list(several[least])}"
        f"{f'; one seed: {_list(single)}' if single else ''})"
    )
    return words + (f"; {rest[0]} bits keep {_list(several[rest[0]])}." if rest else ".")


def _smallest(study: Study) -> str | None:
    best = {}
    for dataset in study.datasets():
        there = _sure({form: study.kept(dataset, form, "float32") for form in SMALL})
        if len(there) > 1:
            form = max(there, key=lambda name: there[name].mean)
            best[dataset] = (form, there[form])
    if not best:
        return None
    words = ", ".join(f"{_label(form)} on {dataset} ({f.percent()})" for dataset, (form, f) in best.items())
    safe, near = [dataset for dataset, (_, f) in best.items() if f.low >= NEAR], f"{100 * NEAR:.0f} %"
    where = f"the whole interval lies above {near} on {_and(safe)}" if safe else f"nowhere is that {near} for certain"
    return f"At a bit a dimension and float32 users, most is kept by {words}; {where}."


def _tuning(study: Study) -> str | None:
    gains = _gains(study, ("hqgnn 2 bit", "own"), ("uniform 2 bit", "own"))
    if not gains:
        return None
    worth = _verdict(gains, "pays", "is not seen to pay")
    return f"Tuning the model for its codes {worth} at 2 bits: {_list(gains, sign=True)} over rounding."


def _symmetric(study: Study) -> str | None:
    four, one = (_gains(study, (form, "float32"), (form, "own")) for form in ("uniform 4 bit", "sign 1 bit"))
    if not four or not one:
        return None
    first, second = _verdict(one, "pays", "is not seen to pay"), _verdict(four, "still pays", "hardly matters")
    return (
        f"Keeping users at float32, which takes no catalogue memory, {first} for signs ({_list(one, sign=True)} of "
        f"recall kept) and {second} at 4 bits ({_list(four, sign=True)})."
    )


def _scale(study: Study) -> str | None:
    gains = _gains(study, ("sign 1 bit", "float32"), ("sign 1 bit, scale=none", "float32"))
    if not gains:
        return None
    return f"Two bytes of scale an item give signs {_list(gains, sign=True)} of recall kept, with float32 users."


def _gste(study: Study) -> str | None:
    plain, ste = ("hqgnn {} bit, distill=0.0 " + more + "loss=bpr tune=graph" for more in ("", "estimator=ste "))
    gains = {b: _gains(study, (plain.format(b), "own"), (ste.format(b), "own")) for b in (1, 2)}
    if not all(gains.values()):
        return None
    both = {f"{bits} bit{'s' * (bits > 1)}, {dataset}": f for bits in gains for dataset, f in gains[bits].items()}
    if all(f.low > -SAME and f.high < SAME for f in both.values()):
        return (
            f"HQ-GNN's GSTE and plain STE, tuned as published, differ by less than {100 * SAME:.2f} % of recall kept "
            f"({_and(list(both))}): these runs cannot tell them apart."
        )
    worth = _verdict(both, "beats plain STE", "is not seen to beat plain STE")
    return f"HQ-GNN's GSTE, tuned as published, {worth}: {_list(both, sign=True)} of recall kept."


def _tail(study: Study) -> str | None:
    lost = {
        part: _sure({d: study.share(d, "sign 1 bit", "float32", f"recall_{part}@20") for d in study.datasets()})
        for part in ("head", "tail")
    }
    if not lost["tail"] or lost["tail"].keys() != lost["head"].keys():
        return None
    worse = [d for d in lost["tail"] if lost["tail"][d].high < lost["head"][d].low]
    which = "everywhere" if len(worse) == len(lost["tail"]) else f"on {_and(worse)}" if worse else "nowhere for certain"
    return (
        f"With signs the tail loses more than the most popular tenth of the items {which}: its recall keeps "
        f"{_list(lost['tail'])}, the head's {_list(lost['head'])}."
    )


def _dimensions(study: Study) -> str | None:
    words = []
    for size in dimensions.SIZES:
        told = []
        for dataset in study.datasets():
            ways = dimensions.spent(study, dataset, size)
            if set(ways) == set(dimensions.ways(size)) and all(figure.half is not None for figure in ways.values()):
                best = dimensions.best(ways)
                names = " or ".join(f"{dim} × {bits}" for dim, bits in best)
                which = "any" if len(best) == len(ways) else names
                told.append(f"{which} on {dataset} ({ways[best[0]].value()})")
        words += [f"{size} bytes an item, from {_and(told)}"] if told else []
    if not words:
        return None
    return (
        "Of as many bytes, spent on dimensions × bits, most recall@20 with float32 users comes (“or”, “any”: cannot be "
        f"told apart) with {'; with '.join(words)}."
    )


def _speed(study: Study) -> str | None:
    words = []
    for dataset in study.datasets():
        four, one = (study.speedup(dataset, form, "own") for form in ("uniform 4 bit", "sign 1 bit"))
        faiss = study.speedup(dataset, "uniform 4 bit", "own", "peer 32 bit, index=flat")
        if four and one:
            beside = f" (4 bits: {faiss:.1f} times faiss's float32)" if faiss else ""
            words.append(f"{four:.1f} and {one:.1f} on {dataset}{beside}")
    opening = "A search is so many times faster than with float32 at 4 bits and with signs"
    return f"{opening}: {_and(words)}." if words else None


def _headlines(study: Study) -> str | None:
    found = [answer for answer in answers(study) if answer.holds is not None and answer.kept.half is not None]
    if not found:
        return None
    held, missed = ([a for a in found if a.holds is holds] for holds in (True, False))
    words = f"{len(held)} of {len(found)} tests of papers' headlines, each on one data set, passed"
    words += f": {_by_claim(held, lambda a: f'{a.dataset} {a.kept.percent()} kept')}" if held else ""
    return words + (f"; what misses: {_by_claim(missed, _told)}." if missed else ".")


def _by_claim(found: list[Answer], told: Callable[[Answer], str]) -> str:
    """Return the headlines with their tests, and what is told of each on its data sets."""
    claims = dict.fromkeys(a.claim for a in found)
    several = ((c, ", ".join(told(a) for a in found if a.claim == c)) for c in claims)
    return "; ".join(f"{c.name} ({c.test}), {words}" for c, words in several)


def _told(answer: Answer) -> str:
    """Return the figures that miss a claim's test on a data set."""
    return f"{answer.dataset} {_and(answer.missed)}"


SENTENCES: tuple[tuple[str, Callable[[Study], str | None]], ...] = (
    ("Which width is safe", _safe), ("Below that", _smallest), ("Symmetric or not", _symmetric),
    ("What a scale an item buys", _scale), ("Is tuning worth it", _tuning), ("Is GSTE worth it", _gste),
    ("Does the tail lose", _tail), ("Fewer dimensions or fewer bits", _dimensions), ("How much faster", _speed),
    ("What the papers say", _headlines),
)  # fmt: skip


def _kept(study: Study, form: str, users: str) -> dict[str, Figure]:
    """Return what a form keeps on each data set where it was measured."""
    return _sure({dataset: study.kept(dataset, form, users) for dataset in study.datasets()})


def _gains(study: Study, a: tuple[str, str], b: tuple[str, str]) -> dict[str, Figure]:
    """Return how much more a keeps than b, each (form, users), on each data set where both were measured."""
    return _sure({dataset: study.gain(dataset, a, b) for dataset in study.datasets()})


def _sure(figures: Mapping[str, Figure | None]) -> dict[str, Figure]:
    """Return the figures that have an interval: of one seed nothing follows."""
    return {name: f for name, f in figures.items() if f is not None and f.half is not None}


def _verdict(figures: Figures, yes: str, no: str) -> str:
    """Return which of two the intervals bear out: all above 0, some (with their names), or none."""
    above = [name for name, f in figures.items() if f.low > 0]
    if not above:
        return no
    return yes if len(above) == len(figures) else f"{yes} (for certain on {_and(above)} alone)"


def _list(figures: Figures, sign: bool = False) -> str:
    return ", ".join(f"{name} {f.percent(sign)}" for name, f in figures.items())


def _label(form: str) -> str:
    for line in LINES:
        if form in (line.form, line.tuned):
            return line.label + (" tuned for them" if form == line.tuned else "")
    return f"`{form}`"


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}" if words else ""
