"""Which width, and for which users: sentences on bits and bytes an item, on float32 users, and on an item's scale."""

from collections.abc import Mapping
from functools import partial

from engine.study.figures import Figure, Study, Timed, sure
from engine.study.forms import FLOAT
from engine.study.table import LINES
from engine.study.words import Said, ahead, ends, gained, joined, leader, places, points, shares, span, verdict, where

SAFE, NEAR = 0.99, 0.98
SMALL = 16
"""Bytes an item, scales and codebooks included: a sixteenth of 64 dimensions of float32, a bit a dimension and more."""
WIDTHS = {bits: f"uniform {bits} bit" for bits in (8, 4, 2)}
USERS = {"float32": "float32 users", "own": "coded users"}


def safe(study: Study) -> Said | None:
    """Return the least width that keeps 99 % for certain on every data set, for float32 users and for coded ones."""
    kept = {users: {bits: _kept(study, form, users) for bits, form in WIDTHS.items()} for users in USERS}
    if not all(sure(figures) for found in kept.values() for figures in found.values()):
        return None
    told = [f"{_least(study, kept[users])} with {words}" for users, words in USERS.items()]
    least = [f"{_safest(study, kept[users])} with {words}" for users, words in USERS.items()]
    exact = study.size(study.datasets()[0], FLOAT.text)
    return Said(
        ", ".join(least),
        f"Rounded after training (`uniform`), the least width that clearly keeps {100 * SAFE:.0f} % or more on every "
        f"data set is {' and '.join(told)}{f'; float32 takes {exact:.0f} bytes' if exact else ''}.",
        {
            f"`uniform` {bits} bits keep, {words}": shares(kept[users][bits])
            for bits in WIDTHS
            for users, words in USERS.items()
        },
    )


def _least(study: Study, found: Mapping[int, Mapping[str, Figure]]) -> str:
    """Return the least width that is safe, what it keeps, and where the next one misses that: found is by bits."""
    missed = {bits: _missing(study, figures) for bits, figures in found.items()}
    certain = _certain(study, found)
    if not certain:
        widest = max(found)
        unknown = [name for name in missed[widest] if name not in found[widest]]
        lacking = f"; not measured on {places(unknown, study.datasets())}" if unknown else ""
        return f"none (at {widest} bits: {span(sure(found[widest]))}{lacking})"
    least, single = min(certain), [name for name, f in found[min(certain)].items() if f.half is None]
    told = [span(sure(found[least]))]
    told += [f"one seed on {joined(single)}"] if single else []
    told += [f"{size:.0f} bytes an item"] if (size := study.size(study.datasets()[0], WIDTHS[least])) else []
    for bits in [bits for bits in found if bits < least][:1]:
        short = [name for name in missed[bits] if name in found[bits]]
        unknown = [name for name in missed[bits] if name not in found[bits]]
        told += [f"{bits} bits miss it on {places(short, study.datasets())}"] if short else []
        told += [f"{bits} bits are not measured on {places(unknown, study.datasets())}"] if unknown else []
    return f"{least} bits ({'; '.join(told)})"


def _safest(study: Study, found: Mapping[int, Mapping[str, Figure]]) -> str:
    certain = _certain(study, found)
    return f"{min(certain)} bits" if certain else "none"


def _certain(study: Study, found: Mapping[int, Mapping[str, Figure]]) -> list[int]:
    return [bits for bits, figures in found.items() if not _missing(study, figures)]


def _missing(study: Study, found: Mapping[str, Figure]) -> list[str]:
    """Return the data sets where a width was not measured or is not clearly safe; one seed that keeps enough does not
    decide.
    """
    return [name for name in study.datasets() if name not in found or found[name].low < SAFE]


def _kept(study: Study, form: str, users: str) -> dict[str, Figure]:
    kept = {dataset: study.kept(dataset, form, users) for dataset in study.datasets()}
    return {dataset: figure for dataset, figure in kept.items() if figure is not None}


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
            gain = partial(_gain, study, dataset)
            form = leader({f: figure.mean for f, figure in there.items()}, gain)
            tied = sum(not ahead(gain(form, f)) for f in there if f != form)
            others = f"; {tied} other{'s' * (tied > 1)} not told from it" if tied else ""
            kept, size = there[form].percent(), f"{study.size(dataset, form):.0f} bytes"
            best[dataset] = (f"{_label(form)} on {dataset} ({kept}, {size}{others})", there[form])
            about[dataset] = f"{_label(form)}: {kept}, of {len(there)} forms"
    if not best:
        return None
    near, limit = [dataset for dataset, (_, figure) in best.items() if figure.low >= NEAR], f"{100 * NEAR:.0f} %"
    enough = f"clearly over {limit} on {joined(near)}" if near else f"nowhere clearly {limit}"
    shares_kept = {dataset: figure for dataset, (_, figure) in best.items()}
    return Said(
        f"at most {SMALL} bytes keep {span(shares_kept)}",
        f"Of at most {SMALL} bytes an item, scales and codebooks included, and 64 dimensions, most is kept with "
        f"float32 users by {joined([words for words, _ in best.values()])}: {enough}.",
        {f"most kept of at most {SMALL} bytes an item, float32 users": about},
    )


def _gain(study: Study, dataset: str, a: str, b: str) -> Figure | None:
    return study.gain(dataset, (a, "float32"), (b, "float32"))


def _label(form: str) -> str:
    for line in LINES:
        if form in (line.form, line.tuned):
            return line.label + (" tuned for them" if form == line.tuned else "")
    return f"`{form}`"


def symmetric(study: Study) -> Said | None:
    """Return what float32 users are worth at several widths, and what they cost a search."""
    told, figures, everywhere = [], {}, study.datasets()
    more: dict[str, dict[str, Figure]] = {}
    for name, form in {"with signs": "sign 1 bit", "at 2 bits": WIDTHS[2], "at 4 bits": WIDTHS[4]}.items():
        if gains := study.gains((form, "float32"), (form, "own")):
            takes = _takes(study, form)
            more[name] = gains
            which = verdict(gains, everywhere, "keeps more", "keeps less")
            told.append(f"{name} it {which} ({points(gains)}{_price(takes)})")
            figures[f"float32 users over coded ones {name}, points"] = gained(gains)
            figures[f"time of a search with float32 users over coded ones {name}"] = {
                dataset: f"{ratio.text()}×" for dataset, ratio in takes.items()
            }
    if not told:
        return None
    return Said(
        f"float32 users keep more {where(more, everywhere)}",
        f"Searching for float32 users instead of coded ones takes no catalogue memory: {', '.join(told)}.",
        figures,
    )


def _takes(study: Study, form: str) -> dict[str, Timed]:
    """Return how many times as long a search takes with float32 users as with coded ones."""
    found = {dataset: study.speedup(dataset, form, "own", other=form) for dataset in study.datasets()}
    return {dataset: ratio for dataset, ratio in found.items() if ratio}


def _price(takes: Mapping[str, Timed]) -> str:
    if not takes:
        return ""
    least_most = " to ".join(dict.fromkeys(takes[name].text() for name in ends(takes)))
    return f"; a search takes {least_most} times as long"


def scale(study: Study) -> Said | None:
    """Return what an item's scale is worth with signs that are rounded, and with those that were learnt without it."""
    pairs = {"sign": ("sign 1 bit", "sign 1 bit, scale=none"), "hashgnn": ("hashgnn 1 bit, scale=row", "hashgnn 1 bit")}
    gains = {
        name: study.gains((with_scale, "float32"), (without, "float32"))
        for name, (with_scale, without) in pairs.items()
    }
    if not gains["sign"]:
        return None
    learnt = f"; `hashgnn`, learnt without one, {points(gains['hashgnn'])}" if gains["hashgnn"] else ""
    return Said(
        f"{points(gains['sign'])} with signs",
        f"With a scale of two bytes an item signs rounded after training (`sign`) keep {points(gains['sign'])} more "
        f"with float32 users{learnt}.",
        {f"a scale an item over none, `{name}`, float32 users, points": gained(g) for name, g in gains.items() if g},
    )
