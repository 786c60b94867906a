"""What the papers say in their headlines, and the rows of ours that answer it.

A claim has a test in figures, written beside the answer; what the test says on each data set is the answer. Papers
measured on other splits, with other protocols and code: ours is in README under Principles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.study.figures import LIGHTGCN, Figure, Study
from engine.study.forms import FLOAT

MF, L2Q = ("mf", 64, 0), ("lightgcn", 256, 2)
NAMES = {LIGHTGCN: "LightGCN, d = 64", MF: "MF, d = 64", L2Q: "LightGCN, d = 256, L = 2"}


@dataclass(frozen=True)
class Claim:
    """A paper's headline and what would bear it out: at least ``kept`` of recall@20 with coded users, so many times
    ``smaller`` and ``faster`` than float32 of the same model; a limit of 0 is not asked for.
    """

    paper: str
    link: str
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


CLAIMS = (
    Claim("HQ-GNN", "https://arxiv.org/abs/2309.01032", "a good balance of latency and quality at low bits: 2 bits",
          "hqgnn 2 bit", LIGHTGCN, 0.95, faster=2.0),
    Claim("HQ-GNN", "https://arxiv.org/abs/2309.01032", "a good balance of latency and quality at low bits: 1 bit",
          "hqgnn 1 bit", LIGHTGCN, 0.95, faster=2.0),
    Claim("L²Q-GCN-anl", "https://arxiv.org/abs/2112.01944", "about 9× smaller with 90 to 99 % kept", "l2qgcn 1 bit",
          L2Q, 0.9, smaller=9.0),
    Claim("HashGNN", "https://arxiv.org/abs/2003.01917", "comparable, and several times faster",
          "hashgnn 1 bit", LIGHTGCN, 0.95, faster=3.0),
    Claim("MGQE", "https://arxiv.org/abs/2002.08530", "on par at about 20 % of the size",
          "mgqe 8 bit, scale=none subspaces=64 tail_bits=6", MF, 0.99, smaller=4.5),
    Claim("MGQE", "https://arxiv.org/abs/2002.08530", "on par at about 20 % of the size: tuned as published",
          "mgqe 8 bit, direct=False distill=0.0 rotate=none scale=none subspaces=64 tail_bits=6 tune=graph", MF, 0.99,
          smaller=4.5),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What was measured of a claim on a data set; None where it was not."""

    claim: Claim
    dataset: str
    kept: Figure
    smaller: float | None
    faster: float | None

    @property
    def holds(self) -> bool | None:
        """Whether it passes the claim's test, by the mean; None where a figure that the test needs is not measured."""
        wanted = [(self.kept.mean, self.claim.kept), (self.smaller, self.claim.smaller),
                  (self.faster, self.claim.faster)]  # fmt: skip
        if any(value is None and limit for value, limit in wanted):
            return None
        return all(value >= limit for value, limit in wanted if value is not None and limit)


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
                found.append(Answer(claim, dataset, kept, smaller, faster))
    return found


def markdown(study: Study) -> list[str]:
    """Return the claims' table in Markdown; [] where none was measured."""
    found = answers(study)
    if not found:
        return []
    lines = ["| paper: what it says | our row | data set | kept | smaller | faster | our test of it | holds |",
             "| --- | --- | --- | ---: | ---: | ---: | --- | --- |"]  # fmt: skip
    last: Claim | None = None
    for a in found:
        c, new = a.claim, a.claim != last
        cells = [
            f"[{c.paper}]({c.link}): {c.says}" if new else "", f"`{c.form}`, {NAMES[c.model]}" if new else "",
            a.dataset, a.kept.percent(), *(f"{v:.1f}×" if v else "–" for v in (a.smaller, a.faster)),
            c.test if new else "", VERDICTS[a.holds],
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
        last = c
    return lines


VERDICTS = {True: "yes", False: "**no**", None: "not measured"}
