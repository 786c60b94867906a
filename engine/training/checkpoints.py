"""Checkpoints: a trained model under a name that follows from its content's causes, trained once and shared by every
run.

The key digests the model specification, the split's fingerprint and TRAINER, so that equal models meet in one folder
``runs/cache/model-<digest>`` and different ones never do. A lock makes runs that need the same one wait for the first.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from engine.measure.machine import machine
from engine.spec import ModelSpec
from engine.store.files import disk_errors, read_json, sha256, write_json
from engine.training.rules import settled
from engine.training.trainer import Report, train

TRAINER = 1
"""Raise it whenever the same specification would train to other embeddings: old checkpoints are then not taken for
new.
"""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model on disk."""

    key: str
    folder: Path
    embeddings: np.ndarray  # float32 [U+I, d]
    meta: dict[str, Any]
    reused: bool


def checkpoint_key(model: ModelSpec, fingerprint: str) -> str:
    """Return the folder name of a model trained on a split."""
    text = f"{TRAINER}|{fingerprint}|{model.canonical()}"
    return "model-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def obtain(root: Path, model: ModelSpec, split: Any, report: Report) -> Checkpoint:
    """Return the checkpoint of a model on a split: the stored one where it is whole, else train it now and store it.

    Raises
    ------
    FewbitsError
        What `train` raises, and a disk that refuses.
    """
    key = checkpoint_key(model, split.fingerprint)
    folder = root / "cache" / key
    with disk_errors(root):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        stored = _stored(folder)
        if stored is not None:
            return Checkpoint(key, folder, *stored, reused=True)
        for leftover in folder.glob("top.parquet"):  # lists of a checkpoint that is no longer whole
            leftover.unlink()
        trained = train(model, split, report)
        with disk_errors(folder):
            save_file({"embeddings": trained.embeddings}, folder / "embeddings.safetensors")
        meta = {
            "spec": model.model_dump(mode="json"), "dataset": split.dataset, "fingerprint": split.fingerprint,
            "train_s": trained.train_s, "best_epoch": trained.best_epoch, "epochs": len(trained.history),
            "settled": settled(model, split).model_dump(mode="json"), "history": trained.history,
            "machine": machine(), "sha256": sha256(folder / "embeddings.safetensors"),
        }  # fmt: skip
        write_json(folder / "meta.json", meta)
    return Checkpoint(key, folder, trained.embeddings, meta, reused=False)


def _stored(folder: Path) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Return what a folder holds; None where it is unfinished, cut off or changed (it is then trained again)."""
    meta, path = read_json(folder / "meta.json"), folder / "embeddings.safetensors"
    if meta is None or not path.exists() or sha256(path) != meta["sha256"]:
        return None
    try:
        return load_file(path)["embeddings"], meta
    except SafetensorError:
        return None
