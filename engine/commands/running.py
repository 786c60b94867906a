"""Commands that make the engine work: serve, run, sweep, cancel, retry."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from engine.commands.describing import methods
from engine.commands.following import work_through
from engine.commands.parsing import (
    MODEL_OPTIONS,
    checked,
    given,
    integers,
    models,
    names,
    only_values,
    only_width,
)
from engine.commands.parsing import (
    options as parse_options,
)
from engine.data import own_vectors
from engine.errors import FewbitsError
from engine.service.supervisor import Supervisor, say
from engine.spec import ModelSpec, RunSpec, parse_spec
from engine.store import inbox
from engine.store.catalog import measurements
from engine.store.folders import run_folder, runs_root
from engine.store.status import engine_alive
from engine.sweep import expand
from engine.training.device import DEVICES
from engine.training.device import VARIABLE as DEVICE_VARIABLE

ROOT = click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of all runs; default: FEWBITS_RUNS, else runs/."
)

NOBODY = "; no engine runs: `python -m engine serve` works through what waits"


def model_options(*, several: bool) -> Callable[[Any], Any]:
    """Return a decorator that adds one option for each field of ModelSpec; ``several``: values separated by commas."""

    def add(command: Any) -> Any:
        for name, (kind, default) in reversed(MODEL_OPTIONS.items()):
            more = several and name in ("encoder", "dim", "layers", "loss", "seed")
            listed = " `python -m engine methods` lists them." * (name in ("encoder", "loss"))
            text = f"{ModelSpec.model_fields[name].description}{listed}{' Comma-separated.' * more} Default: {default}."
            choices = get_args(ModelSpec.model_fields[name].annotation)
            typed: Any = str if more else click.Choice(choices) if choices else kind
            command = click.option(f"--{name}", name, type=typed, help=text)(command)
        return command

    return add


def _set_device(_context: Any, _option: Any, name: str | None) -> None:
    """Put the choice where this process and those that it starts look for it."""
    if name:
        os.environ[DEVICE_VARIABLE] = name


DEVICE = click.option(
    "--device", type=click.Choice(DEVICES), callback=_set_device, expose_value=False,
    help=f"Where to train; default: {DEVICE_VARIABLE}, else auto: a GPU where there is one. "
    "An engine that serves already keeps its own.",
)  # fmt: skip


@click.command(epilog="Example:  python -m engine serve")
@DEVICE
@ROOT
def serve(root: Path | None) -> None:
    """Serve a runs folder: take what is submitted, run it, keep the catalog. The dashboard starts this by itself."""
    folder = runs_root(root)
    say(f"serving {folder}")
    Supervisor(folder, methods()).serve()
    say("stopped; what was unfinished is queued")


@click.command(
    epilog="Example:  python -m engine run --dataset demo --quantizer uniform --bits 4 --option scale=row --json"
)
@click.option("--dataset", required=True, help="Data set; `python -m engine datasets` lists them.")
@click.option(
    "--split-seed", type=int, default=0, show_default=True, help="Seed of the split and of the validation items."
)
@click.option(
    "--quantizer", default="float32", show_default=True,
    help="How the vectors are made small; `python -m engine methods` lists the ways.",
)  # fmt: skip
@click.option(
    "--bits", type=int,
    help="Bits of one stored number; of one code, which stands for several numbers, for pq, opq, dpq and mgqe. May be "
    "left out where the quantizer has one width.",
)  # fmt: skip
@click.option("--query-bits", help="How users are served: 32, the items' own bits, or both (32,4). Default: both.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE",
    help="An option of the quantizer; repeatable. `python -m engine methods QUANTIZER` lists them.",
)  # fmt: skip
@DEVICE
@click.option("--again", is_flag=True, help="Measure anew even if this run is done.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: run_id, spec, measurements.")
@model_options(several=False)
@ROOT
def run(dataset: str, split_seed: int, quantizer: str, bits: int | None, query_bits: str | None,
        options: tuple[str, ...],
        again: bool, as_json: bool, root: Path | None, **model: Any) -> None:  # fmt: skip
    """Run one configuration and print what was measured. Progress goes to standard error."""
    values: dict[str, Any] = {
        "dataset": dataset,
        "split_seed": split_seed,
        "quantizer": quantizer,
        "model": given(model),
    }
    values["bits"] = bits if bits is not None else only_width(quantizer)
    values["options"] = only_values(parse_options(options, [quantizer]).get(quantizer, {}))
    if query_bits:
        values["query_bits"] = integers(query_bits, "--query-bits")
    folder = runs_root(root)
    spec = checked(_with_usual_encoder([parse_spec(values)], model, folder)[0], folder)
    if again and run_folder(folder, spec.run_id).state() == "done":
        run_folder(folder, spec.run_id).queue()
    work_through(folder, [spec])
    rows = measurements(folder, [spec.run_id]).drop(columns="run_id")
    if as_json:
        plain = json.loads(rows.to_json(orient="records"))
        click.echo(json.dumps({"run_id": spec.run_id, "spec": spec.model_dump(mode="json"), "measurements": plain}))
    else:
        from engine.commands.looking import measurement_table

        click.echo(measurement_table(spec.run_id, rows))


@click.command(
    epilog="Example:  python -m engine sweep --dataset demo --quantizers float32,uniform,sign --bits 8,4,2,1"
)
@click.option("--dataset", "--datasets", "datasets", required=True, help="Data sets, comma-separated.")
@click.option("--quantizers", required=True, help="Quantizers, comma-separated.")
@click.option("--bits", help="Bit-widths, comma-separated; default: all that each quantizer has.")
@click.option(
    "--queries", default="float32,own", show_default=True, help="How users are served: float32, own (the items' bits)."
)
@click.option(
    "--option", "options", multiple=True, metavar="QUANTIZER.NAME=V,V", help="Values of an option; repeatable."
)
@click.option(
    "--split-seed", type=int, default=0, show_default=True, help="Seed of the split and of the validation items."
)
@DEVICE
@click.option("--detach", is_flag=True, help="Submit to the background engine (started if need be) and return.")
@model_options(several=True)
@ROOT
def sweep(datasets: str, quantizers: str, bits: str | None, queries: str, options: tuple[str, ...], split_seed: int,
          detach: bool, root: Path | None, **model: Any) -> None:  # fmt: skip
    """Run every combination of the choices; what is done already is not repeated."""
    from engine.quantizers import describe

    specs = expand(
        describe(), names(datasets), names(quantizers), integers(bits, "--bits") if bits else (), models(model),
        names(queries), parse_options(options, names(quantizers)), split_seed,
    )  # fmt: skip
    folder = runs_root(root)
    specs = own_vectors.fitting(_with_usual_encoder(specs, model, folder), folder)
    specs = [checked(spec, folder) for spec in specs]
    if detach:
        from engine.store.status import start_engine

        inbox.submit(folder, specs)
        start_engine(folder)
        click.echo(f"{len(specs)} runs submitted; follow them with `python -m engine runs`")
        return
    work_through(folder, specs)
    from engine.commands.looking import points_table

    click.echo(points_table(folder, [spec.run_id for spec in specs]))


def _with_usual_encoder(specs: list[RunSpec], model: dict[str, Any], root: Path) -> list[RunSpec]:
    """Return runs with the vectors of their data set where it has some and no encoder was typed."""
    return specs if model["encoder"] else [own_vectors.usual(spec, root) for spec in specs]


@click.command(epilog="Example:  python -m engine cancel demo-uniform4-0123456789ab")
@click.argument("run_ids", nargs=-1, required=True)
@ROOT
def cancel(run_ids: tuple[str, ...], root: Path | None) -> None:
    """Cancel runs that are queued, running, or broken off and about to be tried again."""
    _ask(runs_root(root), run_ids, inbox.cancel, ("queued", "running", "orphaned"), "cancelled")


@click.command(epilog="Example:  python -m engine retry demo-uniform4-0123456789ab")
@click.argument("run_ids", nargs=-1, required=True)
@ROOT
def retry(run_ids: tuple[str, ...], root: Path | None) -> None:
    """Queue failed, cancelled or orphaned runs again (done ones are measured anew)."""
    _ask(runs_root(root), run_ids, inbox.retry, ("failed", "cancelled", "orphaned", "done"), "queued again")


def _ask(
    root: Path, run_ids: tuple[str, ...], post: Callable[[Path, str], None], states: tuple[str, ...], done: str
) -> None:
    """Ask for something of runs that are in one of some states."""
    check_states(root, run_ids, states)
    for run_id in run_ids:
        post(root, run_id)
    if not engine_alive(root):  # nobody to do it: do it here, as the engine would
        Supervisor(root, methods()).serve(until=())
        done += NOBODY if post is inbox.retry else ""
    click.echo(f"{len(run_ids)} {done}")


def check_states(root: Path, run_ids: tuple[str, ...], states: tuple[str, ...]) -> None:
    """Raise a FewbitsError unless all runs are there, in one of some states."""
    for run_id in run_ids:
        folder = run_folder(root, run_id)
        if not folder.file("spec.json").exists():
            raise FewbitsError(f"no run {run_id!r} in {root}; `python -m engine runs` lists them")
        if (state := folder.state()) not in states:
            raise FewbitsError(f"{run_id} is {state}: expected one that is {' or '.join(states)}")
