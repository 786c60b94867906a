"""What the dashboard asks for: to start the engine, submit, cancel, retry or delete runs. It never writes results."""

import contextlib
import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import data
from engine.errors import FewbitsError
from engine.spec import RunSpec
from engine.store import inbox, status
from engine.store.scaling import Request, joined, requests


class Starter:
    """Starts the engine in the background, so that a page never waits for it; one for each runs folder and server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.error: str | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin starting the engine unless that is under way already."""
        with self._lock:
            if self.starting():
                return
            self.error = None
            self._thread = threading.Thread(target=self._start, name="start-engine", daemon=True)
            self._thread.start()

    def starting(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        try:
            status.start_engine(self.root)
        except FewbitsError as error:
            self.error = str(error)
        except Exception:
            logging.getLogger(__name__).exception("the engine could not be started")
            self.error = "the engine could not be started; the terminal of the dashboard shows why"


@st.cache_resource(show_spinner=False)
def _starter(root: str) -> Starter:
    """Return the folder's starter; made once in a server's life, it starts the engine where none runs."""
    starter = Starter(Path(root))
    starter.start()
    return starter


def engine_state() -> tuple[str, str]:
    """Return ("running" | "starting" | "failed" | "stopped", a sentence). The first call starts the engine."""
    starter = _starter(str(data.root()))
    if alive():
        return "running", "The engine is running. It works through the queue, also when this page is closed."
    if starter.starting():
        return "starting", "The engine is starting. This takes a few seconds."
    if starter.error:
        return "failed", f"The engine did not start: {starter.error}"
    return "stopped", "The engine is not running. Finished results can be read; runs wait until it is started."


def alive() -> bool:
    """Return whether an engine serves the runs folder."""
    return _alive(str(data.root()))


@st.cache_data(ttl=1.0, show_spinner=False)
def _alive(root: str) -> bool:
    # Asking means trying the engine's lock: one try a second, however many pages are open.
    return status.engine_alive(Path(root))


def start_engine() -> None:
    """Start the engine because a person asked for it."""
    _starter(str(data.root())).start()


def submit(specs: Iterable[RunSpec]) -> list[str]:
    """Ask for runs and return their ids."""
    return inbox.submit(data.root(), specs)


def cancel(run_ids: Iterable[str]) -> None:
    """Ask for waiting or running runs to be cancelled."""
    for run_id in run_ids:
        inbox.cancel(data.root(), run_id)


def retry(run_ids: Iterable[str]) -> None:
    """Ask for failed, cancelled or orphaned runs to be queued again."""
    for run_id in run_ids:
        inbox.retry(data.root(), run_id)


def delete(run_ids: Iterable[str]) -> None:
    """Ask for settled runs to be deleted."""
    for run_id in run_ids:
        inbox.delete(data.root(), run_id)


def scale(run_ids: Iterable[str], items: int) -> None:
    """Ask for finished runs to be measured at a larger catalogue."""
    for run_id in run_ids:
        inbox.scale(data.root(), run_id, [items])


def scaling() -> list[Request]:
    """Return what was asked for at larger catalogues and is not measured yet, oldest first, each run once; what the
    engine has not read is added as it will do.
    """
    known = {request.run_id: request for request in requests(data.root())}
    for _, command in inbox.pending(data.root()):
        if (run_id := _run_id(command)) and command["command"] == "scale":
            with contextlib.suppress(FewbitsError):  # the engine will say what is wrong with it
                known[run_id] = joined(known.get(run_id), run_id, command.get("items"))
    return list(known.values())


def asked_for() -> dict[str, str]:
    """Return run id → command for what was asked and not yet seen by the engine."""
    asked: dict[str, str] = {}
    for _, command in inbox.pending(data.root()):
        if run_id := _run_id(command):
            asked[run_id] = str(command.get("command"))
    return asked


def _run_id(command: Any) -> str | None:
    if not isinstance(command, dict):
        return None
    if command.get("command") != "submit":
        return command.get("run_id")
    try:
        return RunSpec.model_validate(command.get("spec")).run_id
    except ValueError:
        return None  # the engine will say what is wrong with it
