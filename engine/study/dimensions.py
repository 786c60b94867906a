"""Fewer dimensions or fewer bits: the recall that as many bytes an item give, spent on 32 to 256 dimensions.

Each dimension has a model of its own. Items are rounded after training (signs at 1 bit) and have a scale of two bytes
each; users are float32.
"""

from collections.abc import Iterator, Mapping

from engine.study.figures import LIGHTGCN, QUALITY, Figure, Model, Served, Study
from engine.study.forms import FLOAT
from engine.study.plan import DIMS
from engine.study.words import Said, ahead, joined, leader

FORMS = {8: "uniform 8 bit", 4: "uniform 4 bit", 2: "uniform 2 bit", 1: "sign 1 bit"}
"""Bits a dimension → form."""
ALL_DIMS = tuple(sorted({*DIMS, LIGHTGCN.dim}))
SIZES = {34: 256, 18: 128, 10: 64}
"""Bytes an item, scale included → bits of its codes."""
ALIKE = "any way"
Spent = Mapping[tuple[int, int], Figure]
"""(Dimensions, bits) → recall@20."""


def ways(size: int) -> list[tuple[int, int]]:
    """Return the ways to spend a size, the fewest dimensions first."""
    return [(dim, SIZES[size] // dim) for dim in ALL_DIMS if SIZES[size] // dim in FORMS]


def spent(study: Study, dataset: str, size: int) -> Spent:
    """Return what was measured of each way to spend a size."""
    found = {
        (dim, bits): study.value(dataset, FORMS[bits], "float32", QUALITY, _model(dim)) for dim, bits in ways(size)
    }
    return {way: figure for way, figure in found.items() if figure is not None}


def best(study: Study, dataset: str, found: Spent) -> list[tuple[int, int]]:
    """Return the way that leads (`engine.study.words.leader`), then those that are not told apart from it: the interval
    of their difference, paired by seed, holds 0 (or there is none, of one common seed).
    """

    def gain(a: tuple[int, int], b: tuple[int, int]) -> Figure | None:
        return study.difference(dataset, QUALITY, _point(*a), _point(*b))

    first = leader({way: figure.mean for way, figure in found.items()}, gain)
    others = sorted((way for way in found if way != first), key=lambda way: -found[way].mean)
    return [first, *(way for way in others if not ahead(gain(first, way)))]


def sentence(study: Study) -> Said | None:
    """Return which way to spend a size gives the most recall on each data set where all ways have several seeds."""
    told, figures = [], {}
    for size in SIZES:
        leading = _leading(study, size)
        if leading:
            told.append(f"at {size} bytes from {_by_way({name: words for name, (words, _) in leading.items()})}")
            figures[f"most recall@20 of {size} bytes an item"] = {
                name: f"{words}{f' ({_way(*way)})' * (words == ALIKE)}: {spent(study, name, size)[way].value()}"
                for name, (words, way) in leading.items()
            }
    if not told:
        return None
    exact = {name: study.value(name, FLOAT.text, "float32", QUALITY) for name in study.datasets()}
    figures[f"float32's recall@20, {LIGHTGCN.dim} dimensions"] = {n: f.value() for n, f in exact.items() if f}
    return Said(
        "Of as many bytes an item, most recall@20 with float32 users comes (64d·4b: 64 dimensions of 4 bits; “or”: "
        f"not told apart by these seeds) {'; '.join(told)}{_over_float(study)}.",
        figures,
    )


def _leading(study: Study, size: int) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return each data set's best ways to spend a size in words, and the one that leads."""
    found = {}
    for dataset in study.datasets():
        there = spent(study, dataset, size)
        if set(there) == set(ways(size)) and all(figure.half is not None for figure in there.values()):
            first, *others = best(study, dataset, there)
            words = " or ".join(_way(*way) for way in (first, *others))
            found[dataset] = (ALIKE if 1 + len(others) == len(there) else words, first)
    return found


def _by_way(at: Mapping[str, str]) -> str:
    """Return each way with its data sets: ``32d·4b on a and b, 64d·2b on c``."""
    names = {way: [name for name, other in at.items() if other == way] for way in at.values()}
    return ", ".join(f"{way} on {joined(several)}" for way, several in names.items())


def _over_float(study: Study) -> str:
    """Return where the largest size, spent on more dimensions, clearly beats float32 of the usual model."""
    size, exact = max(SIZES), ((FLOAT.text, "float32"), LIGHTGCN)
    words = []
    for dataset, (_, way) in _leading(study, size).items():
        more = study.difference(dataset, QUALITY, _point(*way), exact)
        if way[0] > LIGHTGCN.dim and more and ahead(more):
            words.append(f"on {dataset} ({spent(study, dataset, size)[way].value()}; by {more.value()}, seed by seed)")
    usual = f"float32 of {LIGHTGCN.dim} dimensions, {4 * LIGHTGCN.dim} bytes"
    return f"; {size} bytes beat {usual}, clearly {joined(words)}" if words else ""


def _way(dim: int, bits: int) -> str:
    return f"{dim}d·{bits}b"


def rows(study: Study) -> Iterator[list[str]]:
    """Yield the table's rows: data set, bytes an item, and recall@20 at each number of dimensions."""
    for dataset in study.datasets():
        exact = [study.value(dataset, FLOAT.text, "float32", QUALITY, _model(dim)) for dim in ALL_DIMS]
        if sum(figure is not None for figure in exact) < 2:
            continue
        yield [dataset, "4 a dimension", *(_cell(figure, "float32") for figure in exact)]
        for size in SIZES:
            at = {dim: (figure, _bits(bits)) for (dim, bits), figure in spent(study, dataset, size).items()}
            cells = [_cell(*at[dim]) if dim in at else "–" for dim in ALL_DIMS]
            yield [dataset, str(size), *cells]


HEAD = ("data set", "bytes an item", *(f"{dim} dimensions" for dim in ALL_DIMS))


def markdown(study: Study) -> list[str]:
    """Return the table in Markdown; [] where one number of dimensions alone was measured."""
    lines = ["| " + " | ".join(row) + " |" for row in rows(study)]
    return ["| " + " | ".join(HEAD) + " |", "| --- " * len(HEAD) + "|", *lines] if lines else []


def _model(dim: int) -> Model:
    return LIGHTGCN._replace(dim=dim)


def _point(dim: int, bits: int) -> tuple[Served, Model]:
    return (FORMS[bits], "float32"), _model(dim)


def _bits(bits: int) -> str:
    return f"{bits} bit{'s' * (bits > 1)}"


def _cell(figure: Figure | None, what: str) -> str:
    return "–" if figure is None else f"{figure.value()} ({what})"
