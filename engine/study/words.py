"""Words for figures: sentences with what they are about, and which of two answers intervals bear out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.study.figures import Figure

Figures = Mapping[str, Figure]
"""Data set, or whatever else a figure is of → figure."""


@dataclass(frozen=True)
class Said:
    """A sentence with the figures that decide, and all of them: what they are → data set → figure, in words."""

    sentence: str
    figures: Mapping[str, Mapping[str, str]]


def verdict(figures: Figures, more: str, less: str, neither: str) -> str:
    """Return what the intervals bear out: all above 0, none apart from 0, or which lie above and which below."""
    above = [name for name, f in figures.items() if f.low > 0]
    below = [name for name, f in figures.items() if f.high < 0]
    if len(above) == len(figures):
        return more
    if len(below) == len(figures):
        return less
    told = [f"{words} for certain on {joined(names)} alone" for words, names in ((more, above), (less, below)) if names]
    return joined(told) or neither


def ahead(figure: Figure | None) -> bool:
    """Return whether a difference lies above 0 with its whole interval; without one it is not known to."""
    return figure is not None and figure.half is not None and figure.low > 0


def span(figures: Figures, sign: bool = False) -> str:
    """Return the least and the most in per cent and where: ``74.0 ± 1.0 % on a to 88.5 ± 3.1 % on b``."""
    ordered = sorted(figures, key=lambda name: figures[name].mean)
    return " to ".join(f"{figures[name].percent(sign)} on {name}" for name in dict.fromkeys((ordered[0], ordered[-1])))


def cells(figures: Figures, sign: bool = False) -> dict[str, str]:
    """Return each figure in per cent."""
    return {name: f.percent(sign) for name, f in figures.items()}


def joined(words: Sequence[str]) -> str:
    """Return ``a, b and c``; "" of nothing."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}" if words else ""


def below(value: float, limit: float) -> str:
    """Return a value that misses a limit with one decimal, or as many more as show that it does."""
    return next((text for n in range(1, 6) if float(text := f"{value:.{n}f}") < limit), f"{value}")
