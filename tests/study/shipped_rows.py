"""A small reference study with known answers, written as it would be shipped.

``python -m tests.study.shipped_rows FOLDER`` fills a folder to look at (`FEWBITS_REFERENCE`).
"""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.measure.synthetic import rows
from engine.spec import RunSpec
from engine.store import reference
from engine.store.rows import _spec_columns
from engine.study.forms import form_text
from engine.study.plan import plan

HARDWARE = "Some CPU, 2 cores"
FLOAT_RECALL = {0: 0.20, 1: 0.21, 2: 0.19, 3: 0.2, 4: 0.2}
"""Seed → recall@20 of float32."""
KEPT = {"uniform 8 bit": 1.0, "uniform 4 bit": 0.995, "uniform 2 bit": 0.95, "sign 1 bit": 0.9, "hqgnn 2 bit": 0.97,
        "sign 1 bit, scale=none": 0.6, "l2qgcn 1 bit": 0.96, "hashgnn 1 bit": 0.8}  # fmt: skip


def kept_of(form: str, users: str, seed: int) -> float:
    """Return what a form keeps: half a point more at seed 1 and less at seed 2, five points less for coded users."""
    wide = {"float32 32 bit": 1.0, **KEPT}.get(form, 0.9)
    if form == "float32 32 bit":
        return 1.0
    less = 0.05 if users == "own" and " 1 bit" in form else 0.0
    return wide - less + {0: 0.0, 1: 0.005, 2: -0.005}.get(seed, 0.0)


def ship(
    to: Path,
    datasets: Sequence[str] = ("demo", "gowalla"),
    only: Sequence[str] = (),
    kept: Callable[[str, str, int], float] = kept_of,
    failed: Sequence[tuple[str, str]] = (),
    seeds: Sequence[int] = (),
    hardware: str = HARDWARE,
) -> list[RunSpec]:
    """Write the rows of a study; ``failed`` has (form, reason) of runs that failed, which have no rows.

    A search takes a microsecond for each byte an item, with coded users half of it.
    """
    reasons, runs, measured, specs = dict(failed), [], [], []
    for planned in plan(datasets, seeds, only):
        spec = planned.spec
        form = form_text(spec.quantizer, spec.bits, spec.options)
        state = "failed" if form in reasons else "done"
        runs.append(_run(spec, form, state, reasons.get(form), hardware))
        specs.append(spec)
        if state == "done":
            about = {"run_id": spec.run_id, "dataset": spec.dataset, "hardware": hardware, "versions": "fewbits 0.1.0",
                     "commit": "0123456789ab", "measured": datetime(2026, 11, 20)}  # fmt: skip
            measured += [{**row, **about} for row in _rows(spec, form, kept)]
    reference.write(to, runs, measured)
    return specs


def _run(spec: RunSpec, form: str, state: str, error: str | None, hardware: str) -> dict[str, Any]:
    now = datetime(2026, 11, 20)
    checkpoint = f"model-{spec.dataset}-{spec.model.digest()}"
    whole = {"index": "hnsw", "left": "at its default", **spec.options}  # the catalog has all, named or not
    return {
        **_spec_columns(spec.run_id, spec), "options": json.dumps(whole, sort_keys=True), "state": state,
        "submitted": now, "started": now, "finished": now,
        "attempts": 1, "error": error, "checkpoint": checkpoint, "split": f"split-{spec.dataset}-0-{'f' * 16}",
        "machine": json.dumps({"hardware": hardware}), "hardware": hardware, "notes": "[]",
        "chosen": json.dumps(dict(spec.options), sort_keys=True), "form": form,
    }  # fmt: skip


def _rows(spec: RunSpec, form: str, kept: Callable[[str, str, int], float]) -> list[dict[str, Any]]:
    made = rows(spec, 0.9, np.random.default_rng(0))
    size = next(row["value"] for row in made if row["metric"] == "bytes_per_item")
    for row in made:
        users = "own" if row["query_bits"] == spec.bits else "float32"
        if row["metric"] == "recall" and row["k"] == 20:
            row["value"] = FLOAT_RECALL.get(spec.model.seed, 0.2) * kept(form, users, spec.model.seed)
            row["low"], row["high"] = row["value"] - 0.001, row["value"] + 0.001
        if row["metric"] == "latency_p50_us":
            row["value"] = size * (0.5 if users == "own" and spec.bits != 32 else 1.0)
    extra = [
        {**made[-1], "query_bits": bits, "metric": f"recall_{part}@20", "k": 20, "unit": "share", "value": value}
        for bits in spec.query_bits
        for part, value in (("head", 0.3), ("tail", 0.1 if form == "float32 32 bit" else 0.05))
    ]
    return [*made, *extra]


if __name__ == "__main__":
    print(f"{len(ship(Path(sys.argv[1]), ('ml-100k', 'gowalla')))} runs in {sys.argv[1]}")
