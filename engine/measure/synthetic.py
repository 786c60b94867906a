"""What synthetic runs are made of: formats and what they keep, a small split with names, measurement rows.

Plausible and clearly made up: for tests of the dashboard and for the time it takes with thousands of runs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.spec import FLOAT_BITS, KS, LATENCY_K, RunSpec

USERS, ITEMS = 60, 150
Format = tuple[str, int, dict[str, Any], float]
"""Quantizer, bits, options, and the share of float32's quality that the synthetic run keeps."""
FORMATS: tuple[Format, ...] = (
    ("float32", 32, {}, 1.0),
    ("float16", 16, {}, 1.0),
    ("uniform", 8, {"scale": "row"}, 0.999),
    ("uniform", 4, {"scale": "row"}, 0.99),
    ("uniform", 2, {"scale": "row"}, 0.93),
    ("uniform", 1, {"scale": "row"}, 0.8),
    ("sign", 1, {"scale": "row"}, 0.87),
    ("sign", 1, {"scale": "none"}, 0.5),
)
ALL_FORMATS: tuple[Format, ...] = (
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
TUNED = ("hqgnn", "l2qgcn", "hashgnn", "dpq", "mgqe")
"""The quantizers that are trained themselves."""


@dataclass(frozen=True)
class Lists:
    """Users' items as CSR: int64 [users + 1] and int32 [entries]."""

    indptr: np.ndarray
    items: np.ndarray


@dataclass(frozen=True)
class FakeSplit:
    """What `engine.store.prepared.save_split` reads of a split."""

    dataset: str = "demo"
    n_users: int = USERS
    n_items: int = ITEMS
    seed: int = 0
    rule: str = "fake: every third item of a user is held out"
    notes: tuple[str, ...] = ("2 users have no test items: left out of the means",)
    fingerprint: str = "f" * 16
    item_keys: None = None
    labelled: bool = True

    @property
    def user_labels(self) -> tuple[str, ...] | None:
        return tuple(f"reader-{u + 1:03d}" for u in range(self.n_users)) if self.labelled else None

    @property
    def item_labels(self) -> tuple[str, ...] | None:
        return tuple(f"Fake Book No. {i}" for i in range(self.n_items)) if self.labelled else None

    def _lists(self, part: int, empty: tuple[int, ...] = ()) -> Lists:
        rng = np.random.default_rng(self.seed)
        lists = [
            np.sort(rng.choice(self.n_items, 24, replace=False))[part::3].astype(np.int32) for _ in range(self.n_users)
        ]
        lists = [lists[u][:0] if u in empty else lists[u] for u in range(self.n_users)]
        return Lists(np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64), np.concatenate(lists))

    @property
    def train(self) -> Lists:
        return self._lists(0)

    @property
    def valid(self) -> Lists:
        return self._lists(1)

    @property
    def test(self) -> Lists:
        return self._lists(2, empty=(0, 1))


def rows(spec: RunSpec, kept: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return measurement rows as the engine writes them."""
    per_item = float(int(spec.options.get("subspaces", spec.model.dim)) * spec.bits / 8)
    per_item *= spec.model.pooled if spec.quantizer == "l2qgcn" else 1
    per_item += 2 if spec.options.get("scale") == "row" else 0
    of_index = [
        ("index_bytes", per_item * ITEMS, "bytes"), ("bytes_per_item", per_item, "bytes"),
        ("compression", spec.model.dim * 4 / per_item, "x"), ("train_s", 12.5, "s"), ("quantize_s", 0.02, "s"),
        ("build_s", 0.01, "s"), ("users", USERS - 2, "users"),
    ]  # fmt: skip
    of_index += [("tune_s", 7.5, "s")] * (spec.quantizer in TUNED)
    made = [_row(metric, value, unit) for metric, value, unit in of_index]
    for bits in spec.query_bits:
        share = kept * (1 if bits == FLOAT_BITS else 0.97) * (0.97 + 0.06 * rng.random())
        for place, k in enumerate(KS):
            recall = (0.11 + 0.07 * place) * share
            for metric, value in (
                ("recall", recall),
                ("ndcg", recall * 0.8),
                ("overlap", min(1.0, share)),
                ("tied", 0.0 if kept > 0.6 else 0.7),
            ):
                made.append({**_row(metric, value, "share", bits, k), "low": value * 0.95, "high": value * 1.05})
        time_us = (3 + per_item / 8) * (1 if bits == FLOAT_BITS else 0.7) * (0.9 + 0.2 * rng.random())
        made += [
            _row(f"latency_{p}_us", time_us * f, "us", bits, LATENCY_K, 1, 1)
            for p, f in (("p50", 1.0), ("p95", 1.3), ("p99", 1.9), ("cold_p50", 4.0))
        ]
        made += [
            _row("throughput_qps", 1e6 / time_us, "queries/s", bits, LATENCY_K, 1, 64),
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
        "index": "fake", "query_bits": bits, "threads": threads, "batch": batch, "metric": metric, "k": k,
        "value": float(value), "unit": unit, "low": None, "high": None,
    }  # fmt: skip
