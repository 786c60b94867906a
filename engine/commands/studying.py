"""The reference study: ``study reference`` runs what is missing of it; what is done with its rows is in `shipping`."""

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from engine.commands import shipping
from engine.commands.describing import methods
from engine.commands.following import see_through
from engine.commands.parsing import checked, integers, names
from engine.commands.running import DEVICE, ROOT
from engine.data import registry
from engine.measure import samples
from engine.measure.machine import machine
from engine.quantizers import describe
from engine.service.supervisor import Supervisor, say
from engine.spec import RunSpec
from engine.store import catalog, inbox, reference
from engine.store.folders import RunFolder, runs_root
from engine.study import coverage
from engine.study.plan import DATASETS, STAGES, Planned, outline, plan, possible
from engine.study.remaining import Remaining, duration


@click.group(epilog="Example:  python -m engine study reference --dataset my-shop --seeds 0 --dry-run")
def study() -> None:
    """Compare every method at every size, over several seeds, and write down what came out."""


@study.command("reference", epilog="Example:  python -m engine study reference --dataset ml-100k --only core --seeds 0")
@click.option(
    "--dataset", "--datasets", "datasets", default=",".join(DATASETS), show_default=True,
    help="Data sets, comma-separated; your own as well.",
)  # fmt: skip
@click.option("--seeds", help="Seeds of every form, comma-separated. Default: 0,1,2, and 3,4 for the headline forms.")
@click.option("--only", help=f"Stages ({', '.join(STAGES)}), quantizers, or both: what is of both.")
@click.option(
    "--slowed", is_flag=True,
    help="Make finished runs again as well whose machine did not keep its pace while searches were timed; what was "
    "trained for them is used again.",
)  # fmt: skip
@click.option(
    "--missing", is_flag=True,
    help="Only what the shipped rows lack; without --seeds, any seed stands for another. Of a model that another "
    "machine measured all is run: its rows stay of one machine.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the plan, what is left of it and about how long; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: planned, done, left, seconds, failed …")
@DEVICE
@ROOT
def run_reference(
    datasets: str, seeds: str | None, only: str | None, slowed: bool, missing: bool, dry_run: bool, as_json: bool,
    root: Path | None,
) -> None:  # fmt: skip
    """Run what is missing of the study, one run after the other; finished runs are not repeated.

    It may be stopped at any time (Ctrl-C) and goes on with the same command. A run that fails is passed over, listed
    at the end with its reason, and tried again next time, last.
    """
    folder = runs_root(root)
    wanted = names(datasets)
    for name in wanted:
        registry.info(name, folder)  # refuses a name that is not known
    planned = plan(wanted, integers(seeds, "--seeds") if seeds else (), names(only) if only else ())
    if missing:
        planned = coverage.missing(planned, reference.runs(reference.folder()), machine()["hardware"], bool(seeds))
    runs, unable = possible(planned, lambda spec: checked(spec, folder))
    states = {run.spec.run_id: RunFolder(folder / run.spec.run_id).state() for run in runs if _there(folder, run)}
    again = _slowed(folder, states) if slowed else set()
    done = [run.spec for run in runs if states.get(run.spec.run_id) == "done" and run.spec.run_id not in again]
    left = sorted(  # those that failed before come last
        (run for run in runs if states.get(run.spec.run_id) != "done" or run.spec.run_id in again),
        key=lambda run: states.get(run.spec.run_id) in ("failed", "orphaned"),
    )
    known = [registry.info(name, folder) for name in dict.fromkeys(run.spec.dataset for run in runs)]
    sizes = {info.name: (info.users, info.items, info.interactions) for info in known}
    remaining = Remaining(sizes, {m["name"] for m in describe() if m["trained"]})
    remaining.look(_points(folder), done)
    if not as_json or not dry_run:
        _tell(runs, done, unable, remaining.seconds([run.spec for run in left]), len(left), whole=dry_run)
    failed, stopped = ([], False) if dry_run else _work(folder, left, again, remaining)
    if not dry_run:
        left = [run for run in left if RunFolder(folder / run.spec.run_id).state() != "done"]
    _report(folder, runs, left, unable, failed, stopped, remaining, as_json, dry_run)


def _there(root: Path, run: Planned) -> bool:
    return (root / run.spec.run_id / "spec.json").exists()


def _slowed(root: Path, states: Mapping[str, str]) -> set[str]:
    """Return the finished runs on which the machine did not keep its pace."""
    done = (RunFolder(root / run_id) for run_id, state in states.items() if state == "done")
    return {f.run_id for f in done if samples.slowed((f.manifest() or {}).get("measurements", ()))}


def _points(root: Path) -> Any:
    return catalog.points(root) if catalog.snapshot_id(root) is not None else None


def _tell(
    runs: list[Planned], done: list[RunSpec], unable: dict[str, list[Planned]], seconds: float, left: int, whole: bool
) -> None:
    ids = {spec.run_id for spec in done}
    for line in outline(runs, ids):
        if whole or not line.startswith(" "):
            click.echo(line, err=not whole)
    for reason, several in unable.items():
        click.echo(f"{len(several)} runs are left out: {reason}", err=not whole)
    click.echo(
        f"{len(runs):,} runs, {len(done):,} done, {left:,} left: about {duration(seconds)} on this machine",
        err=not whole,
    )


def _work(
    root: Path, left: list[Planned], again: Collection[str], remaining: Remaining
) -> tuple[list[dict[str, str]], bool]:
    """Run what is left, in order, of which ``again`` are done; return the failed runs with their reasons, and whether
    it was told to stop.
    """
    supervisor = Supervisor(root, methods())
    failed: list[dict[str, str]] = []
    for number, run in enumerate(left, 1):
        began, spec = time.monotonic(), run.spec
        if spec.run_id in again:
            RunFolder(root / spec.run_id).queue()
        inbox.submit(root, [spec])
        see_through(root, [spec.run_id], supervisor)
        if supervisor.stopping:
            return failed, True
        folder = RunFolder(root / spec.run_id)
        state = folder.state()
        took = time.monotonic() - began
        if state == "done":
            remaining.ended(spec, took)
            remaining.look(_points(root))
        else:
            failed.append({"run_id": spec.run_id, "state": state, "error": folder.error() or f"it was {state}"})
        words = f"done in {duration(took)}" if state == "done" else f"{state}: {failed[-1]['error']}"
        rest = remaining.seconds([r.spec for r in left[number:]])
        say(f"[{number}/{len(left)}] {spec.dataset}, seed {spec.model.seed}, {run.name}: {words}")
        say(f"{len(left) - number:,} left, about {duration(rest)}")
    return failed, False


def _report(
    root: Path, runs: list[Planned], left: list[Planned], unable: dict[str, list[Planned]],
    failed: list[dict[str, str]], stopped: bool, remaining: Remaining, as_json: bool, dry_run: bool,
) -> None:  # fmt: skip
    seconds = remaining.seconds([run.spec for run in left])
    if as_json:
        click.echo(json.dumps({
            "planned": [{"stage": r.stage, "run_id": r.spec.run_id, "spec": r.spec.model_dump(mode="json")}
                        for r in runs] if dry_run else len(runs),
            "done": len(runs) - len(left), "left": len(left), "seconds": round(seconds), "stopped": stopped,
            "left_out": {reason: len(several) for reason, several in unable.items()}, "failed": failed,
        }))  # fmt: skip
        return
    if dry_run:
        return
    for entry in failed:
        click.echo(f"{entry['run_id']} {entry['state']}: {entry['error']}")
    if stopped:
        runs_left = f"{len(left):,} run{'s' * (len(left) != 1)} left"
        click.echo(f"stopped: {runs_left}, about {duration(seconds)}; the same command goes on")
    else:
        click.echo(f"{len(runs) - len(left):,} of {len(runs):,} runs are done, {len(failed)} failed")


for command in (shipping.collect, shipping.check, shipping.readme):
    study.add_command(command)
