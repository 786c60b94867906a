"""Methods as the engine describes them, made up: what the catalog of a test carries."""

import json
from typing import Any

SCALE = {
    "name": "scale",
    "kind": "choice",
    "choices": ["row", "table"],
    "default": "row",
    "help": "One scale for each item, or one for the whole table.",
}
SIGN_SCALE = {**SCALE, "choices": ["none", "row"], "help": "Whether each item keeps the size of its vector."}


def _number(name: str, default: float, help: str) -> dict[str, Any]:
    return {"name": name, "kind": type(default).__name__, "choices": [], "default": default, "help": help}


def _flag(name: str, default: bool, help: str) -> dict[str, Any]:
    return {"name": name, "kind": "bool", "choices": [], "default": default, "help": help}


def _method(
    name: str, title: str, explanation: str, bits: list[int], options: list[dict[str, Any]], trained: bool = False
) -> dict[str, Any]:
    """Return a description as `engine.quantizers.describe` gives it."""
    link = "" if name.startswith("float") else f"https://example.org/{name}"
    return {
        "name": name, "title": title, "explanation": explanation, "link": link, "bits": bits, "trained": trained,
        "options": options,
    }  # fmt: skip


ROUNDS = _number("rounds", 50, "turns of the alternation; more than 50 change little")
SUBSPACES = _number("subspaces", 16, "pieces a vector is cut into, each coded by itself")
TUNING = [
    _number("epochs", 10, "epochs of tuning, at most"),
    _number("lr", 0.001, "step size of Adam"),
    _number("patience", 3, "epochs without a better validation NDCG@20 before tuning stops"),
]
QUANTIZERS: list[dict[str, Any]] = [
    _method("float32", "Full precision", "Vectors as they are. The reference.", [32], []),
    _method("float16", "Half precision", "Half the bytes. Hardly any loss.", [16], []),
    _method("uniform", "Uniform", "Evenly spaced levels. Simple and fast.", [8, 4, 2, 1], [SCALE]),
    _method("sign", "Sign", "Keeps only signs. One bit a number.", [1], [SIGN_SCALE]),
    _method("lsh", "Random hyperplanes", "Turns vectors at random. Then keeps signs.", [1], [SCALE]),
    _method(
        "itq", "Iterative quantization", "Learns a rotation after which signs lose least. Then keeps signs.", [1],
        [SCALE, ROUNDS],
    ),
    _method("rabitq", "RaBitQ", "Turns vectors at random. A scale makes products unbiased.", [1], []),
    _method("pq", "Product quantization", "Cuts vectors into pieces. Each is one of 256.", [8, 4], [SUBSPACES, ROUNDS]),
    _method(
        "opq", "Optimized product quantization", "Turns vectors before they are cut. Then as PQ.", [8, 4],
        [SUBSPACES, ROUNDS, _flag("balanced", True, "spread the variance evenly over the pieces")],
    ),
    _method(
        "hqgnn", "HQ-GNN", "Trains with the levels in the loop. A second-order factor corrects the gradient.",
        [8, 4, 2, 1],
        [
            SCALE, _flag("gste", True, "correct the straight-through gradient (GSTE)"),
            _number("delta_max", 2.0, "largest correction"), _number("ema", 0.9, "share kept of the former δ"),
            {**SCALE, "name": "hessian", "choices": ["trace", "diag"], "default": "trace", "help": "which Hessian"},
            *TUNING,
        ],
        True,
    ),
    _method(
        "l2qgcn", "L²Q-GCN", "Keeps signs of every layer. Layers are weighted.", [1],
        [
            _flag("approximate", True, "a scale for each row and layer"),
            {**SCALE, "name": "tune", "choices": ["graph"], "default": "graph", "help": "what learns"},
            *TUNING,
        ],
        True,
    ),
    _method(
        "hashgnn", "HashGNN", "A hash layer on the encoder. Trained with guidance.", [1],
        [_number("code_bits", 64, "bits of a code"), _flag("rerank", False, "re-rank the first 500"), *TUNING], True,
    ),
    _method(
        "dpq", "Differentiable product quantization", "Codebooks learned by gradient. Otherwise like PQ.", [8, 6, 4],
        [
            {**SCALE, "name": "variant", "choices": ["sx", "vq"], "default": "sx", "help": "SX or VQ"},
            SUBSPACES,
            *TUNING,
        ],
        True,
    ),
    _method(
        "mgqe", "Multi-granular codes", "DPQ with longer codes for popular items. The rest share fewer centroids.",
        [8, 6], [SUBSPACES, _number("head_share", 0.1, "share of the items with long codes"), *TUNING], True,
    ),
]  # fmt: skip
ENCODERS = [
    {"name": "lightgcn", "title": "LightGCN", "explanation": "Averages neighbours.", "graph": True},
    {"name": "mf", "title": "MF", "explanation": "Free vectors.", "graph": False},
    {"name": "ngcf", "title": "NGCF", "explanation": "Learned weights on neighbours.", "graph": True},
    {"name": "given", "title": "Vectors of your own", "explanation": "As they came.", "graph": False},
]
LOSSES = [
    {"name": "softmax", "title": "Sampled softmax", "explanation": "Against many negatives."},
    {"name": "bpr", "title": "BPR", "explanation": "Against one negative."},
]
METHODS = [
    {"kind": kind, "name": m["name"], "description": json.dumps(m)}
    for kind, known in (("quantizer", QUANTIZERS), ("encoder", ENCODERS), ("loss", LOSSES))
    for m in known
]
