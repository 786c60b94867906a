"""The results' table of a data set: each form at its size, what it keeps and how fast it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.study.figures import AS_PUBLISHED, LIGHTGCN, QUALITY, Figure, Study, Timed
from engine.study.forms import FLOAT

V = TypeVar("V")
HEAD = (
    "bytes an item", "method", "kept: float32 users", "kept: coded users", "p50: float32 users", "p50: coded users",
    "times float32", "times faiss",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A method of the table: its form, the same tuned for float32 users, and faiss's indexes of its size.

    ``peers`` are those that answer float32 users and users coded like the items.
    """

    label: str
    form: str
    tuned: str = ""
    peers: tuple[str, str] = ("", "")


def _faiss(index: str, more: str = "") -> str:
    return f"peer 32 bit, index={index}{more}"


_SIGNS = (_faiss("rabitq"), _faiss("binary"))
_SQ8, _SQ4, _PQ8 = (_faiss("sq8"),) * 2, (_faiss("sq4"),) * 2, (_faiss("pq", " subspaces=8"),) * 2
_PQ16 = (_faiss("pq"),) * 2
LINES = (
    Line("`float32`", FLOAT.text, peers=(_faiss("flat"),) * 2),
    Line("`uniform` 8 bits", "uniform 8 bit", peers=_SQ8),
    Line("`mgqe` 64 × 8/6, codes only", "mgqe 8 bit, scale=none subspaces=64 tail_bits=6"),
    Line("`l2qgcn` -anl", "l2qgcn 1 bit"),
    Line("`uniform` 4 bits", "uniform 4 bit", peers=_SQ4),
    Line("`hqgnn` 4 bits", "hqgnn 4 bit", peers=_SQ4),
    Line("`uniform` 2 bits", "uniform 2 bit"),
    Line("`hqgnn` 2 bits", "hqgnn 2 bit", "hqgnn 2 bit, users=float32"),
    Line("`dpq` 16 × 8, codes only", "dpq 8 bit, scale=none subspaces=16", peers=_PQ16),
    Line("`mgqe` 16 × 8/4 with a row scale", "mgqe 8 bit", "mgqe 8 bit, users=float32", _PQ16),
    Line("`sign`", "sign 1 bit", peers=_SIGNS),
    Line("`itq`", "itq 1 bit", peers=_SIGNS),
    Line("`hqgnn` 1 bit", "hqgnn 1 bit", "hqgnn 1 bit, users=float32", _SIGNS),
    Line("`hashgnn` with a row scale", "hashgnn 1 bit, scale=row", peers=_SIGNS),
    Line("`pq` 8 × 8", "pq 8 bit", peers=_PQ8),
    Line("`opq` 8 × 8", "opq 8 bit", peers=_PQ8),
    Line("`dpq` 8 × 8 with a row scale", "dpq 8 bit", "dpq 8 bit, users=float32", _PQ8),
    Line("`hashgnn`, codes only", "hashgnn 1 bit", peers=_SIGNS),
    Line("`dpq` 8 × 8, codes only", "dpq 8 bit, scale=none", "dpq 8 bit, scale=none users=float32", _PQ8),
    Line("`sign`, codes only", "sign 1 bit, scale=none", peers=_SIGNS),
)


@dataclass(frozen=True)
class Row:
    """What was measured of a line on a data set; None: not measured. Each pair: float32 users, coded users."""

    label: str
    size: float
    kept: tuple[Figure | None, Figure | None]
    p50: tuple[Timed | None, Timed | None]
    over_float: tuple[Timed | None, Timed | None]
    over_faiss: tuple[Timed | None, Timed | None]


def rows(study: Study, dataset: str) -> list[Row]:
    """Return what was measured on a data set, the largest first."""
    found = [row for line in LINES if (row := _row(study, dataset, line)) is not None]
    return sorted(found, key=lambda row: -row.size)


def _row(study: Study, dataset: str, line: Line) -> Row | None:
    size = study.size(dataset, line.form)
    if size is None:
        return None
    both = bool(line.tuned) and study.kept(dataset, line.tuned, "float32") is not None
    asked = [(line.tuned if both else line.form, "float32"), (line.form, "own")]
    if line.form == FLOAT.text:
        asked.pop()  # it has one precision
    kept = [study.kept(dataset, *point) for point in asked]
    p50 = [study.p50(dataset, *point) for point in asked]
    over_float = [study.speedup(dataset, *point) for point in asked]
    over_faiss = [
        study.speedup(dataset, *point, other=peer) if peer else None
        for point, peer in zip(asked, line.peers, strict=False)
    ]
    label = f"{line.label} (tuned for float32 / coded users)" if both else line.label
    return Row(label, size, _pair(kept), _pair(p50), _pair(over_float), _pair(over_faiss))


def _pair(values: Sequence[V]) -> tuple[V, V | None]:
    return (values[0], values[1] if len(values) > 1 else None)


def markdown(study: Study, dataset: str) -> Iterator[str]:
    """Yield the lines of the table in Markdown; what was not measured is a dash."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "| ---: | --- | " + " | ".join(["---:"] * (len(HEAD) - 2)) + " |"
    for row in rows(study, dataset):
        cells = [
            f"{row.size:,.0f}", row.label, *(percent(f) for f in row.kept), *(micro(us) for us in row.p50),
            times(row.over_float), times(row.over_faiss),
        ]  # fmt: skip
        yield "| " + " | ".join(cells) + " |"


def exact(study: Study, dataset: str) -> str:
    """Return what float32 reaches, and what it does where the model is trained as published, in a sentence."""
    models = (("", LIGHTGCN), ("trained as published, with BPR, ", AS_PUBLISHED))
    found = [(way, study.value(dataset, FLOAT.text, "float32", QUALITY, model)) for way, model in models]
    told = [f"{way}{f.value()} ({f.seeds} seed{'s' * (f.seeds > 1)})" for way, f in found if f is not None]
    return f"float32 reaches a recall@20 of {'; '.join(told)}." if told else "float32 was not measured."


def timed(study: Study, dataset: str) -> str:
    """Return where the table's times were taken, and of how many seeds they are."""
    machine = study.hardware(dataset)
    if machine is None:
        return "No times were taken."
    flat = LINES[0].peers[0]
    own, faiss = (study.speedup(dataset, FLOAT.text, "float32", other) for other in (FLOAT.text, flat))
    seeds = own.seeds if own else 0
    peers = f", those of faiss {faiss.seeds}" if faiss else ""
    return f"Times were taken on {machine}; those of float32 are of {seeds} seed{'s' * (seeds != 1)}{peers}."


def percent(figure: Figure | None) -> str:
    """Return a share kept with its interval; a dash where it was not measured."""
    return "–" if figure is None else figure.percent()


def micro(us: Timed | None) -> str:
    """Return a time in µs with three significant digits at most."""
    return "–" if us is None else us.text(",.0f" if us >= 100 else ".3g") + " µs"


def times(pair: tuple[Timed | None, Timed | None]) -> str:
    """Return speed-ups for float32 users and for coded users: ``6.1 / 9.7``."""
    words = ["–" if value is None else value.text() for value in pair]
    return words[0] if words[1] == "–" else " / ".join(words)
