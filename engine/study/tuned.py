"""What tuning a model for its codes is worth, and tuning it with HQ-GNN's gradient: two of the study's sentences."""

from collections.abc import Mapping

from engine.study.figures import Figure, Study
from engine.study.words import Figures, Said, cells, joined, span, verdict

SAME = 0.0005
"""A share of recall that nobody would see."""
TUNINGS = (
    ("with our tuning", "hqgnn {} bit", "hqgnn {} bit, estimator=ste"),
    ("tuned as published", *(f"hqgnn {{}} bit, distill=0.0 {e}loss=bpr tune=graph" for e in ("", "estimator=ste "))),
)
"""In words, and the forms with GSTE and with STE."""


def worth(study: Study) -> Said | None:
    """Return whether tuning at 2 bits beats rounding: for coded users, for float32 ones, and tuned for the latter."""
    rounded, coded, exact = "uniform 2 bit", "hqgnn 2 bit", "hqgnn 2 bit, users=float32"
    own, other = (study.gains((coded, users), (rounded, users)) for users in ("own", "float32"))
    if not own or not other:
        return None
    tuned = study.gains((exact, "float32"), (rounded, "float32"))
    third = f"; tuned for those, it {_pays(tuned)} ({span(tuned, sign=True)})" if tuned else ""
    told = {"users coded alike": own, "float32 users": other, "tuned for float32 users": tuned}
    return Said(
        f"At 2 bits, tuning the model for its codes {_pays(own)} with users coded alike (recall kept over rounding: "
        f"{span(own, sign=True)}), and {_pays(other)} with float32 users, for whom it was not tuned "
        f"({span(other, sign=True)}){third}.",
        {f"tuning over rounding, 2 bits, {who}": cells(gains, sign=True) for who, gains in told.items() if gains},
    )


def _pays(gains: Figures) -> str:
    return verdict(gains, "pays", "costs", "is not seen to pay or to cost")


def gste(study: Study) -> Said | None:
    """Return whether HQ-GNN's gradient beats the plain one, tuned our way and as published."""
    found = {way: by_bits for way, *forms in TUNINGS if (by_bits := _over_ste(study, *forms))}
    if not found:
        return None
    told = [f"{way}, {_beside_ste(by_bits)}" for way, by_bits in found.items()]
    return Said(
        f"HQ-GNN's GSTE beside plain STE, users coded alike: {'; '.join(told)}.",
        {
            f"GSTE over STE, {bits}, {way}": cells(gains, sign=True)
            for way, by_bits in found.items()
            for bits, gains in by_bits.items()
        },
    )


def _over_ste(study: Study, gste: str, ste: str) -> dict[str, dict[str, Figure]]:
    """Return at each width what more is kept on each data set."""
    found = {bits: study.gains((gste.format(bits), "own"), (ste.format(bits), "own")) for bits in (2, 1)}
    return {f"{bits} bit{'s' * (bits > 1)}": gains for bits, gains in found.items() if gains}


def _beside_ste(by_bits: Mapping[str, Figures]) -> str:
    gains = {f"{name} at {bits}": figure for bits, there in by_bits.items() for name, figure in there.items()}
    if all(f.low > -SAME and f.high < SAME for f in gains.values()):
        names = dict.fromkeys(name for there in by_bits.values() for name in there)
        return f"they differ by less than {100 * SAME:.2f} % of recall kept ({joined(list(names))})"
    which = verdict(gains, "is better", "is worse", "is not seen to be better or worse")
    return f"it {which} (recall kept: {span(gains, sign=True)})"
