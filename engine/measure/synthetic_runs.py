"""Folders of synthetic runs and their catalog, written through the store's own functions: thousands in a minute."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.measure.synthetic import FORMATS, ITEMS, TUNED, USERS, FakeSplit, Format, rows
from engine.spec import FLOAT_BITS, KS, ModelSpec, RunSpec
from engine.store import prepared
from engine.store.catalog import Catalog
from engine.store.files import write_json
from engine.store.folders import RunFolder, create

HARDWARE = "Fake CPU, 2 cores"
MACHINE = {"cpu": "Fake CPU", "cores": 2, "memory_gb": 8, "python": "3.11", "torch": "none", "fewbits": "test"}
HISTORY = [
    {"epoch": e, "loss": 6.0 / e + 2, "valid_ndcg@20": float(0.12 * (1 - np.exp(-e / 2))), "seconds": 1.5}
    for e in range(1, 9)
]
TUNING = {
    "key": "tuned-000000000000", "epochs": 8, "best_epoch": 6,
    "history": [{"epoch": 0, "valid_ndcg@20": 0.01}, *HISTORY],
}  # fmt: skip
DEPTH = 100
"""Items of a float32 model's list; those of runs are half as long."""


def make(
    root: Path,
    n: int,
    methods: list[dict[str, Any]],
    *,
    first: int = 0,
    with_lists: int | None = None,
    dataset: str = "demo",
    hardware: str = HARDWARE,
    formats: Sequence[Format] = FORMATS,
) -> list[str]:
    """Write n finished runs (all formats a seed, from number ``first`` on), publish the catalog, return the ids.

    Parameters
    ----------
    methods : descriptions for the catalog, as `engine.commands.describing.methods` gives them
    with_lists : how many of the runs get files for single users; None: all. Without, hundreds are written in seconds.
    """
    split = FakeSplit(dataset=dataset)
    key = prepared.save_split(root, split)
    ids: list[str] = []
    for number in range(first, first + n):
        name, bits, options, kept = formats[number % len(formats)]
        seed = number // len(formats)
        model = ModelSpec(dim=(32, 64, 128)[seed % 3], layers=2, seed=seed, epochs=8)
        asked = (FLOAT_BITS, bits)
        spec = RunSpec(dataset=dataset, model=model, quantizer=name, bits=bits, query_bits=asked, options=options)
        finish(root, spec, kept, key, split, with_lists is None or len(ids) < with_lists, hardware)
        ids.append(spec.run_id)
    Catalog(root, methods).refresh()
    return ids


def finish(root: Path, spec: RunSpec, kept: float, key: str, split: FakeSplit, lists: bool, hardware: str) -> None:
    """Write one finished run."""
    folder = create(root, spec)
    folder.begin()
    folder.file("log.txt").write_text("reading data\ntraining\nmeasuring\ndone\n", encoding="utf-8")
    checkpoint = f"model-{spec.model.digest()}"
    rng = np.random.default_rng(spec.model.seed)
    _checkpoint(root, checkpoint, spec.model, rng, lists)
    if lists:
        _lists(folder, spec, kept, split)
    now = time.time_ns()
    tuned = spec.quantizer in TUNED
    timings = {"train_s": 12.5, "quantize_s": 0.02, "build_s": 0.01, **({"tune_s": 7.5} if tuned else {})}
    folder.commit({
        "run_id": spec.run_id, "spec": spec.model_dump(mode="json"), "checkpoint": checkpoint,
        "split": {"key": key, **prepared.describe(split)}, "machine": {"hardware": hardware, **MACHINE},
        "timings": timings, **({"tuning": TUNING} if tuned else {}), "notes": [],
        "measurements": rows(spec, kept, rng), "started_ns": now - 10**10, "finished_ns": now,
    })  # fmt: skip


def _checkpoint(root: Path, key: str, model: ModelSpec, rng: np.random.Generator, lists: bool) -> None:
    folder = root / "cache" / key
    if not (folder / "meta.json").exists():
        meta = {"spec": model.model_dump(mode="json"), "train_s": 12.5, "epochs": 8, "history": HISTORY}
        write_json(folder / "meta.json", {**meta, "best_epoch": 7})
    if lists and not (folder / "top.parquet").exists():
        entries = [(u, FLOAT_BITS, rng.permutation(ITEMS)[:DEPTH].astype(np.int32)) for u in range(USERS)]
        _write_lists(folder / "top.parquet", entries)


def _lists(folder: RunFolder, spec: RunSpec, kept: float, split: FakeSplit) -> None:
    """The float32 list with some neighbours swapped and some items replaced: more, the less the format keeps."""
    rng = np.random.default_rng(spec.bits)
    top = folder.path.parent / "cache" / f"model-{spec.model.digest()}" / "top.parquet"
    exact = pq.read_table(top)["items"].to_pylist()
    test = split.test
    entries, metrics = [], []
    for user in range(USERS):
        for bits in spec.query_bits:
            noise = rng.normal(0, 60 * (1 - kept) + (0 if bits == FLOAT_BITS else 2), DEPTH)
            items = np.array(exact[user], np.int32)[np.argsort(np.arange(DEPTH) + noise, kind="stable")][: DEPTH // 2]
            entries.append((user, bits, items))
            held_out = test.items[test.indptr[user] : test.indptr[user + 1]]
            if len(held_out):
                metrics.append(_user_row(user, bits, items, held_out, exact[user]))
    _write_lists(folder.file("lists.parquet"), entries, tied=kept < 0.6)
    pq.write_table(pa.Table.from_pylist(metrics), folder.file("users.parquet"))
    samples = [
        {"query_bits": b, "threads": 1, "batch": 1, "cold": False, "round": 0, "microseconds": float(t)}
        for b in spec.query_bits
        for t in rng.gamma(9, 1.2, 400)
    ]
    pq.write_table(pa.Table.from_pylist(samples), folder.file("latency.parquet"))


def _user_row(user: int, bits: int, items: np.ndarray, held_out: np.ndarray, exact: list[int]) -> dict[str, Any]:
    row: dict[str, Any] = {"user": user, "query_bits": bits, "n_test": len(held_out)}
    for k in KS:
        row[f"recall@{k}"] = len(set(items[:k]) & set(held_out)) / len(held_out)
        row[f"ndcg@{k}"] = row[f"recall@{k}"] * 0.8
        row[f"overlap@{k}"] = len(set(items[:k]) & set(exact[:k])) / min(k, DEPTH // 2)
    return row


def _write_lists(path: Path, entries: list[tuple[int, int, np.ndarray]], tied: bool = False) -> None:
    entries = sorted(entries, key=lambda e: e[0])
    step = 4 if tied else 1
    scores = [[float(2.0 - 0.01 * (p // step)) for p in range(len(items))] for _, _, items in entries]
    table = {
        "user": pa.array([u for u, _, _ in entries], pa.int32()),
        "query_bits": pa.array([b for _, b, _ in entries], pa.int32()),
        "items": pa.array([i.tolist() for _, _, i in entries], pa.list_(pa.int32())),
        "scores": pa.array(scores, pa.list_(pa.float32())),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), path)
