"""What the papers say in their headlines, and the rows of ours that answer it.

A claim has a test in figures, written beside the answer; what the test says on each data set is the answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.study.figures import AS_PUBLISHED, LIGHTGCN, Figure, Model, Study, Timed
from engine.study.forms import (
    FLOAT,
    HASHGNN_PUBLISHED,
    HQGNN_PUBLISHED,
    L2QGCN_PUBLISHED,
    MGQE_LOSS,
    MGQE_PAPER,
    MGQE_PUBLISHED,
    form_text,
)
from engine.study.words import Said, below, joined, span

MF, L2Q = Model("mf", 64, 0), Model("lightgcn", 256, 2)
L2Q_PUBLISHED = L2Q._replace(loss=AS_PUBLISHED.loss)
NAMES = {
    LIGHTGCN: "LightGCN, d = 64", MF: "MF, d = 64", L2Q: "LightGCN, d = 256, L = 2",
    AS_PUBLISHED: "LightGCN as published, d = 64", L2Q_PUBLISHED: "LightGCN as published, d = 256, L = 2",
}  # fmt: skip
PROTOCOL = (
    "Each paper measured with splits, code and a protocol of its own. Ours, the same for all: every item is ranked for "
    "every user, no run chooses anything by test items, and bytes are those that are stored. The test of a claim is "
    "ours as well. *As published*: without what contradicts the paper, where it is silent ours stays; the model was "
    "trained as published too, with BPR, all layers pooled and lengths as learned, which takes hours on larger sets "
    "and was not done there, and codes are tuned from it for 600 steps, as all are here. *As published on our model*: "
    "the quantizer alone, begun at a model trained with softmax (MGQE's batch norm goes by running statistics). *With "
    "the paper's loss*: of that the loss alone. The others: with our tuning."
)
HOW = (
    "A test asks for the mean over seeds. *By the mean*: the interval of what is kept allows the other answer as well; "
    "*one seed*: it has none."
)
UNTUNED = "*Untuned*: on so many seeds validation kept what tuning began with; there a row says nothing of tuning."
MISSED = {"kept": "too little", "smaller": "too large", "faster": "too slow"}
"""What a missed figure ends with → in words."""
HEAD = ("paper: what it says", "our row", "data set", "kept: coded users", "smaller", "faster", "our test", "holds")


@dataclass(frozen=True)
class Claim:
    """A paper's headline and what would bear it out: at least ``kept`` of recall@20 with coded users, so many times
    ``smaller`` and ``faster`` than float32 of the same model; a limit of 0 is not asked for. ``name`` tells it from the
    paper's other headlines.
    """

    paper: str
    link: str
    name: str
    says: str
    form: str
    model: Model
    kept: float
    smaller: float = 0.0
    faster: float = 0.0

    @property
    def test(self) -> str:
        """The limits in words."""
        words = [f"keeps at least {100 * self.kept:.0f} %"]
        words += [f"at least {self.smaller:g}× smaller"] * bool(self.smaller)
        words += [f"at least {self.faster:g}× faster"] * bool(self.faster)
        return ", ".join(words)


def _headline(
    paper: str, number: str, name: str, says: str, ways: Mapping[str, tuple[str, Model]], **limits: float
) -> Iterator[Claim]:
    """Yield a paper's headline once for each way that it was measured in: in words → form and model."""
    for way, (form, model) in ways.items():
        named, told = f"{name} {way}".strip(), f"{says}, {way}" if way else says
        yield Claim(paper, f"https://arxiv.org/abs/{number}", named, told, form, model, **limits)


OURS, THEIRS = "as published on our model", "as published"
BOTH = ((OURS, LIGHTGCN), (THEIRS, AS_PUBLISHED))
CLAIMS = tuple(
    claim
    for headline in (
        *(
            _headline(
                "HQ-GNN", "2309.01032", f"HQ-GNN at {words}",
                f"a good balance of latency and quality at low bits: {words}",
                {"": (f"hqgnn {bits} bit", LIGHTGCN)}
                | {way: (form_text("hqgnn", bits, HQGNN_PUBLISHED), m) for way, m in BOTH},
                kept=0.95, faster=2.0,
            )
            for bits, words in ((2, "2 bits"), (1, "1 bit"))
        ),
        _headline(
            "L²Q-GCN-anl", "2112.01944", "L²Q-GCN-anl", "about 9× smaller with 90 to 99 % kept",
            {"": ("l2qgcn 1 bit", L2Q)}
            | {way: (form_text("l2qgcn", 1, L2QGCN_PUBLISHED), m) for way, m in ((OURS, L2Q), (THEIRS, L2Q_PUBLISHED))},
            kept=0.9, smaller=9.0,
        ),
        _headline(
            "HashGNN", "2003.01917", "HashGNN", "comparable, and several times faster",
            {"": ("hashgnn 1 bit", LIGHTGCN)}
            | {way: (form_text("hashgnn", 1, HASHGNN_PUBLISHED), m) for way, m in BOTH},
            kept=0.95, faster=3.0,
        ),
        _headline(
            "MGQE", "2002.08530", "MGQE", "on par at about 20 % of the size",
            {
                "": (form_text("mgqe", 8, MGQE_PAPER), MF),
                "with the paper's loss": (form_text("mgqe", 8, MGQE_LOSS), MF),
                OURS: (form_text("mgqe", 8, MGQE_PUBLISHED), MF),
            },
            kept=0.99, smaller=4.5,
        ),
    )
    for claim in headline
)  # fmt: skip
"""Each with our tuning, and as published (`engine.study.forms`)."""


@dataclass(frozen=True)
class Answer:
    """What was measured of a claim on a data set; None where it was not, or not timed on the data set's machine.

    ``undone``: on how many seeds validation kept what tuning began with, and of how many that is known.
    """

    claim: Claim
    dataset: str
    kept: Figure
    smaller: float | None
    faster: Timed | None
    undone: tuple[int, int] = (0, 0)

    @property
    def keeps(self) -> str:
        """What is kept, and on how many seeds tuning was undone: ``98.2 ± 0.7 %, untuned on 2 of 3``."""
        n, of = self.undone
        return self.kept.percent() + (f", untuned on {n} of {of}" if n else "")

    @property
    def holds(self) -> bool | None:
        """Whether it passes the claim's test, by the mean; None where a figure that could fail it is not measured."""
        wanted = [(self.smaller, self.claim.smaller), (self.faster, self.claim.faster)]
        if self.missed:
            return False
        return None if any(value is None and limit for value, limit in wanted) else True

    @property
    def missed(self) -> list[str]:
        """The figures that miss the claim's test, in its order: ``94.1 ± 0.3 % kept``, ``1.3× faster``."""
        claim, kept = self.claim, self.kept
        half = "" if kept.half is None else f" ± {100 * kept.half:.1f}"
        words = [f"{below(100 * kept.mean, 100 * claim.kept)}{half} % kept"] * (kept.mean < claim.kept)
        found = ((self.smaller, claim.smaller, "smaller"), (self.faster, claim.faster, "faster"))
        return words + [f"{below(v, limit)}× {what}" for v, limit, what in found if v is not None and v < limit]

    @property
    def verdict(self) -> str:
        """``yes``, ``no`` or ``not measured``; where what is kept decides, ``by the mean`` says that its interval would
        allow the other answer as well, and ``one seed`` that it has none.
        """
        holds, limit = self.holds, self.claim.kept
        if holds is None:
            return "not measured"
        decides = len(self.missed) == (self.kept.mean < limit)  # size and time pass
        unsure = decides and self.kept.low < limit <= self.kept.high
        more = ", one seed" if decides and self.kept.half is None else ", by the mean" if unsure else ""
        return ("yes" if holds else "no") + more


def answers(study: Study, claims: Sequence[Claim] = CLAIMS) -> list[Answer]:
    """Return what the study says to each claim, on each data set where its form was measured."""
    found = []
    for claim in claims:
        for dataset in study.datasets():
            kept = study.kept(dataset, claim.form, "own", claim.model)
            if kept is not None:
                own, exact = (study.size(dataset, form, claim.model) for form in (claim.form, FLOAT.text))
                smaller = exact / own if own and exact else None
                faster = study.speedup(dataset, claim.form, "own", model=claim.model)
                undone = study.undone(dataset, claim.form, claim.model)
                found.append(Answer(claim, dataset, kept, smaller, faster, undone))
    return found


def sentence(study: Study) -> Said | None:
    """Return how many data sets bear each headline out, of those with several seeds, and what is kept there; the
    figures are those of `markdown`, which has what is half as published as well.
    """
    claims = [claim for claim in CLAIMS if not claim.name.endswith(OURS)]
    found = [a for a in answers(study, claims) if a.holds is not None and a.kept.half is not None]
    if not found:
        return None
    told, hold = [], []
    for claim in dict.fromkeys(a.claim for a in found):
        here = [a for a in found if a.claim == claim]
        kept, holds = span({a.dataset: a.kept for a in here}), sum(a.holds is True for a in here)
        hold += [f"{claim.name} ({holds} of {len(here)})"] if holds == len(here) else []
        told.append(f"{claim.name} {holds} of {len(here)} (keeps {kept}{_why(here)})")
    others = "" if len(hold) == len(told) else ", no other everywhere"
    return Said(
        f"{joined(hold)} hold{'s' * (len(hold) == 1)}{others}" if hold else "none holds everywhere",
        f"Papers' headlines, as tests with limits of ours, hold on so many data sets: {', '.join(told)}.",
        {},
    )


def _why(found: Sequence[Answer]) -> str:
    """Return on how many data sets each limit was missed: ``; 2 too large``."""
    counts = {words: sum(any(m.endswith(end) for m in a.missed) for a in found) for end, words in MISSED.items()}
    told = ", ".join(f"{n} {words}" for words, n in counts.items() if n)
    return f"; {told}" if told else ""


def markdown(study: Study) -> list[str]:
    """Return the claims' table in Markdown; [] where none was measured."""
    found = answers(study)
    if not found:
        return []
    lines = ["| " + " | ".join(HEAD) + " |", "| --- | --- | --- | ---: | ---: | ---: | --- | --- |"]
    last: Claim | None = None
    for a in found:
        c, new = a.claim, a.claim != last
        cells = [
            f"[{c.paper}]({c.link}): {c.says}" if new else "", f"`{c.form}`, {NAMES[c.model]}" if new else "",
            a.dataset, a.keeps, f"{a.smaller:.1f}×" if a.smaller else "–", f"{a.faster.text()}×" if a.faster else "–",
            c.test if new else "", f"**{a.verdict}**" if a.holds is False else a.verdict,
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
        last = c
    return lines
