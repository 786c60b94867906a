"""Pages over fake results: no engine is started, and no cache survives a test."""

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from engine.store import status
from tests.dashboard import make_runs

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
SECONDS = 30


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Record the folders that an engine was asked for, instead of starting one."""
    asked: list[Path] = []
    monkeypatch.setattr(status, "start_engine", lambda root, wait_s=20.0: asked.append(root))
    st.cache_data.clear()
    st.cache_resource.clear()
    return asked


@pytest.fixture(scope="session", autouse=True)
def scanned_once() -> Iterator[None]:
    """Look for components among the installed packages once, not for each page: that took half of the time here."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Eight finished runs of one model, in eight formats; written once, copied for each test."""
    folder = tmp_path_factory.mktemp("template") / "runs"
    return folder, make_runs.make_runs(folder)


@pytest.fixture
def runs(root: Path, template: tuple[Path, list[str]]) -> list[str]:
    """Fill the test's folder with the template's runs and return their ids."""
    folder, ids = template
    shutil.copytree(folder, root, dirs_exist_ok=True)
    return ids


@pytest.fixture
def show() -> Callable[..., Any]:
    """Return a function that opens a page: ``show("run", run_id="…")``."""

    def open_page(view: str, state: dict[str, Any] | None = None, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=SECONDS)
        for name, value in (state or {}).items():
            app.session_state[name] = value
        if view != "tradeoffs":
            app.switch_page(f"views/{view}.py")  # before any run: each page's address is the name of its file
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return open_page


def texts(app: AppTest) -> str:
    """Return everything that a page says, for asserting what a person can read."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "code")
    parts = [str(element.value) for kind in kinds for element in getattr(app, kind)]
    return "\n".join([*parts, *(f"{m.label} {m.value}" for m in app.metric)])


def button(app: AppTest, label: str) -> Any:
    """Return the button with a label."""
    return next(b for b in app.button if b.label == label)
