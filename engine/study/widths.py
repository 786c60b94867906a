"""Which width, and for which users: sentences on bits and bytes an item, on float32 users, and on an item's scale."""

from engine.study.figures import Figure, Study, sure
from engine.study.forms import FLOAT
from engine.study.table import LINES
from engine.study.words import Figures, Said, ahead, cells, joined, span, verdict

SAFE, NEAR = 0.99, 0.98
SMALL = 16
"""Bytes an item, scales and codebooks included: a sixteenth of 64 dimensions of float32, a bit a dimension and more."""
WIDTHS = {bits: f"uniform {bits} bit" for bits in (8, 4, 2)}


def safe(study: Study) -> Said | None:
    """Return the least width that keeps 99 % for certain on every data set, and what the next one keeps."""
    found = {bits: _kept(study, form) for bits, form in WIDTHS.items()}
    several = {bits: sure(figures) for bits, figures in found.items()}
    if not all(several.values()):
        return None
    everywhere = [bits for bits, figures in found.items() if len(figures) == len(study.datasets())]
    certain = [bits for bits in everywhere if all(f.low >= SAFE for f in several[bits].values())]
    figures = {f"{bits} bits keep, users coded alike": cells(there) for bits, there in found.items()}
    if not certain:
        return Said(
            f"No width is seen to keep {100 * SAFE:.0f} % on every data set: 8 bits keep {span(several[8])}.", figures
        )
    least, rest = min(certain), [bits for bits in found if bits < min(certain)]
    after = f"; {rest[0]} bits keep {span(several[rest[0]])}{_bytes(study, rest[0])}" if rest else ""
    single = {dataset: f for dataset, f in found[least].items() if f.half is None}
    return Said(
        f"{least} bits, rounded after training, keep {100 * SAFE:.0f} % or more for certain on every data set"
        f"{' with several seeds' * bool(single)}, users coded alike ({span(several[least])}"
        f"{f'; one seed: {span(single)}' if single else ''}){_bytes(study, least)}{after}.",
        figures,
    )


def _kept(study: Study, form: str) -> dict[str, Figure]:
    kept = {dataset: study.kept(dataset, form, "own") for dataset in study.datasets()}
    return {dataset: figure for dataset, figure in kept.items() if figure is not None}


def _bytes(study: Study, bits: int) -> str:
    """Return what a width takes of float32's bytes, where it is the same on every data set: it has no codebooks."""
    pairs = [[study.size(d, form) for form in (WIDTHS[bits], FLOAT.text)] for d in study.datasets()]
    sizes = {(f"{own:.0f}", f"{exact:.0f}") for own, exact in pairs if own and exact}
    return ", in {} bytes an item of {}".format(*sizes.pop()) if len(sizes) == 1 else ""


def smallest(study: Study) -> Said | None:
    """Return which form of few bytes keeps most on each data set."""
    forms = [form for line in LINES for form in (line.form, line.tuned) if form]
    best: dict[str, tuple[str, Figure]] = {}
    about: dict[str, str] = {}
    for dataset in study.datasets():
        there = sure(
            {f: study.kept(dataset, f, "float32") for f in forms if (study.size(dataset, f) or SMALL + 1) <= SMALL}
        )
        if len(there) > 1:
            form = max(there, key=lambda name: there[name].mean)
            gains = [study.gain(dataset, (form, "float32"), (f, "float32")) for f in there if f != form]
            tied = sum(not ahead(gain) for gain in gains)
            best[dataset] = (_label(form), there[form])
            about[dataset] = f"{_label(form)}: {there[form].percent()}, {study.size(dataset, form):.0f} bytes"
            about[dataset] += f", {tied} other{'s' * (tied > 1)} not told from it" if tied else ""
    if not best:
        return None
    near, limit = [dataset for dataset, (_, figure) in best.items() if figure.low >= NEAR], f"{100 * NEAR:.0f} %"
    where = f"for certain over {limit} on {joined(near)}" if near else f"nowhere {limit} for certain"
    told = [f"{label} on {dataset} ({figure.percent()})" for dataset, (label, figure) in best.items()]
    return Said(
        f"Of at most {SMALL} bytes an item, scales and codebooks included, which is a bit for each of 64 dimensions "
        f"and little more, most is kept with float32 users by {joined(told)}: {where}.",
        {f"most kept of at most {SMALL} bytes an item, float32 users": about},
    )


def _label(form: str) -> str:
    for line in LINES:
        if form in (line.form, line.tuned):
            return line.label + (" tuned for them" if form == line.tuned else "")
    return f"`{form}`"


def symmetric(study: Study) -> Said | None:
    """Return what float32 users are worth, for signs and at 4 bits, and what they cost a search."""
    forms = {"signs": "sign 1 bit", "4 bits": WIDTHS[4]}
    gains = {name: study.gains((form, "float32"), (form, "own")) for name, form in forms.items()}
    one, four = gains.values()
    if not four or not one:
        return None
    first, second = (verdict(found, "pays", "costs", "is not seen to pay or to cost") for found in (one, four))
    return Said(
        f"Keeping users at float32, which takes no catalogue memory, {first} for signs (recall kept: "
        f"{span(one, sign=True)}) and {second} at 4 bits ({span(four, sign=True)}){_price(study)}.",
        {f"float32 users over coded ones, {name}": cells(found, sign=True) for name, found in gains.items()},
    )


def _price(study: Study) -> str:
    """Return what float32 users cost a search of signs."""
    times = [[study.p50(d, "sign 1 bit", users) for users in ("float32", "own")] for d in study.datasets()]
    ratios = [exact / own for exact, own in times if exact and own]
    if not ratios:
        return ""
    ends = " to ".join(dict.fromkeys(f"{ratio:.1f}" for ratio in (min(ratios), max(ratios))))
    return f"; a search of signs then takes {ends} times as long"


def scale(study: Study) -> Said | None:
    """Return what an item's scale is worth with signs."""
    gains: Figures = study.gains(("sign 1 bit", "float32"), ("sign 1 bit, scale=none", "float32"))
    if not gains:
        return None
    return Said(
        f"Two bytes of scale an item give signs {span(gains, sign=True)} of recall kept, with float32 users.",
        {"a scale an item over none, signs, float32 users": cells(gains, sign=True)},
    )
