"""Who imports whom: the data flows in one direction, and the dashboard starts without torch or numba."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DASHBOARD_MAY = (
    "engine.spec",
    "engine.sweep",
    "engine.errors",
    "engine.frontier",
    "engine.store",
    "engine.data.registry",
    "engine.data.own",
    "engine.study",
)


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files_under(folder: str) -> list[Path]:
    files = sorted((REPOSITORY / folder).rglob("*.py"))
    assert files, f"no file under {folder}: this test would check nothing"
    return files


def imported_under(folder: str) -> set[str]:
    return set().union(*(imports_of(path) for path in files_under(folder)))


def test_the_dashboard_sees_only_the_light_rooms_of_the_engine():
    heavy = {
        name
        for name in imported_under("dashboard")
        if name.split(".")[0] == "engine" and not name.startswith(DASHBOARD_MAY)
    }
    assert not heavy


def test_the_engine_knows_nothing_of_the_dashboard():
    assert not {name for name in imported_under("engine") if name.split(".")[0] in ("dashboard", "streamlit", "plotly")}


@pytest.mark.parametrize(("room", "other"), [("quantizers", "indexes"), ("indexes", "quantizers")])
def test_quantizers_and_indexes_meet_only_in_codes(room, other):
    assert not {name for name in imported_under(f"engine/{room}") if name.startswith(f"engine.{other}")}


def test_the_store_knows_nothing_of_torch_or_of_the_engines_upper_rooms():
    upper = (
        "torch",
        "numba",
        "engine.training",
        "engine.encoders",
        "engine.quantizers",
        "engine.indexes",
        "engine.service",
    )
    assert not {name for name in imported_under("engine/store") if name.startswith(upper)}


def test_duckdb_has_two_importers_in_the_engine():
    importers = [
        path.name for path in files_under("engine") if any(n.split(".")[0] == "duckdb" for n in imports_of(path))
    ]
    assert importers == ["own_database.py", "catalog.py"], "results, and files that nobody has checked"


def test_nothing_is_ever_unpickled():
    risky = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "torch.load"}
    assert not {n for f in ("engine", "dashboard") for n in imported_under(f) if n.split(".")[0] in risky}
    texts = [path.read_text(encoding="utf-8") for f in ("engine", "dashboard") for path in files_under(f)]
    assert not [word for text in texts for word in ("torch.load(", "allow_pickle=True", "read_pickle(") if word in text]


@pytest.mark.parametrize(
    "module",
    [
        "engine.spec",
        "engine.sweep",
        "engine.store.catalog",
        "engine.frontier",
        "engine.study.findings",
        "dashboard.data",
    ],
)
def test_light_modules_load_neither_torch_nor_numba(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "[]"


def test_a_post_training_run_needs_no_torch_to_import():
    code = "import sys, engine.pipeline; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "False", "with a checkpoint at hand, loading torch would cost each run seconds"


def test_files_stay_short_enough_to_be_read_at_once():
    long = [f"{path.name}: {n}" for f in ("engine", "dashboard") for path in files_under(f)
            if (n := len(path.read_text(encoding="utf-8").splitlines())) > 250]  # fmt: skip
    assert not long
