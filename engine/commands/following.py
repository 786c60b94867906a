"""Submitting runs and seeing them through, with their progress on standard error."""

import time
from pathlib import Path
from typing import Any

from engine.commands.describing import methods
from engine.errors import FewbitsError
from engine.service.supervisor import Supervisor, say
from engine.spec import RunSpec
from engine.store import inbox
from engine.store.catalog import query
from engine.store.files import read_json
from engine.store.folders import RunFolder
from engine.store.status import engine_alive


def work_through(root: Path, specs: list[RunSpec]) -> None:
    """Submit runs and see them through, by the engine that serves the folder or, where none does, by being it
    meanwhile.

    Raises
    ------
    FewbitsError
        One that failed, with its message; several: how many of how many, and the first message.
    """
    ids = inbox.submit(root, specs)
    narrator = _Narrator([RunFolder(root / run_id) for run_id in ids])
    if not engine_alive(root):
        Supervisor(root, methods()).serve(until=ids, watch=narrator)
    else:
        say("an engine is at work here: it takes these runs after those that wait")
        while any(inbox.pending(root)) or not narrator.all_settled():
            if not engine_alive(root):
                return work_through(root, specs)
            narrator()
            time.sleep(0.5)
        _await_catalog(root, ids)
    failed = [(run_id, RunFolder(root / run_id)) for run_id in ids if RunFolder(root / run_id).state() != "done"]
    if failed:
        first, folder = failed[0]
        message = folder.error() or f"it was {folder.state()}"
        raise FewbitsError(f"{len(failed)} of {len(ids)} runs did not finish; {first}: {message}")


def _await_catalog(root: Path, ids: list[str], wait_s: float = 20.0) -> None:
    """Wait until the engine has published what the folders say."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        published = query(
            root, "select count(*) as n from runs where state = 'done' and list_contains(?, run_id)", [ids]
        )
        if int(published["n"][0]) == sum(RunFolder(root / run_id).state() == "done" for run_id in ids):
            return
        time.sleep(0.2)


class _Narrator:
    """Prints to standard error what changed since it last looked."""

    def __init__(self, folders: list[RunFolder]) -> None:
        self.folders, self.said = folders, {f.run_id: "" for f in folders}
        self.settled: set[str] = set()

    def __call__(self) -> None:
        for number, folder in enumerate(self.folders, 1):
            text = self._ending(folder) or self._line(read_json(folder.file("progress.json")) or {})
            if text and text != self.said[folder.run_id]:
                say(f"[{number}/{len(self.folders)}] {folder.run_id}: {text}")
                self.said[folder.run_id] = text

    def all_settled(self) -> bool:
        """Return whether every run has ended for good; one that has is not looked at again."""
        self.settled |= {f.run_id for f in self.folders if f.run_id not in self.settled and f.settled()}
        return len(self.settled) == len(self.said)

    @staticmethod
    def _ending(folder: RunFolder) -> str:
        if folder.file("manifest.json").exists():
            return "done"
        return "failed" if folder.file("failed.json").exists() else ""

    @staticmethod
    def _line(progress: dict[str, Any]) -> str:
        stage = progress.get("stage")
        if stage not in ("training", "tuning"):
            return str(progress.get("message", ""))
        metric = f", validation ndcg@20 {progress['valid_ndcg@20']:.4f}" if "valid_ndcg@20" in progress else ""
        return f"{stage}, epoch {progress.get('epoch', 1)} of at most {progress.get('epochs', '?')}{metric}"
