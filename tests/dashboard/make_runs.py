"""Synthetic run folders and a catalog (`engine.measure.synthetic_runs`), and runs in every other state. No torch.

``python -m tests.dashboard.make_runs FOLDER [RUNS]`` fills a folder to look at the dashboard with; ``all`` for RUNS
makes one of each format of all methods.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.measure.synthetic import ALL_FORMATS, FORMATS, Format
from engine.measure.synthetic_runs import HARDWARE, make
from engine.spec import ModelSpec, RunSpec
from engine.store import scaling
from engine.store.catalog import Catalog
from engine.store.files import write_json
from engine.store.folders import RunFolder, create
from tests.dashboard.fake_data import METHODS


def make_runs(
    root: Path,
    n: int = 8,
    *,
    first: int = 0,
    lists: bool = True,
    dataset: str = "demo",
    hardware: str = HARDWARE,
    formats: Sequence[Format] = FORMATS,
) -> list[str]:
    """Write n finished runs (all formats a seed, from number ``first`` on), publish the catalog, return the ids.

    ``lists`` False leaves out the files for single users, so that hundreds of runs are written in seconds.
    """
    some = None if lists else 0
    return make(root, n, METHODS, first=first, with_lists=some, dataset=dataset, hardware=hardware, formats=formats)


def publish(root: Path) -> None:
    """Publish a snapshot of what lies in the folders, as the engine does."""
    Catalog(root, METHODS).refresh()


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
