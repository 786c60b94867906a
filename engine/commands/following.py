"""Submitting runs and seeing them through, with their progress on standard error; and a catalog that is up to date."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.commands.describing import methods
from engine.errors import DiskError, FewbitsError
from engine.service.supervisor import Supervisor, say
from engine.spec import RunSpec
from engine.store import inbox
from engine.store.catalog import query, snapshot_id
from engine.store.files import read_json
from engine.store.folders import RunFolder
from engine.store.status import engine_alive

POLL_S = 0.5
GONE = "it was deleted meanwhile, or its submission refused (`engine.log` says why)"


def current(root: Path) -> Path:
    """Return the folder once its catalog is up to date: the engine keeps it, or else it is refreshed here."""
    if not engine_alive(root):
        try:
            Supervisor(root, methods()).serve(until=())
        except DiskError:
            if snapshot_id(root) is None:
                raise  # else somebody else's folder, which may be read
        except FewbitsError:
            if not engine_alive(root):
                raise  # else an engine began meanwhile
    return root


def work_through(root: Path, specs: list[RunSpec]) -> None:
    """Submit runs and see them through, by the engine that serves the folder or, where none does, by being it
    meanwhile.

    Raises
    ------
    FewbitsError
        One that failed, with its message; several: how many of how many, and the first message. Or see `see_through`.
    """
    ids = inbox.submit(root, specs)
    narrator = _Narrator([RunFolder(root / run_id) for run_id in ids])
    if engine_alive(root):
        say("an engine is at work here: it takes these runs after those that wait")
    see_through(root, ids, Supervisor(root, methods()), narrator)
    _await_catalog(root, ids)
    failed = [folder for folder in (RunFolder(root / run_id) for run_id in ids) if folder.state() != "done"]
    if failed:
        first = failed[0]
        message = first.error() or (f"it was {first.state()}" if _there(first) else GONE)
        raise FewbitsError(f"{len(failed)} of {len(ids)} runs did not finish; {first.run_id}: {message}")


def see_through(
    root: Path, ids: Sequence[str], supervisor: Supervisor, watch: Callable[[], None] = lambda: None
) -> None:
    """Work until submitted runs have ended: as the engine, or beside the one that serves the folder. Where that one
    ends before, its place is taken: what it had not done waits on disk.

    Raises
    ------
    FewbitsError
        The engine that serves refused a run, as one of another version may; or the folder cannot be written.
    """
    left = [RunFolder(root / run_id) for run_id in ids]
    while not supervisor.stopping:
        if not engine_alive(root):
            if not any(inbox.pending(root)):  # one that is gone by now may have refused as well
                _refuse_to_wait(root, left)
            try:
                return supervisor.serve(until=ids, watch=watch)
            except FewbitsError:
                if not engine_alive(root):  # else another engine was quicker: it takes the runs
                    raise
        while engine_alive(root):
            if not any(inbox.pending(root)):
                left = [folder for folder in left if not folder.settled()]
                if not left:
                    return
                _refuse_to_wait(root, left)
            watch()
            time.sleep(POLL_S)


def _refuse_to_wait(root: Path, left: Sequence[RunFolder]) -> None:
    """Raise a FewbitsError where the engine took the command for a run and there is no folder: there never will be."""
    refused = [folder for folder in left if not _there(folder)]
    if refused:
        raise FewbitsError(
            f"the engine of {root} refused {refused[0].run_id} ({root / 'engine.log'} has its reason), unless somebody "
            "deleted it: it may be of another version; where it still runs, stop it (`kill`, and the number that "
            "`python -m engine doctor` tells), and try again"
        )


def _there(folder: RunFolder) -> bool:
    return folder.file("spec.json").exists()


def _await_catalog(root: Path, ids: list[str], wait_s: float = 20.0) -> None:
    """Wait until the engine has published what the folders say; FewbitsError where it does not."""
    deadline = time.monotonic() + wait_s
    while True:
        done = [run_id for run_id in ids if RunFolder(root / run_id).state() == "done"]
        if len(done) == _published(root, ids):
            return
        if time.monotonic() > deadline:
            raise FewbitsError(
                f"{len(done)} of {len(ids)} runs are done, but the engine did not publish them in {wait_s:.0f} s: "
                f"{root / 'engine.log'} may say why; `python -m engine runs --rebuild` publishes them"
            )
        time.sleep(0.2)


def _published(root: Path, ids: list[str]) -> int:
    """Return how many of the runs are done in the catalog; 0 where there is none yet."""
    if snapshot_id(root) is None:
        return 0
    counted = query(root, "select count(*) as n from runs where state = 'done' and list_contains(?, run_id)", [ids])
    return int(counted["n"][0])


class _Narrator:
    """Prints to standard error what changed since it last looked."""

    def __init__(self, folders: list[RunFolder]) -> None:
        self.folders, self.said = folders, {f.run_id: "" for f in folders}

    def __call__(self) -> None:
        for number, folder in enumerate(self.folders, 1):
            text = self._ending(folder) or self._line(read_json(folder.file("progress.json")) or {})
            if text and text != self.said[folder.run_id]:
                say(f"[{number}/{len(self.folders)}] {folder.run_id}: {text}")
                self.said[folder.run_id] = text

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
