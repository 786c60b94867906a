"""Fewer dimensions or fewer bits: the recall that as many bytes an item give, spent on 32 to 256 dimensions.

Each dimension has a model of its own. Items are rounded after training (signs at 1 bit) or tuned for their codes
(HQ-GNN), and have a scale of two bytes each; users are float32. DPQ's bytes hinge on the catalogue, which shares its
codebooks: it has a row of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import NamedTuple

from engine.study.figures import LIGHTGCN, QUALITY, Figure, Model, Served, Study, sure
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


class Lead(NamedTuple):
    """The ways to spend a size on a data set that were compared, and the best of them."""

    compared: Spent
    best: list[Way]

    @property
    def words(self) -> str:
        """The ways that lead, or which do not where these are fewer: ``any way but 256d·1b``."""
        behind = [way for way in self.compared if way not in self.best]
        if len(self.best) <= len(behind) or len(self.best) == 1:
            return " or ".join(way.text for way in self.best)
        return f"{ALIKE} but {joined([way.text for way in behind])}" if behind else ALIKE

    @property
    def figure(self) -> str:
        """The best ways with what the first of them reaches."""
        first = f" ({self.best[0].text})" * self.words.startswith(ALIKE)
        return f"{self.words}{first}: {self.compared[self.best[0]].value()}"


def sentence(study: Study) -> Said | None:
    """Return which way to spend a size gives the most recall on each data set, and in how many of these cases each
    number of bits is among the best.
    """
    leading = {size: found for size in SIZES if (found := _leading(study, size))}
    if not leading:
        return None
    told = [f"at {size} bytes from {_by_way(found)}" for size, found in leading.items()]
    exact = {name: study.value(name, FLOAT.text, "float32", QUALITY) for name in study.datasets()}
    return Said(
        _answer(leading),
        "Of as many bytes an item, most recall@20 with float32 users comes (64d·4b: 64 dimensions of 4 bits, rounded; "
        f"HQ: tuned by `hqgnn`; “or”: not told apart by these seeds) {'; '.join(told)}{_over_float(study)}.",
        {
            **{
                f"most recall@20 of {size} bytes an item": {name: lead.figure for name, lead in found.items()}
                for size, found in leading.items()
            },
            f"float32's recall@20, {LIGHTGCN.dim} dimensions": {n: f.value() for n, f in exact.items() if f},
        },
    )


def _answer(leading: Mapping[int, Mapping[str, Lead]]) -> str:
    """Return in how many of the cases where it can be had each number of bits a dimension is among the best."""
    told = []
    for bits in ROUNDED:
        cases = [lead for found in leading.values() for lead in found.values() if _has(lead.compared, bits)]
        times = sum(_has(lead.best, bits) for lead in cases)
        told += [(-times / len(cases), f"{_bits(bits)} in {times} of {len(cases)}")] if cases else []
    words = ", ".join(words for _, words in sorted(told, key=itemgetter(0)))
    return f"among the best, rounded or tuned, are {words} cases"


def _has(ways: Iterable[Way], bits: int) -> bool:
    return any(way.bits == bits for way in ways)


def _leading(study: Study, size: int) -> dict[str, Lead]:
    """Return each data set's best ways to spend a size where all rounded ways have several seeds; tuned ones are
    compared where all of these have.
    """
    found = {}
    for dataset in study.datasets():
        there = sure(spent(study, dataset, size))
        if not all(way in there for way in ways(size)):
            there = {way: figure for way, figure in there.items() if not way.tuned}
        if all(way in there for way in ways(size) if not way.tuned):
            found[dataset] = Lead(there, best(study, dataset, there))
    return found


def _by_way(leading: Mapping[str, Lead]) -> str:
    """Return each way with its data sets: ``32d·4b on a and b, HQ 64d·2b on c``."""
    names: dict[str, list[str]] = {}
    for name, lead in leading.items():
        alone = not any(way.tuned for way in lead.compared)
        names.setdefault(lead.words, []).append(f"{name} (rounded alone)" if alone else name)
    return ", ".join(f"{words} on {joined(several)}" for words, several in names.items())


def _over_float(study: Study) -> str:
    """Return where the largest size, spent on more dimensions, clearly beats float32 of the usual model."""
    size, exact = max(SIZES), ((FLOAT.text, "float32"), LIGHTGCN)
    words = []
    for dataset, lead in _leading(study, size).items():
        way = lead.best[0]
        more = study.difference(dataset, QUALITY, way.point, exact)
        if way.dim > LIGHTGCN.dim and more and ahead(more):
            words.append(f"on {dataset} ({lead.compared[way].value()}; by {more.value()}, seed by seed)")
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
