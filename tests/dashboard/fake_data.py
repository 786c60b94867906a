"""What fake runs are made of: methods as the engine describes them, a small split with names, measurement rows."""

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from engine.spec import KS, RunSpec

USERS, ITEMS = 60, 150
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
        [_flag("approximate", True, "a scale for each row and layer"), *TUNING], True,
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
FORMATS: tuple[tuple[str, int, dict[str, Any], float], ...] = (
    ("float32", 32, {}, 1.0),
    ("float16", 16, {}, 1.0),
    ("uniform", 8, {"scale": "row"}, 0.999),
    ("uniform", 4, {"scale": "row"}, 0.99),
    ("uniform", 2, {"scale": "row"}, 0.93),
    ("uniform", 1, {"scale": "row"}, 0.8),
    ("sign", 1, {"scale": "row"}, 0.87),
    ("sign", 1, {"scale": "none"}, 0.5),
)
"""Quantizer, bits, options, and the share of float32's quality that the fake run keeps."""
ALL_FORMATS = (
    *FORMATS,
    ("lsh", 1, {"scale": "row"}, 0.82), ("itq", 1, {"scale": "row", "rounds": 50}, 0.88), ("rabitq", 1, {}, 0.86),
    ("pq", 8, {"subspaces": 8, "rounds": 50}, 0.75), ("pq", 8, {"subspaces": 16, "rounds": 50}, 0.92),
    ("pq", 8, {"subspaces": 32, "rounds": 50}, 0.985), ("opq", 8, {"subspaces": 16}, 0.94), ("opq", 4, {}, 0.85),
    ("hqgnn", 4, {"scale": "row", "gste": True}, 0.995), ("hqgnn", 2, {"scale": "row", "gste": False}, 0.955),
    ("hqgnn", 1, {"scale": "row", "gste": True}, 0.89), ("l2qgcn", 1, {"approximate": True}, 0.93),
    ("l2qgcn", 1, {"approximate": False}, 0.83), ("hashgnn", 1, {"code_bits": 64}, 0.78),
    ("dpq", 8, {"variant": "sx", "subspaces": 16}, 0.95), ("dpq", 6, {"variant": "vq", "subspaces": 16}, 0.9),
    ("mgqe", 8, {"subspaces": 16, "head_share": 0.1}, 0.945), ("mgqe", 6, {"subspaces": 8, "head_share": 0.2}, 0.8),
)  # fmt: skip
"""The same with formats of all methods: for the chart that shows them together."""


@dataclass(frozen=True)
class FakeSplit:
    """What `prepared.save_split` reads of a split."""

    dataset: str = "demo"
    n_users: int = USERS
    n_items: int = ITEMS
    seed: int = 0
    rule: str = "fake: every third item of a user is held out"
    notes: tuple[str, ...] = ("2 users have no test items: left out of the means",)
    fingerprint: str = "f" * 16
    labelled: bool = True

    @property
    def user_labels(self) -> tuple[str, ...] | None:
        return tuple(f"reader-{u + 1:03d}" for u in range(self.n_users)) if self.labelled else None

    @property
    def item_labels(self) -> tuple[str, ...] | None:
        return tuple(f"Fake Book No. {i}" for i in range(self.n_items)) if self.labelled else None

    def _lists(self, part: int, empty: tuple[int, ...] = ()) -> SimpleNamespace:
        rng = np.random.default_rng(self.seed)
        lists = [
            np.sort(rng.choice(self.n_items, 24, replace=False))[part::3].astype(np.int32) for _ in range(self.n_users)
        ]
        lists = [lists[u][:0] if u in empty else lists[u] for u in range(self.n_users)]
        return SimpleNamespace(
            indptr=np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64),
            items=np.concatenate(lists),
        )

    @property
    def train(self) -> SimpleNamespace:
        return self._lists(0)

    @property
    def valid(self) -> SimpleNamespace:
        return self._lists(1)

    @property
    def test(self) -> SimpleNamespace:
        return self._lists(2, empty=(0, 1))


def tuned(spec: RunSpec) -> bool:
    """Return whether the run's quantizer is trained itself."""
    return any(m["trained"] for m in QUANTIZERS if m["name"] == spec.quantizer)


def rows(spec: RunSpec, kept: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return measurement rows as the engine writes them."""
    per_item = int(spec.options.get("subspaces", spec.model.dim)) * spec.bits / 8
    per_item *= spec.model.layers + 1 if spec.quantizer == "l2qgcn" else 1
    per_item += 2 if spec.options.get("scale") == "row" else 0
    made = [
        _row(m, v, u)
        for m, v, u in (
            ("index_bytes", per_item * ITEMS, "bytes"),
            ("bytes_per_item", per_item, "bytes"),
            ("compression", spec.model.dim * 4 / per_item, "x"),
            ("train_s", 12.5, "s"),
            *([("tune_s", 7.5, "s")] if tuned(spec) else []),
            ("quantize_s", 0.02, "s"),
            ("build_s", 0.01, "s"),
            ("users", USERS - 2, "users"),
        )
    ]
    for bits in spec.query_bits:
        share = kept * (1 if bits == 32 else 0.97) * (0.97 + 0.06 * rng.random())
        for place, k in enumerate(KS):
            recall = (0.11 + 0.07 * place) * share
            for metric, v in (
                ("recall", recall),
                ("ndcg", recall * 0.8),
                ("overlap", min(1.0, share)),
                ("tied", 0.0 if kept > 0.6 else 0.7),
            ):
                made.append({**_row(metric, v, "share", bits, k), "low": v * 0.95, "high": v * 1.05})
        time_us = (3 + per_item / 8) * (1 if bits == 32 else 0.7) * (0.9 + 0.2 * rng.random())
        made += [
            _row(f"latency_{p}_us", time_us * f, "us", bits, 20, 1, 1)
            for p, f in (("p50", 1.0), ("p95", 1.3), ("p99", 1.9), ("cold_p50", 4.0))
        ]
        made += [
            _row("throughput_qps", 1e6 / time_us, "queries/s", bits, 20, 1, 64),
            _row("query_bytes", spec.model.dim * bits / 8, "bytes", bits),
            _row("calibration_drift", 2.5, "%", bits),
        ]
    return made


def _row(
    metric: str,
    value: float,
    unit: str,
    bits: int | None = None,
    k: int | None = None,
    threads: int | None = None,
    batch: int | None = None,
) -> dict[str, Any]:
    return {
        "index": "fake",
        "query_bits": bits,
        "threads": threads,
        "batch": batch,
        "metric": metric,
        "k": k,
        "value": float(value),
        "unit": unit,
        "low": None,
        "high": None,
    }
