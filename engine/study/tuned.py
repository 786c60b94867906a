"""What tuning a model for its codes is worth, and tuning it with HQ-GNN's gradient: two of the study's sentences."""

from engine.study.figures import Study
from engine.study.words import Figures, joined, listed, verdict

SAME = 0.0005
"""A share of recall that nobody would see."""
TUNINGS = (
    ("with our tuning", "hqgnn {} bit", "hqgnn {} bit, estimator=ste"),
    ("tuned as published", *(f"hqgnn {{}} bit, distill=0.0 {e}loss=bpr tune=graph" for e in ("", "estimator=ste "))),
)
"""In words, and the forms with GSTE and with STE."""


def worth(study: Study) -> str | None:
    """Return whether tuning at 2 bits beats rounding: for coded users, for float32 ones, and tuned for the latter."""
    rounded, coded, exact = "uniform 2 bit", "hqgnn 2 bit", "hqgnn 2 bit, users=float32"
    own, other = (study.gains((coded, users), (rounded, users)) for users in ("own", "float32"))
    if not own or not other:
        return None
    tuned = study.gains((exact, "float32"), (rounded, "float32"))
    third = f"; tuned for those, it {_pays(tuned)} ({listed(tuned, sign=True)})" if tuned else ""
    return (
        f"At 2 bits, tuning the model for its codes {_pays(own)} with users coded alike ({listed(own, sign=True)} of "
        f"recall kept over rounding), and {_pays(other)} with float32 users, for whom it was not tuned "
        f"({listed(other, sign=True)}){third}."
    )


def _pays(gains: Figures) -> str:
    return verdict(gains, "pays", "costs", "is not seen to pay or to cost")


def gste(study: Study) -> str | None:
    """Return whether HQ-GNN's gradient beats the plain one, tuned our way and as published."""
    told = [words for way, *forms in TUNINGS if (words := _beside_ste(study, way, *forms))]
    return f"HQ-GNN's GSTE beside plain STE, users coded alike: {'; '.join(told)}." if told else None


def _beside_ste(study: Study, way: str, gste: str, ste: str) -> str | None:
    gains = {
        f"{dataset} at {bits} bit{'s' * (bits > 1)}": figure
        for bits in (2, 1)
        for dataset, figure in study.gains((gste.format(bits), "own"), (ste.format(bits), "own")).items()
    }
    if not gains:
        return None
    if all(f.low > -SAME and f.high < SAME for f in gains.values()):
        return f"{way}, they differ by less than {100 * SAME:.2f} % of recall kept ({joined(list(gains))})"
    which = verdict(gains, "is better", "is worse", "is not seen to be better or worse")
    return f"{way}, it {which} ({listed(gains, sign=True)} of recall kept)"
