"""Fewer dimensions or fewer bits: the recall that as many bytes an item give, spent on 32 to 256 dimensions.

Each dimension has a model of its own. Items are rounded after training (signs at 1 bit) or tuned for their codes
(HQ-GNN), and have a scale of two bytes each; users are float32. DPQ's bytes hinge on the catalogue, which shares its
codebooks: it has a row of its own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from engine.study.figures import LIGHTGCN, QUALITY, Figure, Model, Served, Study
from engine.study.forms import FLOAT
from engine.study.plan import DIMS
from engine.study.words import Said, ahead, joined, leader

ROUNDED = {8: "uniform 8 bit", 4: "uniform 4 bit", 2: "uniform 2 bit", 1: "sign 1 bit"}
TUNED = {4: "hqgnn 4 bit", 2: "hqgnn 2 bit", 1: "hqgnn 1 bit"}
"""Bits a dimension → form."""
DPQ = "dpq 8 bit"
ALL_DIMS = tuple(sorted({*DIMS, LIGHTGCN.dim}))
SIZES = {34: 256, 18: 128, 10: 64}
"""Bytes an item, scale included → bits of its codes."""
ALIKE = "any way"


class Way(NamedTuple):
    """How bytes are spent on an item."""

    dim: int
    bits: int
    tuned: bool = False

    @property
    def text(self) -> str:
        return f"{'HQ ' * self.tuned}{self.dim}d·{self.bits}b"

    @property
    def point(self) -> tuple[Served, Model]:
        form = (TUNED if self.tuned else ROUNDED)[self.bits]
        return (form, "float32"), _model(self.dim)


Spent = Mapping[Way, Figure]
"""Way → recall@20."""


def ways(size: int) -> list[Way]:
    """Return the ways to spend a size: rounded, then tuned, the fewest dimensions first. The plan tunes 4 bits for the
    usual model alone.
    """
    split = [(dim, SIZES[size] // dim) for dim in ALL_DIMS]
    rounded = [Way(dim, bits) for dim, bits in split if bits in ROUNDED]
    return rounded + [
        Way(dim, bits, tuned=True) for dim, bits in split if bits in TUNED and (bits < 4 or dim == LIGHTGCN.dim)
    ]


def spent(study: Study, dataset: str, size: int) -> Spent:
    """Return what was measured of each way to spend a size."""
    found = {way: _recall(study, dataset, *way.point) for way in ways(size)}
    return {way: figure for way, figure in found.items() if figure is not None}


def best(study: Study, dataset: str, found: Spent) -> list[Way]:
    """Return the way that leads (`engine.study.words.leader`), then those that are not told apart from it: the interval
    of their difference, paired by seed, holds 0 (or there is none, of one common seed).
    """

    def gain(a: Way, b: Way) -> Figure | None:
        return study.difference(dataset, QUALITY, a.point, b.point)

    first = leader({way: figure.mean for way, figure in found.items()}, gain)
    others = sorted((way for way in found if way != first), key=lambda way: -found[way].mean)
    return [first, *(way for way in others if not ahead(gain(first, way)))]


def sentence(study: Study) -> Said | None:
    """Return which way to spend a size gives the most recall on each data set where all ways have several seeds."""
    told, figures, equals = [], {}, []
    for size in SIZES:
        leading = _leading(study, size)
        if leading:
            equals += [best(study, name, spent(study, name, size)) for name in leading]
            told.append(f"at {size} bytes from {_by_way({name: words for name, (words, _) in leading.items()})}")
            figures[f"most recall@20 of {size} bytes an item"] = {
                name: f"{words}{f' ({way.text})' * words.startswith(ALIKE)}: {spent(study, name, size)[way].value()}"
                for name, (words, way) in leading.items()
            }
    if not told:
        return None
    exact = {name: study.value(name, FLOAT.text, "float32", QUALITY) for name in study.datasets()}
    figures[f"float32's recall@20, {LIGHTGCN.dim} dimensions"] = {n: f.value() for n, f in exact.items() if f}
    return Said(
        _answer(equals),
        "Of as many bytes an item, most recall@20 with float32 users comes (64d·4b: 64 dimensions of 4 bits, rounded; "
        f"HQ: tuned by `hqgnn`; “or”: not told apart by these seeds) {'; '.join(told)}{_over_float(study)}.",
        figures,
    )


def _answer(equals: Sequence[Sequence[Way]]) -> str:
    """Return which bits a dimension are most often among the best: equals has the best ways of each case."""
    count = Counter(bits for ways in equals for bits in {way.bits for way in ways})
    bits, times = max(count.items(), key=lambda pair: (pair[1], -pair[0]))
    return f"{_bits(bits)} a dimension {'are' if bits > 1 else 'is'} among the best in {times} of {len(equals)} cases"


def _leading(study: Study, size: int) -> dict[str, tuple[str, Way]]:
    """Return each data set's best ways to spend a size in words, and the one that leads."""
    found = {}
    for dataset in study.datasets():
        there = spent(study, dataset, size)
        if set(there) == set(ways(size)) and all(figure.half is not None for figure in there.values()):
            first, *others = best(study, dataset, there)
            found[dataset] = (_told(there, [first, *others]), first)
    return found


def _told(there: Spent, equals: list[Way]) -> str:
    """Return the ways that lead, or which do not where these are fewer: ``any way but 256d·1b``."""
    behind = [way for way in there if way not in equals]
    if len(equals) <= len(behind) or len(equals) == 1:
        return " or ".join(way.text for way in equals)
    return f"{ALIKE} but {joined([way.text for way in behind])}" if behind else ALIKE


def _by_way(at: Mapping[str, str]) -> str:
    """Return each way with its data sets: ``32d·4b on a and b, HQ 64d·2b on c``."""
    names = {way: [name for name, other in at.items() if other == way] for way in at.values()}
    return ", ".join(f"{way} on {joined(several)}" for way, several in names.items())


def _over_float(study: Study) -> str:
    """Return where the largest size, spent on more dimensions, clearly beats float32 of the usual model."""
    size, exact = max(SIZES), ((FLOAT.text, "float32"), LIGHTGCN)
    words = []
    for dataset, (_, way) in _leading(study, size).items():
        more = study.difference(dataset, QUALITY, way.point, exact)
        if way.dim > LIGHTGCN.dim and more and ahead(more):
            words.append(f"on {dataset} ({spent(study, dataset, size)[way].value()}; by {more.value()}, seed by seed)")
    usual = f"float32 of {LIGHTGCN.dim} dimensions, {4 * LIGHTGCN.dim} bytes"
    return f"; {size} bytes beat {usual}, clearly {joined(words)}" if words else ""


def rows(study: Study) -> Iterator[list[str]]:
    """Yield the table's rows: data set, bytes an item, and recall@20 at each number of dimensions."""
    for dataset in study.datasets():
        exact = [_recall(study, dataset, (FLOAT.text, "float32"), _model(dim)) for dim in ALL_DIMS]
        if sum(figure is not None for figure in exact) < 2:
            continue
        yield [dataset, "4 a dimension", *(_cell(figure, "float32") for figure in exact)]
        for size in SIZES:
            there = spent(study, dataset, size)
            for tuned, words in ((False, ""), (True, ", tuned")):
                at = {way.dim: (figure, _bits(way.bits)) for way, figure in there.items() if way.tuned == tuned}
                if at:
                    yield [dataset, f"{size}{words}", *(_cell(*at[dim]) if dim in at else "–" for dim in ALL_DIMS)]
        yield from _product(study, dataset)


def _product(study: Study, dataset: str) -> Iterator[list[str]]:
    """Yield DPQ's row, each cell with its bytes."""
    found = {dim: _recall(study, dataset, (DPQ, "float32"), _model(dim)) for dim in ALL_DIMS}
    if any(found.values()):
        sizes = {dim: study.size(dataset, DPQ, _model(dim)) for dim in ALL_DIMS}
        yield [dataset, "`dpq`", *(_cell(found[dim], f"{sizes[dim] or 0:.1f} bytes") for dim in ALL_DIMS)]


HOW = (
    "Recall@20 with float32 users. *Tuned*: for their codes, by `hqgnn`; else rounded after training. `dpq`: 8 codes "
    "of a byte and a scale of two; its codebooks are shared by the catalogue, and weigh more the fewer items there are."
)
HEAD = ("data set", "bytes an item", *(f"{dim} dimensions" for dim in ALL_DIMS))


def markdown(study: Study) -> list[str]:
    """Return the table in Markdown; [] where one number of dimensions alone was measured."""
    lines = ["| " + " | ".join(row) + " |" for row in rows(study)]
    return ["| " + " | ".join(HEAD) + " |", "| --- " * len(HEAD) + "|", *lines] if lines else []


def _model(dim: int) -> Model:
    return LIGHTGCN._replace(dim=dim)


def _recall(study: Study, dataset: str, served: Served, model: Model) -> Figure | None:
    return study.value(dataset, *served, QUALITY, model)


def _bits(bits: int) -> str:
    return f"{bits} bit{'s' * (bits > 1)}"


def _cell(figure: Figure | None, what: str) -> str:
    return "–" if figure is None else f"{figure.value()} ({what})"
