"""A real Chromium against a real server, engine and runs folder, all on free ports and in temporary places.

The ten main flows, and where each is walked through:

1. the first start, with nothing there yet       `test_main_flow`, empty pages: `test_pages`
2. the example runs, by one click                `test_main_flow`
3. watching them until the curve is there        `test_main_flow`
4. cancelling a run, and trying it again         `test_queue`
5. the trade-offs, filtered and selected         `test_deciding`
6. the comparison of what was selected           `test_deciding`
7. the users who lose most                       `test_deciding`
8. a budget, and the run to ship                 `test_deciding`
9. a data set of one's own                       `test_own_data`
10. files to take home, the index as a bundle    `test_downloads`, `test_main_flow`

Each test leaves a picture of how its page looked in the end, and of steps on the way, in the folder ``test-artefacts``.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from dashboard.bench import wait_for_health
from engine.store import reference
from engine.store.status import engine_lock
from tests.dashboard import make_runs

REPOSITORY = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ARTEFACTS = REPOSITORY / "test-artefacts"
"""Pictures of the last run of each test; git ignores them."""
TIMEOUT_MS = 60_000
"""Other tests work on the same cores at the same time."""


@dataclass(frozen=True)
class Server:
    """A running dashboard and the folder that it shows."""

    url: str
    root: Path


def chromium() -> str | None:
    """Return the browser to drive: ``FEWBITS_CHROMIUM``, else one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("FEWBITS_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; without one the browser tests are skipped, or fail where ``FEWBITS_REQUIRE_BROWSER=1`` demands one."""
    executable = chromium()
    reason = "no Chromium found: install one, or name it in FEWBITS_CHROMIUM"
    if executable is None and os.environ.get("FEWBITS_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    if executable is None:
        pytest.skip(reason)
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e .[test]"
    )
    with playwright.sync_playwright() as driver:
        chrome = driver.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield chrome
        chrome.close()


@pytest.fixture
def picture(page: Any, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that keeps how the page looks now, named after the test and a step in it."""
    name = artefact(request)
    return lambda step: keep(page, f"{name}-{step}")


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A fresh page, 1,400 pixels wide, that accepts downloads; how it looks in the end is kept, however that is."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    yield page
    with contextlib.suppress(Exception):  # a page that hangs must not hide why its test failed
        keep(page, artefact(request), timeout=10_000)
    context.close()


def artefact(request: pytest.FixtureRequest) -> str:
    """Return the name of a test's pictures: its file's and its own."""
    return re.sub(r"[^\w.-]+", "-", f"{request.path.stem.removeprefix('test_')}.{request.node.name}").strip("-")


def keep(page: Any, name: str, **how: Any) -> None:
    """Write how a page looks now to the artefacts."""
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", **how)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The dashboard over an empty runs folder; server and engine end with the test."""
    with serving(tmp_path / "runs", tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard over finished runs and one in every other state. For tests that change nothing."""
    folder = tmp_path_factory.mktemp("filled")
    runs = folder / "runs"
    make_runs.make_runs(runs)
    for make in (make_runs.failed, make_runs.cancelled, make_runs.orphaned, make_runs.waiting):
        make(runs)
    _, alive = make_runs.running(runs)
    make_runs.publish(runs)
    with alive, engine_lock(runs), serving(runs, folder) as running:  # who holds the lock passes for the engine
        yield running


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard over a folder without a run, with an engine that does nothing. For tests that change no run."""
    folder = tmp_path_factory.mktemp("empty")
    make_runs.publish(folder / "runs")
    with engine_lock(folder / "runs"), serving(folder / "runs", folder) as running:
        yield running


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard as it is on its first start: no run, and the rows that come with it. For tests that start none."""
    folder = tmp_path_factory.mktemp("newcomer")
    make_runs.publish(folder / "runs")
    with engine_lock(folder / "runs"), serving(folder / "runs", folder, {reference.VARIABLE: ""}) as running:
        yield running


class serving:  # noqa: N801 - used as a function
    """Start ``streamlit run dashboard/app.py`` on a free port over ``root``; end it and its engine at the end."""

    def __init__(self, root: Path, logs: Path, variables: Mapping[str, str] | None = None) -> None:
        self.root, self.log, self.variables = root, logs / "streamlit.log", variables or {}

    def __enter__(self) -> Server:
        self.root.mkdir(parents=True, exist_ok=True)
        port = free_port()
        environment = {**os.environ, "FEWBITS_RUNS": str(self.root), **self.variables}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "streamlit",
                    "run",
                    "dashboard/app.py",
                    "--server.port",
                    str(port),
                    "--server.headless",
                    "true",
                ],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_for_health(f"http://127.0.0.1:{port}/_stcore/health", self.process, self.log)
        return Server(f"http://127.0.0.1:{port}", self.root)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            stop_engine(self.root)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def stop_engine(root: Path) -> None:
    """End the engine and the attempts of a folder, also those that are only starting and hold no lock yet."""
    ours = [p for p in psutil.process_iter(["cmdline"]) if _works_on(p.info["cmdline"] or [], root)]
    for process in ours:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(ours, timeout=15)
    for process in stubborn:
        process.kill()


def _works_on(command: list[str], root: Path) -> bool:
    return str(root) in command and bool({"engine", "engine.service.attempt"} & set(command))
