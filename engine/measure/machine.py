"""What machine and which versions a number was measured with."""

import os
import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

import engine

PACKAGES = ("torch", "numba", "numpy", "llvmlite", "duckdb")


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Return the hardware and the versions, as plain JSON; ``hardware`` is the short name that charts group by."""
    cpu, memory = _cpu_name(), psutil.virtual_memory().total / 1e9
    return {
        "hardware": f"{cpu}, {cores()} cores", "cpu": cpu, "cores": cores(), "memory_gb": round(memory, 1),
        "instructions": _vector_instructions(), "gpu": _gpu(), "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(), "fewbits": engine.__version__, "commit": _commit(),
        **{name: _version(name) for name in PACKAGES},
    }  # fmt: skip


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = found.get("model name") or platform.processor() or platform.machine()
    # Virtual machines often hide the marketing name; family and model still tell two generations apart.
    family = (
        f" (family {found['cpu family']}, model {found['model']})" if "cpu family" in found and "model" in found else ""
    )
    return " ".join(name.split()) + family


def _vector_instructions() -> str:
    from llvmlite import binding
    from numba.core.config import CPU_NAME

    features = binding.get_host_cpu_features()
    wide = [f for f in ("avx2", "avx512f", "avx512vnni", "avx512vpopcntdq", "neon", "sve") if features.get(f)]
    return f"{CPU_NAME or binding.get_host_cpu_name()}: {' '.join(wide) or 'none known'}"


def _gpu() -> str | None:
    names = [p.read_text(encoding="utf-8") for p in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    models = [line.split(":", 1)[1].strip() for text in names for line in text.splitlines() if line.startswith("Model")]
    return ", ".join(models) or None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of a checkout; None for an installed copy or without git."""
    root = Path(engine.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
