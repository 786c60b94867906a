"""The forms that the study compares: each quantizer at each size that somebody would ship, or that a paper claims.

Options that are not named take their default (`engine.quantizers`); each form is measured with float32 users and with
users coded like the items, within one run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.spec import Option


@dataclass(frozen=True)
class Form:
    """One quantizer at one size. ``options`` holds none at its default.

    ``headline``: seeds 3 and 4 as well; ``wide``: also at 32, 128 and 256 dimensions.
    """

    quantizer: str
    bits: int
    options: Mapping[str, Option] = field(default_factory=dict)
    headline: bool = False
    wide: bool = False

    @property
    def text(self) -> str:
        """The name that its rows are found by."""
        return form_text(self.quantizer, self.bits, self.options)


def form_text(quantizer: str, bits: int, options: Mapping[str, Option]) -> str:
    """Return a form in a few words, such as ``dpq 8 bit, scale=none subspaces=16``; ``options``: those not at their
    default.
    """
    words = " ".join(f"{name}={value}" for name, value in sorted(options.items()))
    return f"{quantizer} {bits} bit" + (f", {words}" if words else "")


def _peers(*indexes: str, **options: Option) -> tuple[Form, ...]:
    return tuple(Form("peer", 32, {**({} if index == "hnsw" else {"index": index}), **options}) for index in indexes)


_BOTH: dict[str, Any] = {"headline": True, "wide": True}
PAPER: dict[str, Option] = {"tune": "graph", "distill": 0.0}
"""The papers' way to tune: through the graph, from the observed items alone. What else is ours stays."""
PAPER_BPR: dict[str, Option] = {**PAPER, "loss": "bpr"}
GSTE: dict[str, Option] = {}
STE: dict[str, Option] = {"estimator": "ste"}
HQGNN_PUBLISHED: dict[str, Option] = {**PAPER_BPR, "scale": "table", "rotate": "none"}
HASHGNN_PUBLISHED: dict[str, Option] = {**PAPER_BPR, "guidance": "soft"}
L2QGCN_PUBLISHED: dict[str, Option] = {"distill": 0.0, "loss": "bpr", "rotate": "none"}
MGQE_PAPER: dict[str, Option] = {"subspaces": 64, "tail_bits": 6, "scale": "none"}
MGQE_LOSS: dict[str, Option] = {**MGQE_PAPER, "rotate": "none", "direct": False, **PAPER}
MGQE_PUBLISHED: dict[str, Option] = {**MGQE_LOSS, "batch_norm": True}
"""As published: without what contradicts the paper; where it is silent ours stays (`engine.quantizers` tells what)."""
BASE: dict[str, Option] = {"alpha": False, "annealing": False}
"""L²Q-GCN without what makes it -anl."""

FLOAT = Form("float32", 32, **_BOTH)
CORE = (
    FLOAT,
    Form("uniform", 8, **_BOTH), Form("uniform", 4, **_BOTH), Form("uniform", 2, **_BOTH),
    Form("sign", 1, **_BOTH), Form("itq", 1), Form("pq", 8), Form("opq", 8),
    Form("hqgnn", 4, headline=True), Form("hqgnn", 2, **_BOTH), Form("hqgnn", 1, **_BOTH),
    Form("hashgnn", 1, {"scale": "row"}, headline=True), Form("l2qgcn", 1, headline=True),
    Form("dpq", 8, **_BOTH), Form("mgqe", 8), Form("mgqe", 8, MGQE_PAPER, headline=True),
)  # fmt: skip
"""One form of each method at each size that matters; what the results' table and most findings need."""

PEERS = (
    *_peers("flat", "sq8", "sq4", "binary", "rabitq"), *_peers("pq", subspaces=8),
    *_peers("pq", "pqfastscan", "hnsw", "hnswlib", "usearch", "ivf"),
)  # fmt: skip
"""Other libraries' indexes on the same vectors, where the extra `peers` is installed."""

VARIANTS = (
    # what a scale an item buys
    Form("sign", 1, {"scale": "none"}), Form("hashgnn", 1), Form("uniform", 4, {"scale": "table"}),
    Form("uniform", 2, {"scale": "table"}), Form("hqgnn", 1, {"scale": "table"}),
    Form("pq", 8, {"scale": "none", "weights": "equal"}), Form("dpq", 8, {"scale": "none"}),
    # tuned for float32 users
    *(Form("hqgnn", bits, {"users": "float32"}) for bits in (2, 1)), Form("dpq", 8, {"users": "float32"}),
    Form("dpq", 8, {"users": "float32", "scale": "none"}), Form("mgqe", 8, {"users": "float32"}),
    # is the Hessian-aware gradient worth it: with our tuning, and with the paper's
    *(Form("hqgnn", bits, STE) for bits in (2, 1)),
    *(Form("hqgnn", bits, {**PAPER_BPR, **more}) for bits in (2, 1) for more in (GSTE, STE)),
    # as published, but for the model
    *(Form("hqgnn", bits, HQGNN_PUBLISHED) for bits in (2, 1)), Form("hashgnn", 1, HASHGNN_PUBLISHED),
    # other sizes and other ways
    Form("l2qgcn", 1, BASE), Form("dpq", 8, {"subspaces": 16, "scale": "none"}), Form("dpq", 4, {"subspaces": 16}),
    Form("mgqe", 8, {"tail": "separate"}), Form("mgqe", 8, {"tail": "subspaces"}),
    Form("float16", 16), Form("hqgnn", 8), Form("uniform", 1), Form("lsh", 1), Form("rabitq", 1),
    Form("pq", 4, {"subspaces": 16}), Form("opq", 4, {"subspaces": 16}),
)  # fmt: skip

FACTORISED = (
    FLOAT, Form("uniform", 4), Form("dpq", 8), Form("dpq", 8, {"subspaces": 64, "scale": "none"}),
    Form("mgqe", 8, MGQE_PAPER),
    Form("dpq", 8, {"subspaces": 64, "scale": "none", "rotate": "none", "direct": False, **PAPER}),
    Form("mgqe", 8, MGQE_LOSS), Form("mgqe", 8, MGQE_PUBLISHED),
)  # fmt: skip
"""On matrix factorisation, as DPQ and MGQE were published."""

LAYERED = (
    FLOAT, Form("l2qgcn", 1), Form("l2qgcn", 1, BASE), Form("sign", 1), Form("sign", 1, {"scale": "none"}),
    Form("l2qgcn", 1, L2QGCN_PUBLISHED),
)  # fmt: skip
"""On the model that L²Q-GCN was published with: 256 dimensions, 2 layers, and E(0) among them."""

PUBLISHED = (
    FLOAT, Form("uniform", 2), Form("sign", 1), Form("uniform", 2, {"scale": "table"}),
    Form("sign", 1, {"scale": "none"}),
    *(Form("hqgnn", bits, {**HQGNN_PUBLISHED, **more}) for bits in (2, 1) for more in (GSTE, STE)),
    Form("hashgnn", 1, HASHGNN_PUBLISHED),
)  # fmt: skip
LAYERED_PUBLISHED = (FLOAT, Form("l2qgcn", 1, L2QGCN_PUBLISHED))
"""On models that are trained as published: with BPR, all layers pooled, lengths as learned."""
