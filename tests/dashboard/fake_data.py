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
QUANTIZERS: list[dict[str, Any]] = [
    {
        "name": "float32",
        "title": "Full precision",
        "explanation": "Vectors as they are. The reference.",
        "link": "",
        "bits": [32],
        "trained": False,
        "options": [],
    },
    {
        "name": "float16",
        "title": "Half precision",
        "explanation": "Half the bytes. Hardly any loss.",
        "link": "",
        "bits": [16],
        "trained": False,
        "options": [],
    },
    {
        "name": "uniform",
        "title": "Uniform",
        "explanation": "Evenly spaced levels. Simple and fast.",
        "link": "https://example.org/u",
        "bits": [8, 4, 2, 1],
        "trained": False,
        "options": [SCALE],
    },
    {
        "name": "sign",
        "title": "Sign",
        "explanation": "Keeps only signs. One bit a number.",
        "link": "",
        "bits": [1],
        "trained": False,
        "options": [SIGN_SCALE],
    },
]
ENCODERS = [
    {"name": "lightgcn", "title": "LightGCN", "explanation": "Averages neighbours.", "graph": True},
    {"name": "mf", "title": "MF", "explanation": "Free vectors.", "graph": False},
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


def rows(spec: RunSpec, kept: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return measurement rows as the engine writes them."""
    per_item = spec.model.dim * spec.bits / 8 + (2 if spec.options.get("scale") == "row" else 0)
    made = [
        _row(m, v, u)
        for m, v, u in (
            ("index_bytes", per_item * ITEMS, "bytes"),
            ("bytes_per_item", per_item, "bytes"),
            ("compression", spec.model.dim * 4 / per_item, "x"),
            ("train_s", 12.5, "s"),
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
            for p, f in (("p50", 1.0), ("p95", 1.3), ("p99", 1.9))
        ]
        made += [
            _row("throughput_qps", 1e6 / time_us, "queries/s", bits, 20, 1, 64),
            _row("query_bytes", spec.model.dim * bits / 8, "bytes", bits),
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
