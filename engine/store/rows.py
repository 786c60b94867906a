"""A run folder as catalog rows: what the columns are, and how a folder fills them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.spec import RunSpec
from engine.store.files import read_json
from engine.store.folders import ATTEMPTS, RunFolder
from engine.store.scaling import results

RUNS = pa.schema([
    ("run_id", pa.string()), ("state", pa.string()), ("dataset", pa.string()), ("encoder", pa.string()),
    ("dim", pa.int32()), ("layers", pa.int32()), ("loss", pa.string()), ("seed", pa.int32()),
    ("quantizer", pa.string()), ("bits", pa.int32()), ("options", pa.string()), ("settings", pa.string()),
    ("spec", pa.string()),
    ("submitted", pa.timestamp("us")), ("started", pa.timestamp("us")), ("finished", pa.timestamp("us")),
    ("attempts", pa.int32()), ("error", pa.string()), ("checkpoint", pa.string()), ("split", pa.string()),
    ("machine", pa.string()), ("hardware", pa.string()), ("notes", pa.string()),
])  # fmt: skip
ROWS = pa.schema([
    ("run_id", pa.string()), ("index", pa.string()), ("query_bits", pa.int32()), ("threads", pa.int32()),
    ("batch", pa.int32()), ("metric", pa.string()), ("k", pa.int32()), ("value", pa.float64()),
    ("unit", pa.string()), ("low", pa.float64()), ("high", pa.float64()),
])  # fmt: skip
SCALED = pa.schema([*ROWS, ("items", pa.int64()), ("hardware", pa.string()), ("measured", pa.timestamp("us"))])
"""Rows of runs at larger catalogues: how many items there were, and where and when they were measured."""
METHODS = pa.schema([("kind", pa.string()), ("name", pa.string()), ("description", pa.string())])


def read_run(folder: RunFolder, state: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a run's row and its measurement rows from its folder."""
    spec = folder.spec()
    manifest = (folder.manifest() or {}) if state == "done" else {}
    attempt = read_json(folder.file("attempt.json")) or {}
    queued = read_json(folder.file("queued.json")) or {}
    finished = mtime(folder.file("manifest.json")) if manifest else None
    machine = manifest.get("machine", {})
    row = {
        **_spec_columns(folder.run_id, spec), "state": state, "submitted": _time(queued.get("submitted_ns")),
        "started": _time(attempt.get("started_ns")), "finished": _time(manifest.get("finished_ns") or finished),
        "attempts": folder.attempts(), "error": _error(folder, state),
        "checkpoint": manifest.get("checkpoint"), "split": manifest.get("split", {}).get("key"),
        "machine": json.dumps(machine) if machine else None, "hardware": machine.get("hardware"),
        "notes": json.dumps(manifest.get("notes", [])),
    }  # fmt: skip
    return row, [{"run_id": folder.run_id, **r} for r in manifest.get("measurements", [])]


def read_scaled(folder: RunFolder) -> list[dict[str, Any]]:
    """Return a run's rows at larger catalogues."""
    return [
        {
            "run_id": folder.run_id, **row, "items": items, "hardware": entry["machine"]["hardware"],
            "measured": _time(entry["finished_ns"]),
        }
        for items, entry in results(folder).items() for row in entry["rows"]
    ]  # fmt: skip


def _error(folder: RunFolder, state: str) -> str | None:
    """Return what a person should know of a run that is not done."""
    if state == "orphaned" and folder.error() is None:
        times = folder.attempts()
        return f"its process ended without a word, {times} of {ATTEMPTS} attempts (killed, or out of memory)"
    return None if state == "done" else folder.error()


def _spec_columns(run_id: str, spec: RunSpec) -> dict[str, Any]:
    model = spec.model
    return {
        "run_id": run_id, "dataset": spec.dataset, "encoder": model.encoder, "dim": model.dim, "layers": model.layers,
        "loss": model.loss, "seed": model.seed, "quantizer": spec.quantizer, "bits": spec.bits,
        "options": json.dumps(spec.options, sort_keys=True),
        "settings": json.dumps(spec.settings(), sort_keys=True), "spec": spec.canonical(),
    }  # fmt: skip


def mtime(path: Path) -> int | None:
    """Return a file's time of change in ns; None where there is no file."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _time(ns: int | None) -> datetime | None:
    return None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC).replace(tzinfo=None)
