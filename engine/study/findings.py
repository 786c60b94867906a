"""At most ten sentences that follow from the study's rows: each is made of figures computed here, words included.

A sentence whose rows are not there is left out. Shares kept are of float32's recall@20 with the same model and seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.study import dimensions, tuned
from engine.study.claims import Answer, answers
from engine.study.figures import Figure, Study, sure
from engine.study.forms import FLOAT
from engine.study.table import LINES
from engine.study.words import ahead, joined, listed, verdict

SAFE, NEAR = 0.99, 0.98
SMALL = 16
"""Bytes an item, scales and codebooks included: a sixteenth of 64 dimensions of float32, a bit a dimension and more."""


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
    everywhere = [
        bits for bits in several if all(study.kept(d, f"uniform {bits} bit", "own") for d in study.datasets())
    ]
    safe = [bits for bits in everywhere if all(f.low >= SAFE for f in several[bits].values())]
    if not safe:
        return f"No width is seen to keep {100 * SAFE:.0f} % on every data set: 8 bits keep {listed(several[8])}."
    least, rest = min(safe), [bits for bits in several if bits < min(safe)]
    after = f"; {rest[0]} bits keep {listed(several[rest[0]])}{_bytes(study, rest[0])}" if rest else ""
    found = {dataset: study.kept(dataset, f"uniform {least} bit", "own") for dataset in study.datasets()}
    single = {dataset: f for dataset, f in found.items() if f is not None and f.half is None}
    return (
        f"{least} bits, rounded after training, keep {100 * SAFE:.0f} % or more for certain on every data set"
        f"{' with several seeds' * bool(single)}, users coded alike ({listed(several[least])}"
        f"{f'; one seed: {listed(single)}' if single else ''}){_bytes(study, least)}{after}."
    )


def _bytes(study: Study, bits: int) -> str:
    """Return what a width takes of float32's bytes, where it is the same on every data set: it has no codebooks."""
    pairs = [[study.size(d, form) for form in (f"uniform {bits} bit", FLOAT.text)] for d in study.datasets()]
    sizes = {(f"{own:.0f}", f"{exact:.0f}") for own, exact in pairs if own and exact}
    return ", in {} bytes an item of {}".format(*sizes.pop()) if len(sizes) == 1 else ""


def _smallest(study: Study) -> str | None:
    best: dict[str, tuple[str, Figure]] = {}
    for dataset in study.datasets():
        forms = [form for line in LINES for form in (line.form, line.tuned) if form]
        there = sure(
            {f: study.kept(dataset, f, "float32") for f in forms if (study.size(dataset, f) or SMALL + 1) <= SMALL}
        )
        if len(there) > 1:
            form = max(there, key=lambda name: there[name].mean)
            gains = [study.gain(dataset, (form, "float32"), (f, "float32")) for f in there if f != form]
            tied = sum(not ahead(gain) for gain in gains)
            size = f"{study.size(dataset, form):.0f} bytes"
            others = f", {tied} other{'s' * (tied > 1)} not told from it" if tied else ""
            best[dataset] = (f"{_label(form)} on {dataset} ({there[form].percent()}, {size}{others})", there[form])
    if not best:
        return None
    near, limit = [dataset for dataset, (_, figure) in best.items() if figure.low >= NEAR], f"{100 * NEAR:.0f} %"
    where = f"for certain over {limit} on {joined(near)}" if near else f"nowhere {limit} for certain"
    return (
        f"Of at most {SMALL} bytes an item, scales and codebooks included, which is a bit for each of 64 dimensions "
        f"and little more, most is kept with float32 users by {joined([words for words, _ in best.values()])}: {where}."
    )


def _symmetric(study: Study) -> str | None:
    four, one = (study.gains((form, "float32"), (form, "own")) for form in ("uniform 4 bit", "sign 1 bit"))
    if not four or not one:
        return None
    first, second = (verdict(gains, "pays", "costs", "is not seen to pay or to cost") for gains in (one, four))
    return (
        f"Keeping users at float32, which takes no catalogue memory, {first} for signs ({listed(one, sign=True)} of "
        f"recall kept) and {second} at 4 bits ({listed(four, sign=True)}){_price(study)}."
    )


def _price(study: Study) -> str:
    """Return what float32 users cost a search of signs."""
    times = [[study.p50(d, "sign 1 bit", users) for users in ("float32", "own")] for d in study.datasets()]
    ratios = [exact / own for exact, own in times if exact and own]
    if not ratios:
        return ""
    span = " to ".join(dict.fromkeys(f"{ratio:.1f}" for ratio in (min(ratios), max(ratios))))
    return f"; a search of signs then takes {span} times as long"


def _scale(study: Study) -> str | None:
    gains = study.gains(("sign 1 bit", "float32"), ("sign 1 bit, scale=none", "float32"))
    if not gains:
        return None
    return f"Two bytes of scale an item give signs {listed(gains, sign=True)} of recall kept, with float32 users."


def _tail(study: Study) -> str | None:
    parts = [f"recall_{part}@20" for part in ("tail", "head")]
    lost = [sure({d: study.share(d, "sign 1 bit", "float32", part) for d in study.datasets()}) for part in parts]
    gaps = sure({d: study.share_gap(d, "sign 1 bit", "float32", *reversed(parts)) for d in study.datasets()})
    if not gaps:
        return None
    more, less = "the tail loses more than the most popular tenth of the items", "the most popular tenth loses more"
    which = verdict(gaps, more, less, "neither the tail nor the most popular tenth of the items is seen to lose more")
    return f"With signs {which}: the tail's recall keeps {listed(lost[0])}, the head's {listed(lost[1])}."


def _dimensions(study: Study) -> str | None:
    words = []
    for size in dimensions.SIZES:
        told = []
        for dataset in study.datasets():
            ways = dimensions.spent(study, dataset, size)
            if set(ways) == set(dimensions.ways(size)) and all(figure.half is not None for figure in ways.values()):
                best = dimensions.best(study, dataset, ways)
                names = " or ".join(f"{dim} × {bits}" for dim, bits in best)
                which = "any" if len(best) == len(ways) else names
                told.append(f"{which} on {dataset} ({ways[best[0]].value()})")
        words += [f"{size} bytes an item, from {joined(told)}"] if told else []
    if not words:
        return None
    return (
        "Of as many bytes, spent on dimensions × bits, most recall@20 with float32 users comes (“or”, “any”: not told "
        f"apart by these seeds) with {'; with '.join(words)}."
    )


def _speed(study: Study) -> str | None:
    words: dict[str | None, list[str]] = {}
    for dataset in study.datasets():
        four, one = (study.speedup(dataset, form, "own") for form in ("uniform 4 bit", "sign 1 bit"))
        if four and one:
            beside = _faiss(study, dataset)
            words.setdefault(study.hardware(dataset), []).append(f"{four:.1f} and {one:.1f} on {dataset}{beside}")
    told = [f"{joined(there)}, measured on {machine}" for machine, there in words.items()]
    opening = "With users coded alike, a search is so many times faster than with float32 at 4 bits and with signs"
    return f"{opening}: {'; '.join(told)}." if told else None


def _faiss(study: Study, dataset: str) -> str:
    which = (dataset, "uniform 4 bit", "own", "peer 32 bit, index=flat")
    ratio, seeds = study.speedup(*which), study.compared(*which)
    of = f", {seeds} seed{'s' * (seeds > 1)}"
    return f" (4 bits: {ratio:.1f} times faiss's float32{of})" if ratio else ""


def _headlines(study: Study) -> str | None:
    found = [answer for answer in answers(study) if answer.holds is not None and answer.kept.half is not None]
    if not found:
        return None
    held, missed = ([a for a in found if a.holds is holds] for holds in (True, False))
    words = f"{len(held)} of {len(found)} tests of papers' headlines, each on one data set, passed"
    words += f": {_by_claim(held, lambda a: f'{a.dataset} {a.kept.percent()} kept{_unsure(a)}')}" if held else ""
    return words + (f"; what misses: {_by_claim(missed, _told)}." if missed else ".")


def _by_claim(found: list[Answer], told: Callable[[Answer], str]) -> str:
    """Return the headlines with their tests, and what is told of each on its data sets."""
    claims = dict.fromkeys(a.claim for a in found)
    several = ((c, ", ".join(told(a) for a in found if a.claim == c)) for c in claims)
    return "; ".join(f"{c.name} ({c.test}), {words}" for c, words in several)


def _told(answer: Answer) -> str:
    """Return the figures that miss a claim's test on a data set."""
    return f"{answer.dataset} {joined(answer.missed)}{_unsure(answer)}"


def _unsure(answer: Answer) -> str:
    return " (by the mean)" * answer.verdict.endswith("by the mean")


SENTENCES: tuple[tuple[str, Callable[[Study], str | None]], ...] = (
    ("Which width is safe", _safe), ("Below that", _smallest), ("Symmetric or not", _symmetric),
    ("What a scale an item buys", _scale), ("Is tuning worth it", tuned.worth), ("Is GSTE worth it", tuned.gste),
    ("Does the tail lose", _tail), ("Fewer dimensions or fewer bits", _dimensions), ("How much faster", _speed),
    ("What the papers say", _headlines),
)  # fmt: skip


def _kept(study: Study, form: str, users: str) -> dict[str, Figure]:
    """Return what a form keeps on each data set where it was measured."""
    return sure({dataset: study.kept(dataset, form, users) for dataset in study.datasets()})


def _label(form: str) -> str:
    for line in LINES:
        if form in (line.form, line.tuned):
            return line.label + (" tuned for them" if form == line.tuned else "")
    return f"`{form}`"
