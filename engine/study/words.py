"""Words for figures: lists of them, and which of two answers their intervals bear out."""

from collections.abc import Mapping, Sequence

from engine.study.figures import Figure

Figures = Mapping[str, Figure]
"""Data set, or whatever else a figure is of → figure."""


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


def listed(figures: Figures, sign: bool = False) -> str:
    """Return each name with its figure in per cent."""
    return ", ".join(f"{name} {f.percent(sign)}" for name, f in figures.items())


def joined(words: Sequence[str]) -> str:
    """Return ``a, b and c``; "" of nothing."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}" if words else ""


def below(value: float, limit: float) -> str:
    """Return a value that misses a limit with one decimal, or as many more as show that it does."""
    return next((text for n in range(1, 6) if float(text := f"{value:.{n}f}") < limit), f"{value}")
