"""One run, top to bottom: data → split → model → codes → index → lists → measurement rows → run folder.

The first file to read. Everything that is measured is measured on the index as it was written to disk and read back.
"""

import time
from typing import Any

import numpy as np

from engine import encoders, indexes, quantizers
from engine.codes import FloatCodes
from engine.data.split import Split, load_split
from engine.measure import latency, ranking
from engine.measure.machine import cores, machine
from engine.spec import FLOAT_BITS, KS, RunSpec
from engine.store.files import disk_errors
from engine.store.folders import RunFolder
from engine.store.lists import LIST_K, read_ids, write_latency, write_lists, write_users
from engine.store.prepared import describe, save_split
from engine.training.checkpoints import LISTS, Checkpoint, obtain
from engine.training.tuning import tune

TIE_SEED = 20
"""Orders items of equal score, the same for every method, data set and run."""
TUNING = ("best_epoch", "epochs", "history")
"""What the manifest tells of a tuned quantizer."""
DEPTH = max(KS) + 1
"""Places searched: one more than the longest list, so that a tie across its end is seen."""


def run(spec: RunSpec, folder: RunFolder, report: Any) -> list[dict[str, Any]]:
    """Execute a run and commit its folder; return the measurement rows.

    Parameters
    ----------
    report : called as ``report(stage, message, **fields)`` as things happen.

    Raises
    ------
    FewbitsError
        Whatever a person can mend: the data, the specification, the disk, a diverged training.
    """
    started_ns, clock = time.time_ns(), _Stopwatch()
    spec, root = quantizers.resolve(spec), folder.path.parent
    report("reading data", f"reading {spec.dataset}")
    split = load_split(spec.dataset, root, spec.split_seed, lambda text: report("reading data", text))
    split_key = save_split(root, split)

    checkpoint = obtain(root, spec.model, split, lambda **fields: report("training", **fields))
    report("quantizing", f"checkpoint {checkpoint.key} " + ("reused" if checkpoint.reused else "trained"))
    layers = encoders.create(spec.model, split).layers(checkpoint.arrays)
    reference = _reference(checkpoint, layers, split, report)
    quantizer, tuned = quantizers.create(spec), None
    if quantizer.trained:
        layers, quantizer, tuned = tune(root, spec, split, checkpoint, lambda **f: report("tuning", **f))
        report("quantizing", f"tuned {tuned.key} " + ("reused" if tuned.reused else "now"))

    clock.start()
    tables = split.tables(layers)
    quantizer.fit(tables, split.counts())
    items, users = quantizer.codes(tables["item"], "item"), quantizer.codes(tables["user"], "user")
    clock.stop("quantize_s")
    clock.start()
    index = indexes.build(items, TIE_SEED)
    clock.stop("build_s")
    vectors = quantizer.vectors(tables["user"], "user")
    queries = {bits: vectors if bits == FLOAT_BITS else index.pack_queries(users) for bits in spec.query_bits}
    index, queries = _write_and_read_back(folder, index, queries)

    timings = {**clock.seconds, "train_s": float(checkpoint.meta["train_s"])}
    if tuned is not None:
        timings["tune_s"] = float(tuned.meta["train_s"])
    rows = [_row(index, name, seconds, "s") for name, seconds in timings.items()]
    rows += _memory_rows(index, spec.model.dim, split.n_items)
    rows += _measure(spec, folder, index, queries, split, reference, report)
    notes = list(split.notes) + _notes(split)
    folder.commit({
        "run_id": folder.run_id, "spec": spec.model_dump(mode="json"), "checkpoint": checkpoint.key,
        "tuning": None if tuned is None else {"key": tuned.key, **{k: tuned.meta[k] for k in TUNING}},
        "split": {"key": split_key, **describe(split)}, "machine": machine(), "timings": timings,
        "checkpoint_reused": checkpoint.reused, "notes": notes, "measurements": rows,
        "started_ns": started_ns, "finished_ns": time.time_ns(),
    })  # fmt: skip
    return rows


def _reference(checkpoint: Checkpoint, layers: list[np.ndarray], split: Split, report: Any) -> np.ndarray:
    """Return the full-precision model's own lists, int32 [U, 100], searched once for each checkpoint."""
    path, k = checkpoint.folder / LISTS, max(KS)
    if not path.exists():
        report("searching", "full-precision lists, for the overlap")
        pooled = sum(layers[1:], layers[0]) / np.float32(len(layers))
        index = indexes.build(FloatCodes(pooled[split.n_users :]), TIE_SEED)
        seen = split.seen()
        hits = index.search(pooled[: split.n_users], k, (seen.indptr, seen.items), cores())
        part = path.with_suffix(".part")
        write_lists(part, {FLOAT_BITS: hits}, k)
        part.replace(path)
    return read_ids(path, k)


def _write_and_read_back(folder: RunFolder, index: Any, queries: dict[int, Any]) -> tuple[Any, dict[int, Any]]:
    """Save the packed items and queries, and return them as a server would load them."""
    with disk_errors(folder.path):
        indexes.save(index, folder.file("index.safetensors"))
        for bits, packed in queries.items():
            indexes.save_queries(packed, folder.file(f"queries_{bits}.safetensors"))
    loaded = {bits: indexes.load_queries(folder.file(f"queries_{bits}.safetensors")) for bits in queries}
    return indexes.load(folder.file("index.safetensors")), loaded


def _measure(
    spec: RunSpec,
    folder: RunFolder,
    index: Any,
    queries: dict[int, Any],
    split: Split,
    reference: np.ndarray,
    report: Any,
) -> list[dict[str, Any]]:
    """Search for every user at each query precision, rank against the test items, then time single queries and
    batches.
    """
    seen, users = split.seen(), np.arange(split.n_users)
    rows, lists, columns, samples = [], {}, {}, {}
    for bits, packed in queries.items():
        report("searching", f"lists of {split.n_users:,} users, queries of {bits} bits")
        lists[bits] = index.search(packed, DEPTH, (seen.indptr, seen.items), cores())
        columns[bits] = ranking.per_user(lists[bits], users, split.test, reference, split.n_items)
        rows += [_row(index, query_bits=bits, **row) for row in ranking.summarise(columns[bits])]
        rows.append(_row(index, "users", len(columns[bits]["user"]), "users", query_bits=bits))
        rows.append(_row(index, "query_bytes", packed.nbytes / max(len(packed), 1), "bytes", query_bits=bits))
    for bits, packed in queries.items():
        report("measuring latency", f"one query at a time, queries of {bits} bits; nothing else should run now")
        samples[bits] = latency.measure(index, packed, seen)
        rows += [_row(index, query_bits=bits, **row) for row in latency.summarise(samples[bits])]
    report("writing", "writing lists, per-user metrics and samples")
    write_lists(folder.file("lists.parquet"), lists, LIST_K)
    write_users(folder.file("users.parquet"), columns)
    write_latency(folder.file("latency.parquet"), samples)
    return rows


def _row(
    index: Any, metric: str, value: float, unit: str, query_bits: int | None = None, **more: Any
) -> dict[str, Any]:
    """Return a measurement row; what does not apply is None, and a metric that was not measured has no row at all."""
    empty = {"threads": None, "batch": None, "k": None, "low": None, "high": None}
    return {
        "index": index.layout,
        "query_bits": query_bits,
        "metric": metric,
        "value": float(value),
        "unit": unit,
        **empty,
        **more,
    }


def _memory_rows(index: Any, dim: int, n_items: int) -> list[dict[str, Any]]:
    size = index.nbytes
    rows = [_row(index, "index_bytes", size, "bytes")]
    if n_items:
        rows.append(_row(index, "bytes_per_item", size / n_items, "bytes"))
        rows.append(_row(index, "compression", 4 * dim * n_items / size, "x"))
    return rows


def _notes(split: Split) -> list[str]:
    short = [k for k in KS if k > split.n_items]
    return (
        [f"lists of {', '.join(map(str, short))} were not measured: the catalogue has {split.n_items} items"]
        if short
        else []
    )


class _Stopwatch:
    """Seconds of named stretches."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def start(self) -> None:
        self._from = time.perf_counter()

    def stop(self, name: str) -> None:
        self.seconds[name] = time.perf_counter() - self._from
