"""A picture of the results of a data set: what each form keeps, by its size. An SVG of our own, for both themes.

A row a form, the largest first; a filled mark for float32 users, an open one for users coded like the items, and lines
for the 95 % intervals over seeds. Position and filling say it all, so that no colour has a meaning.
"""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from engine.study.figures import Figure
from engine.study.table import Row

WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 860, 380, 24, 54, 22, 44
APART = 3
"""How far the marks of a row lie above and below its middle, so that their lines do not cover each other."""
TICKS = (1, 2, 5, 10, 20)
"""Per cent between two lines of the grid; the first that needs no more than nine is taken."""
Across = Callable[[float], float]
"""From a share to its place on the horizontal axis."""
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.size { text-anchor: end; font-variant-numeric: tabular-nums; }
.title { font-weight: 600; font-size: 15px; } .tick { text-anchor: middle; fill: #59636e; } .note { fill: #59636e; }
.back { fill: #ffffff; } .grid { stroke: #d1d9e0; } .whole { stroke: #59636e; stroke-dasharray: 3 3; }
.mark { stroke: #0b57d0; stroke-width: 2; } .open { fill: #ffffff; } .filled { fill: #0b57d0; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .tick, .note { fill: #9198a1; } .back { fill: #0d1117; } .grid { stroke: #3d444d; }
.whole { stroke: #9198a1; } .mark { stroke: #7cb3ff; } .open { fill: #0d1117; } .filled { fill: #7cb3ff; }
}
"""


def svg(dataset: str, rows: Sequence[Row]) -> str:
    """Return the picture of a data set's rows."""
    figures = [f for row in rows for f in row.kept if f is not None]
    low, high = min(f.low for f in figures), max(1.0, *(f.high for f in figures))
    step = next((t for t in TICKS if 100 * (high - low) / t <= 9), TICKS[-1])
    first = int(100 * low // step) * step
    last = max(int(-(-100 * high // step)) * step, first + step)
    height = TOP + STEP * len(rows) + BOTTOM

    def across(share: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (100 * share - first) / (last - first), 1)

    title = f"Share of float32’s recall@20 kept on {dataset}, by bytes an item"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>", f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="24">{escape(title)}</text>',
        f'<text class="size note" x="62" y="{TOP - 8}">bytes</text>',
        *_grid(range(first, last + 1, step), across, height),
        *(part for place, row in enumerate(rows) for part in _row(row, TOP + STEP * place + STEP // 2, across)),
        f'<text class="note" x="16" y="{height - 14}">● float32 users  ○ users coded like the items</text>',
    ]  # fmt: skip
    return "\n".join([*lines, "</svg>", ""])


def _grid(percents: Sequence[int], across: Across, height: int) -> Iterator[str]:
    for percent in percents:
        x, kind = across(percent / 100), "whole" if percent == 100 else "grid"
        yield f'<line class="{kind}" x1="{x}" y1="{TOP - 4}" x2="{x}" y2="{height - BOTTOM + 4}"/>'
        yield f'<text class="tick" x="{x}" y="{height - BOTTOM + 20}">{percent} %</text>'


def _row(row: Row, y: int, across: Across) -> Iterator[str]:
    label = row.label.replace("`", "")
    yield f'<text class="size" x="62" y="{y + 4}">{row.size:,.0f}</text><text x="76" y="{y + 4}">{escape(label)}</text>'
    for figure, kind, lower in zip(row.kept, ("filled", "open"), (-APART, APART), strict=True):
        if figure is not None:
            yield from _mark(figure, kind, y + lower, across)


def _mark(figure: Figure, kind: str, y: int, across: Across) -> Iterator[str]:
    if figure.half is not None:
        yield f'<line class="mark" x1="{across(figure.low)}" y1="{y}" x2="{across(figure.high)}" y2="{y}"/>'
    yield f'<circle class="mark {kind}" cx="{across(figure.mean)}" cy="{y}" r="4.5"/>'
