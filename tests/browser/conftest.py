"""A real Chromium against a real server, engine and runs folder, all on free ports and in temporary places."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
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
def page(browser: Any) -> Iterator[Any]:
    """A fresh page, 1,400 pixels wide, that accepts downloads."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The dashboard over an empty runs folder; server and engine end with the test."""
    with serving(tmp_path / "runs", tmp_path) as running:
        yield running


class serving:  # noqa: N801 - used as a function
    """Start ``streamlit run dashboard/app.py`` on a free port over ``root``; end it and its engine at the end."""

    def __init__(self, root: Path, logs: Path) -> None:
        self.root, self.log = root, logs / "streamlit.log"

    def __enter__(self) -> Server:
        self.root.mkdir(parents=True, exist_ok=True)
        port = free_port()
        environment = {**os.environ, "FEWBITS_RUNS": str(self.root)}
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
        self.process.wait(10)
        stop_engine(self.root)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_health(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    """Wait until the server answers; the end of its log is shown where it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    process.kill()
    pytest.fail(f"the dashboard did not start; it said: {log.read_text()[-2000:]}")


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
