"""Tables and sentences as the measuring commands print them."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

WIDTH = 120
"""Columns of a terminal that the text fits."""
Row = dict[str, Any]
Column = tuple[str, int, Callable[[Row], str]]
"""Title, width (texts are aligned left where it is negative) and the text of a row."""


def table(rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[str]:
    """Yield the titles and a line for each row."""
    yield " ".join(_cell(title, width) for title, width, _ in columns).rstrip()
    for row in rows:
        yield " ".join(_cell(text(row), width) for _, width, text in columns).rstrip()


def wrapped(sentence: str) -> list[str]:
    """Return the lines of a sentence, the further ones indented."""
    return textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")


def _cell(text: str, width: int) -> str:
    return text.ljust(-width) if width < 0 else text.rjust(width)
