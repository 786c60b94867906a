"""The command that measures training: bench train."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.commands.parsing import integers
from engine.commands.running import ROOT
from engine.commands.tables import Column, Row, table, wrapped
from engine.errors import FewbitsError
from engine.measure.machine import cores
from engine.service.supervisor import say
from engine.service.token import exclusive
from engine.store.files import disk_errors
from engine.store.folders import runs_root


@click.command(epilog="Example:  python -m engine bench train --dataset demo --seeds 0,1,2")
@click.option("--dataset", help="Data set; `python -m engine datasets` lists them.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Seeds to train with, comma-separated.")
@click.option("--threads", type=int, help="Threads; default: all cores.")
@click.option("--scale", is_flag=True, help="Time and memory on computed graphs of 1, 3, 10 and 30 M interactions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with everything that was measured.")
@ROOT
def train(dataset: str | None, seeds: str, threads: int | None, scale: bool, as_json: bool, root: Path | None) -> None:
    """Train the default model from nothing, beside simpler ones and plain torch; nothing is kept. No run works
    meanwhile.
    """
    from engine.data.split import load_split
    from engine.measure import growth, training

    if dataset is None and not scale:
        raise FewbitsError("nothing to measure: give --dataset NAME, --scale or both")
    wanted, on, folder = integers(seeds, "--seeds"), cores() if threads is None else threads, runs_root(root)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    split = None if dataset is None else load_split(dataset, folder, report=say)
    result: dict[str, Any] = {}
    with exclusive(folder, say):
        if split is not None:
            result = training.bench(split, wanted, on, say)
        if scale:
            result["scale"] = growth.grown(on, say)
    click.echo(json.dumps(result) if as_json else "\n".join(report(result)))


def report(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the text: the data set's tables, then those of the computed graphs, whichever was measured."""
    if "dataset" in result:
        yield from _heading(result)
        yield from _step(result)
        yield from _models(result)
        for name, aim in result["aims"].items():
            yield f"Aim: {name} {aim['aim']:g}; got {aim['got']:.4g}: {'met' if aim['met'] else 'MISSED'}"
    if "scale" in result:
        yield from _scale(result["scale"])


def _heading(result: dict[str, Any]) -> Iterator[str]:
    machine, model, threads = result["machine"], result["model"], result["threads"]
    yield f"{machine['hardware']}; {machine['instructions']}"
    yield (
        f"{result['dataset']}: {result['users']:,} users, {result['items']:,} items, {result['interactions']:,} "
        f"training interactions; {threads} thread{'s' * (threads > 1)}"
    )
    yield (
        f"{model['encoder']}, {model['dim']} dimensions, {model['layers']} layers, {model['loss']}, batch "
        f"{model['batch']:,}, {model['negatives']:,} negatives"
    )


def _step(result: dict[str, Any]) -> Iterator[str]:
    whole, plain, propagation = result["step"]["step"], result["plain"], result["propagation"]
    parts = [{"part": part, "ms": ms, "share": ms / whole} for part, ms in result["step"].items()]
    yield "\nParts of a step: medians of 20; drawing is of users, items and negatives"
    yield from table(parts, _PARTS)
    yield (
        f"The same step in plain torch (sparse COO, autograd): {plain['plain_ms']:.1f} ms, ours by turns "
        f"{plain['ms']:.1f} ms: {plain['ratio']:.1f} times faster"
    )
    yield (
        f"A propagation takes {propagation['ms']:.2f} ms ({propagation['gbs']:.0f} GB/s of neighbours); as many rows "
        f"read in order {propagation['floor_ms']:.2f} ms: {propagation['ratio']:.2f}"
    )


def _models(result: dict[str, Any]) -> Iterator[str]:
    seeds = sum(row["name"] == result["model"]["encoder"] for row in result["models"])
    mean = {"name": f"mean of {seeds}", **{name: figure["mean"] for name, figure in result["mean"].items()}}
    rows = [*result["models"][:seeds], *([mean] if seeds > 1 else []), *result["models"][seeds:]]
    yield "\nTrained from nothing; test: exact float32 search, what a user has in train and validation left out"
    yield from table(rows, _MODELS)
    if seeds > 1:
        yield "95 % intervals of the mean (t): " + ", ".join(
            f"{name} {figure['low']:.4g} to {figure['high']:.4g}" for name, figure in result["mean"].items()
        )
    yield "seconds: all that leads to the model; of item-kNN and EASE with their choice on validation and the test"
    for sentence in result["skipped"]:
        yield from wrapped(f"Left out: {sentence}")


def _scale(scale: dict[str, Any]) -> Iterator[str]:
    yield "\nComputed graphs: as many users as items, power-law popularity; the default model, each in its own process"
    yield from table(scale["rows"], _SCALE)
    if grown := scale["growth"]:
        yield (
            f"With n interactions a step grows as n^{grown['step_s']:.2f}, an epoch as n^{grown['epoch_s']:.2f}, "
            f"memory as n^{grown['peak_bytes']:.2f} (1 is linear)"
        )
    yield "epoch: steps · step; valid: one validation; memory: growth of the process while training, and its estimate"
    yield "of state: the memory without the graph / (parameters + Adam's moments)"
    for sentence in scale["skipped"]:
        yield from wrapped(f"Skipped: {sentence}")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _named(row: Row) -> str:
    """Return a model's name with what was chosen for it: "item-kNN (k 100, shrinkage 10)"."""
    chosen = ", ".join(f"{name} {value:g}" for name, value in row.get("settings", {}).items())
    return row["name"] + (f" ({chosen})" if chosen else "")


_PARTS: list[Column] = [
    ("part", -28, lambda row: row["part"]),
    ("ms", 8, lambda row: f"{row['ms']:.2f}"),
    ("share", 6, lambda row: f"{row['share']:.0%}"),
]
_MODELS: list[Column] = [
    ("model", -32, _named),
    ("seed", 5, lambda row: str(row.get("seed", ""))),
    ("seconds", 8, lambda row: f"{row['seconds']:.1f}"),
    ("epochs", 6, lambda row: str(row.get("epochs") or "")),
    ("best", 5, lambda row: str(row.get("best_epoch") or "")),
    ("valid ndcg@20", 14, lambda row: _share(row.get("valid_ndcg@20"))),
    ("recall@20", 10, lambda row: _share(row["recall@20"])),
    ("ndcg@20", 8, lambda row: _share(row["ndcg@20"])),
]
_SCALE: list[Column] = [
    ("interactions", 12, lambda row: f"{row['interactions']:,}"),
    ("users", 10, lambda row: f"{row['users']:,}"),
    ("batch", 6, lambda row: f"{row['batch']:,}"),
    ("steps", 6, lambda row: f"{row['steps']:,}"),
    ("step ms", 8, lambda row: f"{1e3 * row['step_s']:,.1f}"),
    ("epoch s", 9, lambda row: f"{row['epoch_s']:,.1f}"),
    ("valid s", 8, lambda row: f"{row['valid_s']:,.2f}"),
    ("memory MB", 10, lambda row: f"{row['peak_bytes'] / 1e6:,.0f}"),
    ("estimate MB", 11, lambda row: f"{row['needed_bytes'] / 1e6:,.0f}"),
    ("of state", 8, lambda row: f"{row['of_state']:.1f}"),
]
