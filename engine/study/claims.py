"""What the papers say in their headlines, and the rows of ours that answer it.

A claim has a test in figures, written beside the answer; what the test says on each data set is the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.study.figures import LIGHTGCN, Figure, Study, Timed
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
from engine.study.words import Said, below, span

MF, L2Q = ("mf", 64, 0), ("lightgcn", 256, 2)
NAMES = {LIGHTGCN: "LightGCN, d = 64", MF: "MF, d = 64", L2Q: "LightGCN, d = 256, L = 2"}
PROTOCOL = (
    "Each paper measured with splits, code and a protocol of its own. Ours, the same for all: every item is ranked for "
    "every user, no run chooses anything by test items, and bytes are those that are stored. The test of a claim is "
    "ours as well. *As published*: without what contradicts the paper; where it is silent ours stays, and so does the "
    "start, a model that was trained with softmax. *With the paper's loss*: of that the loss alone. The others: with "
    "our tuning."
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
    model: tuple[str, int, int]
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


HQGNN, L2QGCN, HASHGNN, MGQE = (
    (paper, f"https://arxiv.org/abs/{number}")
    for paper, number in (
        ("HQ-GNN", "2309.01032"), ("L²Q-GCN-anl", "2112.01944"), ("HashGNN", "2003.01917"), ("MGQE", "2002.08530")
    )
)  # fmt: skip
GOOD = "a good balance of latency and quality at low bits"
CLAIMS = (
    Claim(*HQGNN, "HQ-GNN at 2 bits", f"{GOOD}: 2 bits", "hqgnn 2 bit", LIGHTGCN, 0.95, faster=2.0),
    Claim(*HQGNN, "HQ-GNN at 2 bits as published", f"{GOOD}: 2 bits, as published",
          form_text("hqgnn", 2, HQGNN_PUBLISHED), LIGHTGCN, 0.95, faster=2.0),
    Claim(*HQGNN, "HQ-GNN at 1 bit", f"{GOOD}: 1 bit", "hqgnn 1 bit", LIGHTGCN, 0.95, faster=2.0),
    Claim(*HQGNN, "HQ-GNN at 1 bit as published", f"{GOOD}: 1 bit, as published",
          form_text("hqgnn", 1, HQGNN_PUBLISHED), LIGHTGCN, 0.95, faster=2.0),
    Claim(*L2QGCN, "L²Q-GCN-anl", "about 9× smaller with 90 to 99 % kept", "l2qgcn 1 bit", L2Q, 0.9, smaller=9.0),
    Claim(*L2QGCN, "L²Q-GCN-anl as published", "about 9× smaller with 90 to 99 % kept: as published",
          form_text("l2qgcn", 1, L2QGCN_PUBLISHED), L2Q, 0.9, smaller=9.0),
    Claim(*HASHGNN, "HashGNN", "comparable, and several times faster", "hashgnn 1 bit", LIGHTGCN, 0.95, faster=3.0),
    Claim(*HASHGNN, "HashGNN as published", "comparable, and several times faster: as published",
          form_text("hashgnn", 1, HASHGNN_PUBLISHED), LIGHTGCN, 0.95, faster=3.0),
    Claim(*MGQE, "MGQE", "on par at about 20 % of the size", form_text("mgqe", 8, MGQE_PAPER), MF, 0.99, smaller=4.5),
    Claim(*MGQE, "MGQE with its paper's loss", "on par at about 20 % of the size: with the paper's loss",
          form_text("mgqe", 8, MGQE_LOSS), MF, 0.99, smaller=4.5),
    Claim(*MGQE, "MGQE as published", "on par at about 20 % of the size: as published, batch norm and all",
          form_text("mgqe", 8, MGQE_PUBLISHED), MF, 0.99, smaller=4.5),
)  # fmt: skip
"""Each with our tuning, and as published (`engine.study.forms`)."""


@dataclass(frozen=True)
class Answer:
    """What was measured of a claim on a data set; None where it was not.

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
    figures are those of `markdown`.
    """
    found = [a for a in answers(study) if a.holds is not None and a.kept.half is not None]
    if not found:
        return None
    told = []
    for claim in dict.fromkeys(a.claim for a in found):
        here = [a for a in found if a.claim == claim]
        kept, holds = span({a.dataset: a.kept for a in here}), sum(a.holds is True for a in here)
        told.append(f"{claim.name} {holds} of {len(here)} (keeps {kept}{_why(here)})")
    return Said(f"Papers' headlines, as tests with limits of ours, hold on so many data sets: {', '.join(told)}.", {})


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
