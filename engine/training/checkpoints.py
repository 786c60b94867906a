"""Checkpoints: what was trained, under a name that follows from its content's causes, trained once and shared by every
run.

The key digests the model specification, the split's fingerprint and TRAINER, so that equal models meet in one folder
``runs/cache/model-<digest>`` and different ones never do. A lock makes runs that need the same one wait for the first;
a training that was killed goes on from its last whole epoch. Tuned quantizers lie in folders of the same kind.
"""

import hashlib
from collections.abc import Callable
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
from engine.training.loop import Report, Trained
from engine.training.rules import settled
from engine.training.trainer import train

TRAINER = 5
"""Raise it whenever the same specification would train to other embeddings: old checkpoints are then not taken for
new. (It was not for models of a single step, which took it at rate 0 until November 2026.)
"""
ARRAYS, RESUME, LISTS = "embeddings.safetensors", "resume.npz", "top.parquet"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Trained arrays on disk, by name; ``embeddings`` float32 [U+I, d] are among those of a model."""

    key: str
    folder: Path
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]
    reused: bool


def checkpoint_key(model: ModelSpec, fingerprint: str) -> str:
    """Return the folder name of a model trained on a split."""
    return "model-" + digest(f"{TRAINER}|{fingerprint}|{model.canonical()}")


def digest(text: str) -> str:
    """Return the first 12 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def obtain(root: Path, model: ModelSpec, split: Any, report: Report) -> Checkpoint:
    """Return the checkpoint of a model on a split: the stored one where it is whole, else train it now and store it.

    Raises
    ------
    FewbitsError
        What `train` raises, and a disk that refuses.
    """
    about = {
        "spec": model.model_dump(mode="json"), "dataset": split.dataset, "fingerprint": split.fingerprint,
        "settled": settled(model, split).model_dump(mode="json"),
    }  # fmt: skip
    return cached(
        root, checkpoint_key(model, split.fingerprint), about, lambda resume: train(model, split, report, resume)
    )


def cached(root: Path, key: str, about: dict[str, Any], make: Callable[[Path], Trained]) -> Checkpoint:
    """Return what lies under a key, or make it now and store it.

    ``make`` gets the file in which it may keep the state of a training that is not finished.
    """
    folder = root / "cache" / key
    with disk_errors(root):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        stored = _stored(folder)
        if stored is not None:
            return Checkpoint(key, folder, *stored, reused=True)
        (folder / LISTS).unlink(missing_ok=True)  # lists of a checkpoint that is no longer whole
        trained = make(folder / RESUME)
        with disk_errors(folder):
            save_file({k: np.ascontiguousarray(a) for k, a in trained.arrays.items()}, folder / ARRAYS)
        epochs = trained.history[-1]["epoch"] if trained.history else 0
        meta = {
            **about, "train_s": trained.train_s, "best_epoch": trained.best_epoch, "epochs": epochs,
            "history": trained.history, "machine": machine(), "sha256": sha256(folder / ARRAYS),
        }  # fmt: skip
        write_json(folder / "meta.json", meta)
        (folder / RESUME).unlink(missing_ok=True)
    return Checkpoint(key, folder, trained.arrays, meta, reused=False)


def whole(root: Path, key: str) -> bool:
    """Return whether the cache holds what was trained under a key, finished and unchanged."""
    return _stored(root / "cache" / key) is not None


def _stored(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Return what a folder holds; None where it is unfinished, cut off or changed (it is then trained again)."""
    meta, path = read_json(folder / "meta.json"), folder / ARRAYS
    if meta is None or not path.exists() or sha256(path) != meta["sha256"]:
        return None
    try:
        return load_file(path), meta
    except SafetensorError:
        return None
