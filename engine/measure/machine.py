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
        "instructions": _vector_instructions(),
        "caches": ", ".join(f"{name} {size / 2**20:.3g} MiB" for name, size in caches().items()) or None,
        "gpu": _gpu(), "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(), "fewbits": engine.__version__, "commit": _commit(),
        **{name: _version(name) for name in PACKAGES},
    }  # fmt: skip


@lru_cache(maxsize=1)
def caches() -> dict[str, int]:
    """Return the bytes of each level of the first core's data caches, such as {"L1": 49152, "L2": 2097152}; empty
    where the system does not tell.
    """
    sizes = {}
    for entry in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, level, size = ((entry / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size[:-1].isdigit():
            sizes[f"L{level}"] = int(size[:-1]) * {"K": 1 << 10, "M": 1 << 20}.get(size[-1], 1)
    return sizes


def memory_left() -> int:
    """Return the bytes that this process may still take: what the system has, or its control group where that is
    less.
    """
    left, group = int(psutil.virtual_memory().available), Path("/sys/fs/cgroup")
    try:
        limit, used, stat = ((group / f"memory.{name}").read_text() for name in ("max", "current", "stat"))
        files = next(int(line.split()[1]) for line in stat.splitlines() if line.startswith("inactive_file "))
        return min(left, max(0, int(limit) - int(used) + files))  # what lies in its file cache is given back
    except (OSError, ValueError, StopIteration):  # no group, or one whose limit is "max"
        return left


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = found.get("model name") or _brand() or platform.processor() or platform.machine()
    # Virtual machines often hide the marketing name; family and model still tell two generations apart.
    family = (
        f" (family {found['cpu family']}, model {found['model']})" if "cpu family" in found and "model" in found else ""
    )
    if "CPU implementer" in found and "CPU part" in found:  # 64-bit ARM has no name there
        family = f" (implementer {found['CPU implementer']}, part {found['CPU part']})"
    return " ".join(name.split()) + family


def _brand() -> str:
    """Return what macOS calls the processor, such as "Apple M2": all others of its kind are "arm" to Python."""
    try:
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


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
