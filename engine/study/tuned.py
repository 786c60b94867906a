"""What tuning a model for its codes is worth, and tuning it with HQ-GNN's gradient: two of the study's sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.spec import Option
from engine.study.figures import AS_PUBLISHED, LIGHTGCN, Figure, Model, Study
from engine.study.forms import GSTE, HQGNN_PUBLISHED, PAPER_BPR, STE, form_text
from engine.study.words import Figures, Said, gained, places, points, verdict, where

SAME = 0.0005
"""A share of recall that nobody would see."""
ROUNDED = {1: "sign 1 bit", 2: "uniform 2 bit", 4: "uniform 4 bit"}
"""Bits → what tuning is compared with."""
PLAIN = {1: "sign 1 bit, scale=none", 2: "uniform 2 bit, scale=table"}
"""Bits → what tuning as published is compared with, of as many bytes: it has no scale an item."""


@dataclass(frozen=True)
class Way:
    """A way to tune with HQ-GNN's gradient or with the plain one, which differ in no other option."""

    words: str
    options: Mapping[str, Option]
    model: Model = LIGHTGCN

    def forms(self, bits: int) -> tuple[str, str]:
        """Return the forms with GSTE and with STE."""
        return form_text("hqgnn", bits, {**self.options, **GSTE}), form_text("hqgnn", bits, {**self.options, **STE})


WAYS = (
    Way("with our tuning", {}),
    Way("with the paper's loss", PAPER_BPR),
    Way("all as published", HQGNN_PUBLISHED, AS_PUBLISHED),
)


def worth(study: Study) -> Said | None:
    """Return whether tuning beats rounding: for coded users, for float32 ones, tuned for the latter, as published."""
    coded = {f"at {_bits(b)}": study.gains((f"hqgnn {b} bit", "own"), (ROUNDED[b], "own")) for b in ROUNDED}
    exact, meant = (
        {f"at {_bits(b)}": study.gains((form.format(b), "float32"), (ROUNDED[b], "float32")) for b in (1, 2)}
        for form in ("hqgnn {} bit", "hqgnn {} bit, users=float32")
    )
    published = {
        f"at {_bits(b)}": study.gains(
            (form_text("hqgnn", b, HQGNN_PUBLISHED), "own"), (PLAIN[b], "own"), model=AS_PUBLISHED
        )
        for b in (1, 2)
    }
    if not any(coded.values()):
        return None
    everywhere = study.datasets()
    told = [f"{at} it {verdict(g, everywhere, 'pays', 'costs')} ({points(g)})" for at, g in coded.items() if g]
    words = f"Tuning a model for its codes (`hqgnn`) instead of rounding it, coded users: {', '.join(told)}"
    for who, by_bits in (
        ("float32 users, for whom it was not tuned", exact), ("tuned for those", meant),
        ("coded users and all as published, without scales an item", published),
    ):  # fmt: skip
        spans = ", ".join(f"{at} {points(gains)}" for at, gains in by_bits.items() if gains)
        words += f"; {who}: {spans}" if spans else ""
    groups = {"coded users": coded, "float32 users": exact, "tuned for float32 users": meant,
              "all as published, coded users": published}  # fmt: skip
    return Said(
        f"with coded users, {where(coded, everywhere)}",
        f"{words}.",
        {
            f"tuning over rounding {at}, {who}, points": gained(gains)
            for who, by_bits in groups.items()
            for at, gains in by_bits.items()
            if gains
        },
    )


def gste(study: Study) -> Said | None:
    """Return whether HQ-GNN's gradient beats the plain one: with our tuning, with the paper's loss, as published."""
    told, figures, everywhere = [], {}, study.datasets()
    ours = {f"at {_bits(bits)}": _gains(study, WAYS[0], bits) for bits in (2, 1)}
    for way in WAYS:
        gains = {bits: _gains(study, way, bits) for bits in (2, 1)}
        undone = _undone(study, way, gains)
        words = _beside_ste(gains, everywhere)
        told += [f"{way.words} {words}{_told_undone(undone.values())}"] if words else []
        figures.update({f"GSTE over STE at {_bits(b)}, {way.words}, points": gained(g) for b, g in gains.items() if g})
        if undone:
            name = f"runs of GSTE and STE, {way.words}, of which validation kept what tuning began with"
            figures[name] = {dataset: f"{n} of {of}" for dataset, (n, of) in undone.items()}
    if not told:
        return None
    return Said(
        f"with coded users and our tuning, {words}" if (words := where(ours, everywhere)) else "not with our tuning",
        f"HQ-GNN's GSTE instead of plain STE, coded users: {'; '.join(told)}.",
        figures,
    )


def _gains(study: Study, way: Way, bits: int) -> dict[str, Figure]:
    first, second = ((form, "own") for form in way.forms(bits))
    return study.gains(first, second, way.model)


def _undone(study: Study, way: Way, gains: Mapping[int, Figures]) -> dict[str, tuple[int, int]]:
    """Return data set → in how many of the runs that are compared validation kept what tuning began with, and of how
    many that is known.
    """
    found = {
        name: [study.undone(name, form, way.model) for bits in gains if name in gains[bits] for form in way.forms(bits)]
        for name in study.datasets()
    }
    counts = {name: (sum(n for n, _ in seen), sum(of for _, of in seen)) for name, seen in found.items()}
    return {name: (n, of) for name, (n, of) in counts.items() if of}


def _told_undone(counts: Iterable[tuple[int, int]]) -> str:
    """Return on how many runs there was nothing to compare: both gradients end where they began."""
    seen = list(counts)
    n, of = sum(n for n, _ in seen), sum(of for _, of in seen)
    return f", where validation kept what tuning began with in {n} of {of} runs" if n else ""


def _beside_ste(by_bits: Mapping[int, Figures], everywhere: Sequence[str]) -> str:
    """Return whether GSTE is better at each width; where nobody could see a difference at any, that."""
    found = {bits: gains for bits, gains in by_bits.items() if gains}
    seen = [f for gains in found.values() for f in gains.values()]
    if seen and all(f.low > -SAME and f.high < SAME for f in seen):
        names = list(dict.fromkeys(name for gains in found.values() for name in gains))
        return f"there is no difference of {100 * SAME:.2f} points on {places(names, everywhere)}"
    told = (
        f"at {_bits(bits)} it {verdict(gains, everywhere, 'does better', 'does worse')} ({points(gains)})"
        for bits, gains in found.items()
    )
    return ", ".join(told)


def _bits(bits: int) -> str:
    return f"{bits} bit{'s' * (bits > 1)}"
