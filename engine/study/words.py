"""Words for figures: sentences with what they are about, and which of two answers intervals bear out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.study.figures import Figure, K

Figures = Mapping[str, Figure]
"""Data set, or whatever else a figure is of → figure."""
TERMS = (
    "*Clearly*: the 95 % interval lies wholly on that side (comparisons are not corrected for their number); else it "
    "is *undecided*. *Points* are differences of shares kept, seed by seed, over the seeds that both have."
)


@dataclass(frozen=True)
class Said:
    """A sentence with the figures that decide, and all of them: what they are → data set → figure, in words.

    ``answer``: what it says in a few words, to read after the title.
    """

    answer: str
    sentence: str
    figures: Mapping[str, Mapping[str, str]]


def verdict(figures: Figures, everywhere: Collection[str], more: str, less: str) -> str:
    """Return what the intervals bear out: ``clearly pays on a, clearly costs on b, is undecided on c``.

    Parameters
    ----------
    everywhere : all data sets of the study: ``on every data set`` is said of these alone
    """
    ways = {
        f"clearly {more}": [name for name, f in figures.items() if f.low > 0],
        f"clearly {less}": [name for name, f in figures.items() if f.high < 0],
        "is undecided": [name for name, f in figures.items() if f.low <= 0 <= f.high],
    }
    return ", ".join(f"{words} on {places(names, everywhere)}" for words, names in ways.items() if names)


def where(found: Mapping[str, Figures], everywhere: Collection[str]) -> str:
    """Return where figures lie clearly above 0, and where below: ``with signs on every data set, at 4 bits on b and
    worse on a, at 2 bits not clearly``.

    Parameters
    ----------
    found : what was done → its figures; what has none is left out
    """
    names: dict[str, list[str]] = {}
    for what, figures in found.items():
        if figures:
            more = places([name for name, f in figures.items() if f.low > 0], everywhere)
            less = places([name for name, f in figures.items() if f.high < 0], everywhere)
            told = [f"on {more}"] * bool(more) + [f"worse on {less}"] * bool(less)
            names.setdefault(" and ".join(told) or "not clearly", []).append(what)
    return ", ".join(f"{joined(several)} {there}" for there, several in names.items())


def places(names: Sequence[str], everywhere: Collection[str]) -> str:
    """Return the names, or that they are all."""
    return "every data set" if len(names) > 1 and set(names) == set(everywhere) else joined(names)


def ahead(figure: Figure | None) -> bool:
    """Return whether a difference lies above 0 with its whole interval; without one it is not known to."""
    return figure is not None and figure.half is not None and figure.low > 0


def leader(means: Mapping[K, float], gain: Callable[[K, K], Figure | None]) -> K:
    """Return what has the highest mean or, where something is ahead of that seed by seed, this: means may be of other
    seeds.
    """
    first = max(means, key=lambda name: means[name])
    for _ in means:
        better = next((name for name in means if name != first and ahead(gain(name, first))), None)
        if better is None:
            break
        first = better
    return first


def span(figures: Figures) -> str:
    """Return the least and the most in per cent and where: ``74.0 ± 1.0 % on a to 88.5 ± 3.1 % on b``."""
    return " to ".join(f"{figures[name].percent()} on {name}" for name in ends({n: f.mean for n, f in figures.items()}))


def points(figures: Figures) -> str:
    """Return the least and the most of gains and where: ``+7.2 ± 1.1 points on a to +17.0 ± 0.8 on b``."""
    names = ends({n: f.mean for n, f in figures.items()})
    units = (" points", "")
    return " to ".join(f"{figures[name].points()}{unit} on {name}" for name, unit in zip(names, units, strict=False))


def ends(values: Mapping[str, float]) -> list[str]:
    """Return the names of the least and of the most; one name where there is one."""
    ordered = sorted(values, key=lambda name: values[name])
    return list(dict.fromkeys((ordered[0], ordered[-1])))


def shares(figures: Figures) -> dict[str, str]:
    """Return each figure in per cent."""
    return {name: f.percent() for name, f in figures.items()}


def gained(figures: Figures) -> dict[str, str]:
    """Return each gain in points."""
    return {name: f.points() for name, f in figures.items()}


def joined(words: Sequence[str]) -> str:
    """Return ``a, b and c``; "" of nothing."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}" if words else ""


def below(value: float, limit: float) -> str:
    """Return a value that misses a limit with one decimal, or as many more as show that it does."""
    return next((text for n in range(1, 6) if float(text := f"{value:.{n}f}") < limit), f"{value}")
