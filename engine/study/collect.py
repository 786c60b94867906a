"""From the folders of a study's runs to the rows that are shipped: no data, no vectors, nothing of single users.

Several machines can share a study: what one collects can be put beside what lies there already. All runs of a model
(data set, settings and seed) are then of one machine, since training ends elsewhere on another kind of processor, and
what a form keeps is compared with float32 of the very same model.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError
from engine.spec import parse_spec
from engine.store import reference
from engine.store.folders import RunFolder
from engine.store.rows import ROWS, read_run
from engine.study.coverage import Key, key, model
from engine.study.figures import KEPT_EPOCH
from engine.study.forms import form_text
from engine.study.tail import SHARES, share_rows

FAILED = ("failed", "orphaned")
PACKAGES = ("fewbits", "python", "torch", "numba", "numpy", "llvmlite", "duckdb")
ON_DISK = re.compile(r"(?<![\w.])(/[\w.+-]+){2,}")


def write(
    folders: Sequence[RunFolder],
    to: Path,
    defaults: Mapping[str, Mapping[str, Any]],
    planned: Collection[Key],
    say: Callable[[str], None] = lambda _: None,
    keep: bool = False,
    drop: bool = False,
) -> dict[str, int]:
    """Write the rows of the study's finished and failed runs; return how many there are of each, the bytes written,
    how many runs were "kept" from before, how many others of before were "replaced" and "dropped", how many here are
    "others", of no plan, and how many "wait", for the rest of their models.

    Parameters
    ----------
    defaults : quantizer → its options' defaults.
    planned : the study's runs on the data sets that are collected (`engine.study.coverage.key`). Others are left out:
        figures of a form would mix models of other settings.
    keep : whether the rows that lie there of these data sets stay, but for those of the same runs, and of models that
        were measured in ``folders`` on another machine. A model that was measured here in fewer forms than there stays
        there: what is here of it waits. Rows of other data sets stay in any case.
    drop : whether rows may go that lie there of these data sets and of which nothing was measured here.

    Raises
    ------
    FewbitsError
        Such rows would be lost, and neither ``keep`` nor ``drop`` is set; nothing is written.
    """
    before, others = reference.stored(to), 0
    shares = _shares(*before) if keep else {}
    runs: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for number, folder in enumerate(folders, 1):
        state = folder.state()
        if state == "done" or (state in FAILED and folder.settled()):
            run, measured = read_run(folder, state)
            form = _form(run, defaults)
            if key(folder.spec(), form["form"]) not in planned:
                others += 1
                continue
            runs.append({**_shipped(run), **form})
            if state == "done":
                measured += shares.get((run["run_id"], run["finished"])) or share_rows(folder)
                measured += _validated(folder)
            rows += [{**row, **_about(run)} for row in measured]
        if number % 100 == 0:
            say(f"{number} of {len(folders)} runs read")
    kept, runs, waiting = _merged(before[0], runs, planned, keep)
    ids = {run["run_id"] for run in kept}
    done = {_key(run) for run in runs if run["state"] == "done"}
    gone = {_key(run) for run in before[0]} - {_key(run) for run in kept}
    lost = {_key(run) for run in before[0] if run["state"] == "done"} & gone - done
    if lost and not keep and not drop:
        raise FewbitsError(
            f"{len(lost):,} runs whose rows lie in {to} were not measured here and would be lost: --keep leaves them "
            "there, --drop writes what was measured here alone"
        )
    rows = [
        *(row for row in before[1] if row["run_id"] in ids),
        *(row for row in rows if row["run_id"] not in waiting),
    ]
    runs = [*kept, *(run for run in runs if run["run_id"] not in ids)]  # what failed here alone is done elsewhere
    size = reference.write(to, sorted(runs, key=_order), rows)
    failed = sum(run["state"] in FAILED for run in runs)
    return {
        "done": len(runs) - failed, "failed": failed, "bytes": size, "kept": len(kept), "replaced": len(gone & done),
        "dropped": len(gone - done), "others": others, "wait": len(waiting),
    }  # fmt: skip


def _merged(
    before: Sequence[dict[str, Any]], here: Sequence[dict[str, Any]], planned: Collection[Key], keep: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], set[str]]:
    """Return what stays of the runs of before, what counts of those here, and the ids of those that wait: finished ones
    of models of which another machine has forms that were not measured here.
    """
    collected = {dataset for dataset, *_ in planned}
    if not keep:
        return [run for run in before if run["dataset"] not in collected], list(here), set()
    keys = {id(run): _key(run) for run in (*before, *here)}
    done = [run for run in here if run["state"] == "done"]
    machines = {model(keys[id(run)]): run["hardware"] for run in done}
    measured = {keys[id(run)] for run in done}

    def elsewhere(run: dict[str, Any]) -> bool:
        return machines.get(model(keys[id(run)]), run["hardware"]) != run["hardware"]

    more = {
        model(of) for run in before
        if run["state"] == "done" and elsewhere(run) and (of := keys[id(run)]) in planned and of not in measured
    }  # fmt: skip
    waiting = {run["run_id"] for run in done if model(keys[id(run)]) in more}
    taken = {run["run_id"] for run in done} - waiting
    kept = [
        run for run in before
        if run["dataset"] not in collected
        or (run["run_id"] not in taken and (model(keys[id(run)]) in more or not elsewhere(run)))
    ]  # fmt: skip
    return kept, [run for run in here if run["run_id"] not in waiting], waiting


def _key(run: dict[str, Any]) -> Key:
    return key(parse_spec(run["spec"]), run["form"])


def _shares(runs: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> dict[Any, list[dict[str, Any]]]:
    """Return (run id, when it was finished) → the rows of `share_rows` that are stored: these take a second a run."""
    finished = {run["run_id"]: run["finished"] for run in runs}
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        if row["metric"].startswith(SHARES):
            found.setdefault((row["run_id"], finished[row["run_id"]]), []).append(
                {name: row[name] for name in ROWS.names}
            )
    return found


def _validated(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the row of the epoch of tuning that validation kept, 0 for what tuning began with; none of what was not
    tuned.
    """
    manifest = folder.manifest() or {}
    epoch = (manifest.get("tuning") or {}).get("best_epoch")
    if epoch is None:
        return []
    about = {**dict.fromkeys(ROWS.names), "run_id": folder.run_id, "index": manifest["measurements"][0]["index"]}
    return [{**about, "metric": KEPT_EPOCH, "value": float(epoch), "unit": "epoch"}]


def _order(run: dict[str, Any]) -> tuple[str, str]:
    return run["dataset"], run["run_id"]


def _shipped(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run's row without what is of this machine alone: paths in a failure's sentence."""
    return {**run, "error": ON_DISK.sub("(a file)", run["error"]) if run["error"] else None}


def _form(run: dict[str, Any], defaults: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the options that are not at their default, and the name that the run's rows are found by."""
    usual = defaults.get(run["quantizer"], {})
    chosen = {name: v for name, v in json.loads(run["options"]).items() if usual.get(name) != v}
    return {
        "chosen": json.dumps(chosen, sort_keys=True),
        "form": form_text(run["quantizer"], run["bits"], chosen),
    }


def _about(run: dict[str, Any]) -> dict[str, Any]:
    """Return what stands beside each row: where, when and with what it was measured."""
    machine = json.loads(run["machine"] or "{}")
    versions = ", ".join(f"{name} {machine[name]}" for name in PACKAGES if machine.get(name))
    return {
        "dataset": run["dataset"], "hardware": machine.get("hardware"), "versions": versions,
        "commit": machine.get("commit"), "measured": run["finished"],
    }  # fmt: skip
