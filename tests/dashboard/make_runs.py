"""Synthetic run folders and a catalog, written through the store's own functions: plausible, clearly fake, no torch.

``python -m tests.dashboard.make_runs FOLDER [RUNS]`` fills a folder to look at the dashboard with; ``all`` for RUNS
makes one of each format of all methods.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.spec import KS, ModelSpec, RunSpec
from engine.store import prepared, scaling
from engine.store.catalog import Catalog
from engine.store.files import write_json
from engine.store.folders import RunFolder, create
from tests.dashboard.fake_data import ALL_FORMATS, FORMATS, ITEMS, METHODS, USERS, FakeSplit, rows, tuned

Formats = Sequence[tuple[str, int, dict[str, Any], float]]
HARDWARE = "Fake CPU, 2 cores"
MACHINE = {
    "hardware": HARDWARE,
    "cpu": "Fake CPU",
    "cores": 2,
    "memory_gb": 8,
    "python": "3.11",
    "torch": "none",
    "fewbits": "test",
}


def make_runs(
    root: Path,
    n: int = 8,
    *,
    first: int = 0,
    lists: bool = True,
    dataset: str = "demo",
    hardware: str = HARDWARE,
    formats: Formats = FORMATS,
) -> list[str]:
    """Write n finished runs (all formats a seed, from number ``first`` on), publish the catalog, return the ids.

    ``lists`` False leaves out the files for single users, so that hundreds of runs are written in seconds.
    """
    split = FakeSplit(dataset=dataset)
    key = prepared.save_split(root, split)
    ids = []
    for number in range(first, first + n):
        name, bits, options, kept = formats[number % len(formats)]
        seed = number // len(formats)
        model = ModelSpec(dim=(32, 64, 128)[seed % 3], layers=2, seed=seed, epochs=8)
        spec = RunSpec(dataset=dataset, model=model, quantizer=name, bits=bits, query_bits=(32, bits), options=options)
        ids.append(finish(root, spec, kept, key, split, lists, hardware))
    publish(root)
    return ids


def publish(root: Path) -> None:
    """Publish a snapshot of what lies in the folders, as the engine does."""
    Catalog(root, METHODS).refresh()


def finish(
    root: Path, spec: RunSpec, kept: float, key: str, split: FakeSplit, lists: bool = True, hardware: str = "Fake CPU"
) -> str:
    """Write one finished run."""
    folder = create(root, spec)
    folder.begin()
    folder.file("log.txt").write_text("reading data\ntraining\nmeasuring\ndone\n", encoding="utf-8")
    checkpoint = f"model-{spec.model.digest()}"
    rng = np.random.default_rng(spec.model.seed)
    _checkpoint(root, checkpoint, spec.model, rng)
    if lists:
        _lists(folder, spec, kept, split)
    now = time.time_ns()
    folder.commit(
        {
            "run_id": spec.run_id,
            "spec": spec.model_dump(mode="json"),
            "checkpoint": checkpoint,
            "split": {"key": key, **prepared.describe(split)},
            "machine": {**MACHINE, "hardware": hardware},
            "timings": {
                "train_s": 12.5,
                "quantize_s": 0.02,
                "build_s": 0.01,
                **({"tune_s": 7.5} if tuned(spec) else {}),
            },
            **({"tuning": TUNING} if tuned(spec) else {}),
            "notes": [],
            "measurements": rows(spec, kept, rng),
            "started_ns": now - 10**10,
            "finished_ns": now,
        }
    )
    return spec.run_id


def scaled(root: Path, run_ids: Sequence[str], items: int = 1_000_000, hardware: str = HARDWARE) -> None:
    """Write what finished runs measured at a larger catalogue, and publish it: 100 times slower, 5 bytes an item."""
    for run_id in run_ids:
        folder = RunFolder(root / run_id)
        own = [r for r in folder.manifest()["measurements"] if r["metric"].startswith(("latency", "calibration"))]
        rows = [{**r, "value": 100 * r["value"]} for r in own]
        of_index = {"query_bits": None, "threads": None, "batch": None, "k": None, "unit": "bytes"}
        for metric, value in (("index_bytes", 5.0 * items), ("bytes_per_item", 5.0)):
            rows.append({**own[0], **of_index, "metric": metric, "value": value})
        entry = {"rows": rows, "machine": {"hardware": hardware}, "notes": [], "finished_ns": time.time_ns()}
        scaling.add_result(folder, items, entry)
    publish(root)


HISTORY = [
    {"epoch": e, "loss": 6.0 / e + 2, "valid_ndcg@20": 0.12 * (1 - np.exp(-e / 2)), "seconds": 1.5} for e in range(1, 9)
]
TUNING = {
    "key": "tuned-000000000000",
    "epochs": 8,
    "best_epoch": 6,
    "history": [{"epoch": 0, "valid_ndcg@20": 0.01}, *HISTORY],
}


def _checkpoint(root: Path, key: str, model: ModelSpec, rng: np.random.Generator) -> None:
    folder = root / "cache" / key
    if (folder / "meta.json").exists():
        return
    write_json(
        folder / "meta.json",
        {"spec": model.model_dump(mode="json"), "train_s": 12.5, "epochs": 8, "history": HISTORY, "best_epoch": 7},
    )
    items = [rng.permutation(ITEMS)[:100].astype(np.int32) for _ in range(USERS)]
    _write_lists(folder / "top.parquet", [(u, 32, items[u]) for u in range(USERS)])


def _lists(folder: RunFolder, spec: RunSpec, kept: float, split: FakeSplit) -> None:
    """The float32 list with some neighbours swapped and some items replaced: more, the less the format keeps."""
    rng = np.random.default_rng(spec.bits)
    exact = pq.read_table(folder.path.parent / "cache" / f"model-{spec.model.digest()}" / "top.parquet")[
        "items"
    ].to_pylist()
    test = split.test
    entries, metrics = [], []
    for user in range(USERS):
        for bits in spec.query_bits:
            noise = rng.normal(0, 60 * (1 - kept) + (0 if bits == 32 else 2), 100)
            items = np.array(exact[user], np.int32)[np.argsort(np.arange(100) + noise, kind="stable")][:50]
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
        row[f"overlap@{k}"] = len(set(items[:k]) & set(exact[:k])) / min(k, 50)
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


def waiting(root: Path, n: int = 2) -> list[str]:
    """Write n runs that wait."""
    return [create(root, RunSpec(dataset="demo", model=ModelSpec(seed=500 + i))).run_id for i in range(n)]


def failed(root: Path, message: str = "got 3 fields in u.data line 17, expected 4: mend the line") -> str:
    """Write one failed run."""
    folder = create(
        root,
        RunSpec(dataset="ml-100k", model=ModelSpec(seed=900), quantizer="uniform", bits=4, options={"scale": "row"}),
    )
    folder.begin()
    folder.file("log.txt").write_text("reading data\n" + message + "\n", encoding="utf-8")
    folder.fail(message, "user")
    return folder.run_id


def cancelled(root: Path) -> str:
    """Write one cancelled run."""
    folder = create(
        root, RunSpec(dataset="demo", model=ModelSpec(seed=901), quantizer="sign", bits=1, options={"scale": "row"})
    )
    write_json(folder.file("cancelled.json"), {"at_ns": time.time_ns()})
    return folder.run_id


def orphaned(root: Path) -> str:
    """Write one run whose process ended without a word."""
    folder = create(root, RunSpec(dataset="demo", model=ModelSpec(seed=902)))
    folder.begin()
    return folder.run_id


def running(root: Path, stage: str = "training") -> tuple[str, Any]:
    """Write one run under way; return its id and the lock that keeps it alive (release it to end)."""
    folder = create(
        root, RunSpec(dataset="demo", model=ModelSpec(seed=903), quantizer="uniform", bits=8, options={"scale": "row"})
    )
    lock = folder.lock()
    lock.acquire(timeout=0)
    folder.begin()
    folder.file("log.txt").write_text("reading data\nepoch 3 loss 5.1\n", encoding="utf-8")
    write_json(folder.file("progress.json"), {
        "stage": stage, "epoch": 3, "epochs": 40, "loss": 5.1, "valid_ndcg@20": 0.12, "fraction": 0.35,
        "eta_s": 40.0, "message": "", "at_ns": time.time_ns(),
    })  # fmt: skip
    return folder.run_id, lock


if __name__ == "__main__":
    wanted = sys.argv[2] if len(sys.argv) > 2 else "8"
    every = {"n": len(ALL_FORMATS), "formats": ALL_FORMATS} if wanted == "all" else {"n": int(wanted)}
    made = make_runs(Path(sys.argv[1]), **every)
    print(f"{len(made)} fake runs in {sys.argv[1]}")
