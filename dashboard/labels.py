"""Plain words for what the catalog holds: names of methods and columns, units, and a run in one line."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from dashboard import peers
from engine.spec import FLOAT_BITS, GIVEN, RunSpec

NAMES = {
    "lightgcn": "LightGCN", "mf": "MF", "popularity": "Popularity", "softmax": "softmax", "bpr": "BPR",
    "ngcf": "NGCF", "given": "Given vectors", "float32": "float32", "float16": "float16", "uniform": "uniform",
    "sign": "sign", "lsh": "LSH", "itq": "ITQ", "rabitq": "RaBitQ", "pq": "PQ", "opq": "OPQ", "hqgnn": "HQ-GNN",
    "l2qgcn": "L²Q-GCN", "hashgnn": "HashGNN", "dpq": "DPQ", "mgqe": "MGQE", "peer": "peers (other libraries)",
}  # fmt: skip
OPTION_WORDS = {"lr": "learning rate", "l2": "L2 weight", "ema": "EMA", "ste": "STE", "gste": "GSTE", "k": "K"}
"""Parts of options' names that are not read as they are written."""
Defaults = Mapping[str, Mapping[str, Any]]
"""Quantizer → its options' defaults, as the engine describes them."""
STATES = {
    "queued": ("waiting", ":material/hourglass_empty:", "gray"),
    "running": ("running", ":material/play_circle:", "blue"),
    "done": ("done", ":material/check_circle:", "green"),
    "failed": ("failed", ":material/error:", "red"),
    "cancelled": ("cancelled", ":material/block:", "orange"),
    "orphaned": ("broken off", ":material/link_off:", "orange"),
}


@dataclass(frozen=True)
class Axis:
    """One thing a point can be judged by: its column, what people call it, and how it is written."""

    column: str
    title: str
    short: str
    help: str
    scale: float = 1.0
    format: str = "%.4g"
    timed: bool = False


QUALITY = {
    "recall": Axis(
        "recall",
        "Recall",
        "recall",
        "Share of a user's held-out items that are among the first k recommended, mean over users.",
    ),
    "ndcg": Axis(
        "ndcg",
        "NDCG",
        "ndcg",
        "Like recall, but a hit counts more the higher it stands in the list; 1 is a perfect order.",
    ),
    "overlap": Axis(
        "overlap", "Overlap with float32", "overlap", "Share of the exact float32 top k that the quantized list keeps."
    ),
}
COSTS = {
    axis.column: axis
    for axis in (
        Axis("bytes_per_item", "Bytes per item", "bytes/item", "Memory of one item in the index, scales included.",
             format="%.1f"),
        Axis("index_bytes", "Index memory (MB)", "MB", "Memory of the whole index; 1 MB = 1,000,000 bytes.", 1e-6,
             "%.3f"),
        Axis("latency_p50_us", "Latency, median (µs)", "p50 µs",
             "Half of the searches for one user (k = 20, one thread) were faster.", 1.0, "%.1f", True),
        Axis("latency_p95_us", "Latency, 95th percentile (µs)", "p95 µs",
             "95 of 100 searches for one user were faster.", 1.0, "%.1f", True),
        Axis("latency_p99_us", "Latency, 99th percentile (µs)", "p99 µs",
             "99 of 100 searches for one user were faster.", 1.0, "%.1f", True),
        Axis("latency_cold_p50_us", "Latency from cold caches, median (µs)", "cold p50 µs",
             "As the median, but the processor's caches were emptied before each search.", 1.0, "%.1f", True),
        Axis("throughput_qps", "Throughput (queries a second)", "queries/s",
             "Users answered in a second, in batches of 64 on one thread; more is better.", 1.0, "%.0f", True),
    )
}  # fmt: skip
AXES = (*QUALITY, *COSTS)
"""Everything that an axis can show, by name; `axis` gives the column, which for quality depends on k."""

COLUMNS = {
    "bytes_per_item": "Bytes per item", "index_bytes": "Index (bytes)", "compression": "Smaller than float32 (×)",
    "query_bytes": "User vector (bytes)", "latency_p50_us": "Latency p50 (µs)", "latency_p95_us": "Latency p95 (µs)",
    "latency_p99_us": "Latency p99 (µs)", "latency_cold_p50_us": "Latency p50, cold (µs)",
    "calibration_drift": "Pace lost while timing (%)", "throughput_qps": "Throughput (queries/s)",
    "train_s": "Training (s)", "tune_s": "Tuning (s)", "quantize_s": "Quantizing (s)", "build_s": "Index build (s)",
    "users": "Users in the means",
}  # fmt: skip

MACHINE = {
    "hardware": "Hardware", "cpu": "Processor", "cores": "Cores", "memory_gb": "Memory (GB)", "gpu": "GPU",
    "instructions": "Vector instructions", "caches": "Caches", "os": "Operating system", "python": "Python",
    "fewbits": "Fewbits", "commit": "Commit",
}  # fmt: skip
"""How the machine's entries are called; libraries go by their own names."""


def name(word: str) -> str:
    """Return how a method's or a loss's name is written."""
    return NAMES.get(word, word)


def axis_title(column: str) -> str:
    """Return a metric column's title: ``recall@20`` → ``Recall@20``."""
    if column in COSTS:
        return COSTS[column].title
    kind, _, k = column.partition("@")
    return (
        f"{kind.upper() if kind == 'ndcg' else kind.capitalize()}@{k}"
        if kind in QUALITY
        else COLUMNS.get(column, column)
    )


def axis(name: str, k: int = 20, share: bool = False) -> Axis:
    """Return an axis by its name in `AXES`; quality at list length k, recall and NDCG also as a share of float32."""
    if name in COSTS:
        return COSTS[name]
    of, column = share and name != "overlap", f"{name}@{k}"
    title = axis_title(column) + (", share of float32" if of else "")
    return replace(QUALITY[name], column=f"{column}_share" if of else column, title=title, format="%.4f")


def option_title(key: str) -> str:
    """Return an option's name as the title of a field: ``tail_share`` → ``Tail share``, ``lr`` → ``Learning rate``."""
    words = option_words(key)
    return words[:1].upper() + words[1:]


def option_words(key: str) -> str:
    """Return an option's name as words within a sentence: ``tail share``, ``learning rate``."""
    return " ".join(OPTION_WORDS.get(part, part) for part in key.split("_"))


def options_text(options: str | Mapping[str, Any] | None, defaults: Mapping[str, Any] | None = None) -> str:
    """Return a quantizer's own options as words: ``scale table, centred, no rotation``.

    Those at their default are left out; without ``defaults`` all are told, but for flags that are off.
    """
    chosen: Mapping[str, Any] = json.loads(options) if isinstance(options, str) else options or {}
    words = []
    for key, value in chosen.items():
        name = key.replace("_", " ")
        if (defaults or {}).get(key) == value or (value is False and not (defaults or {}).get(key)):
            continue
        if isinstance(value, bool):
            words.append(name if value else f"no {name}")
        elif key == "users":  # "users float32" would be read as how they are searched
            words.append(f"tuned for {value} users")
        else:
            words.append(f"no {name}" if value == "none" else f"{name} {value}")
    return ", ".join(words)


def method(row: Mapping[str, Any], defaults: Defaults | None = None) -> str:
    """Return quantizer, bits and options of a run: ``uniform 4 bit, scale table``; see `options_text`."""
    quantizer, options = str(row["quantizer"]), row.get("options")
    if row.get("encoder") == "popularity" and quantizer == "float32":
        return name("popularity").lower()  # "float32" would name a number format where there is no model to compress
    head = name(quantizer) + ("" if quantizer.endswith(str(row["bits"])) else f" {row['bits']} bit")
    if quantizer == peers.PEER:
        head, options = peers.named(options)
    words = options_text(options, (defaults or {}).get(quantizer))
    return head + (f", {words}" if words else "")


def widths(bits: Sequence[int]) -> str:
    """Return the bit-widths that a quantizer offers: ``8 / 4 / 2 / 1 bits``."""
    return " / ".join(map(str, bits)) + (" bit" if list(bits) == [1] else " bits")


def queries(query_bits: int) -> str:
    """Return how users' vectors are searched, in words."""
    return "float32 users" if int(query_bits) == FLOAT_BITS else f"{int(query_bits)}-bit users"


def model(row: Mapping[str, Any]) -> str:
    """Return the float model of a run: ``LightGCN, 64 dimensions, 3 layers, softmax, seed 0``; of a row that is a mean
    over ``seeds``: ``… softmax, 3 seeds``.
    """
    several = row.get("seeds")
    seed = f"{several} seeds" if several and several > 1 else f"seed {row['seed']}"
    if row["encoder"] == "popularity":
        return name("popularity")
    if row["encoder"] == GIVEN:
        return f"{name(GIVEN)}, {row['dim']} dimensions, {seed}"
    layers = f", {row['layers']} layer{'s' if row['layers'] != 1 else ''}" if row["layers"] else ""
    return f"{name(row['encoder'])}, {row['dim']} dimensions{layers}, {name(row['loss'])}, {seed}"


def run(row: Mapping[str, Any], defaults: Defaults | None = None) -> str:
    """Return a run in one line: data set, method (its "method" where it has one), model."""
    known = row.get("method")
    return f"{row['dataset']} · {known if isinstance(known, str) else method(row, defaults)} · {model(row)}"


def point(row: Mapping[str, Any], defaults: Defaults | None = None) -> str:
    """Return a point in one line: a run and how its users are searched."""
    return f"{run(row, defaults)} · {queries(row['query_bits'])}"


def spec_row(spec: RunSpec) -> dict[str, Any]:
    """Return the columns by which a run is named, from its specification."""
    return {
        "dataset": spec.dataset, "quantizer": spec.quantizer, "bits": spec.bits, "options": dict(spec.options),
        "encoder": spec.model.encoder, "dim": spec.model.dim, "layers": spec.model.layers, "loss": spec.model.loss,
        "seed": spec.model.seed,
    }  # fmt: skip


def duration(seconds: float | None) -> str:
    """Return a duration as people say it: ``35 s``, ``4 min``, ``2 h 10 min``."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def amount(value: float) -> str:
    """Return a number of bytes with its unit; 1 MB = 1,000,000 bytes."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:,.3g} {unit}" if value < 999.5 * size else f"{value / size:,.0f} {unit}"
    return f"{value:,.0f} bytes"


def number(value: Any, digits: int = 4) -> str:
    """Return a measured number, or "not measured": an absent measurement is never shown as 0."""
    if value is None or pd.isna(value):
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:,.{digits}g}"


def share(value: Any) -> str:
    """Return a share with four decimals, as papers give them."""
    return "not measured" if value is None or pd.isna(value) else f"{value:.4f}"


def when(moment: Any) -> str:
    """Return a time of the catalog (UTC) to the minute."""
    return "–" if moment is None or pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M} UTC"
