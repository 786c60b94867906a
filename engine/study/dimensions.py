"""Fewer dimensions or fewer bits: the recall that as many bytes an item give, spent on 32 to 256 dimensions.

Each dimension has a model of its own. Items are rounded after training (signs at 1 bit) and have a scale of two bytes
each; users are float32.
"""

from collections.abc import Iterator, Mapping

from engine.study.figures import LIGHTGCN, QUALITY, Figure, Model, Served, Study
from engine.study.forms import FLOAT
from engine.study.plan import DIMS
from engine.study.words import Said, ahead, joined

FORMS = {8: "uniform 8 bit", 4: "uniform 4 bit", 2: "uniform 2 bit", 1: "sign 1 bit"}
"""Bits a dimension → form."""
ALL_DIMS = tuple(sorted({*DIMS, LIGHTGCN[1]}))
SIZES = {34: 256, 18: 128, 10: 64}
"""Bytes an item, scale included → bits of its codes."""
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
    """Return the way with the most recall, then those that are not told apart from it: the interval of their
    difference, paired by seed, holds 0 (or there is none, of one common seed).
    """
    ordered = sorted(found, key=lambda way: -found[way].mean)
    more = {way: study.difference(dataset, QUALITY, _point(*ordered[0]), _point(*way)) for way in ordered[1:]}
    return ordered[:1] + [way for way, difference in more.items() if not ahead(difference)]


def sentence(study: Study) -> Said | None:
    """Return which way to spend a size gives the most recall on each data set where all ways have several seeds."""
    told: dict[str, dict[str, str]] = {}
    figures: dict[str, dict[str, str]] = {}
    for size in SIZES:
        size_words = f"{size} bytes an item"
        for dataset in study.datasets():
            found = spent(study, dataset, size)
            if set(found) == set(ways(size)) and all(figure.half is not None for figure in found.values()):
                leading = best(study, dataset, found)
                names = " or ".join(f"{dim} × {bits}" for dim, bits in leading)
                which = "any" if len(leading) == len(found) else names
                told.setdefault(size_words, {})[dataset] = which
                figures.setdefault(f"most recall@20 of {size_words}, dimensions × bits", {})[dataset] = (
                    f"{which}: {found[leading[0]].value()}"
                )
    if not told:
        return None
    words = [f"{size}, from {_by_way(at)}" for size, at in told.items()]
    return Said(
        "Of as many bytes, spent on dimensions × bits, most recall@20 with float32 users comes (“or”, “any”: not told "
        f"apart by these seeds) with {'; with '.join(words)}.",
        figures,
    )


def _by_way(at: Mapping[str, str]) -> str:
    """Return each way with its data sets: ``32 × 4 on a and b, 64 × 2 on c``."""
    names = {way: [name for name, other in at.items() if other == way] for way in at.values()}
    return ", ".join(f"{way} on {joined(several)}" for way, several in names.items())


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
    return LIGHTGCN[0], dim, LIGHTGCN[2]


def _point(dim: int, bits: int) -> tuple[Served, Model]:
    return (FORMS[bits], "float32"), _model(dim)


def _bits(bits: int) -> str:
    return f"{bits} bit{'s' * (bits > 1)}"


def _cell(figure: Figure | None, what: str) -> str:
    return "–" if figure is None else f"{figure.value()} ({what})"
