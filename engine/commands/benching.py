"""Commands that measure ourselves: the group, and our kernels beside other libraries' on random codes (kernels)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.commands.pages import dashboard
from engine.commands.parsing import integers
from engine.commands.running import ROOT
from engine.commands.tables import Column, Row, table, wrapped
from engine.commands.training import train
from engine.measure.machine import cores
from engine.service.supervisor import say
from engine.service.token import exclusive
from engine.spec import LATENCY_K
from engine.store.files import disk_errors
from engine.store.folders import runs_root


@click.group(epilog="Example:  python -m engine bench kernels --items 41000,1000000 --peers")
def bench() -> None:
    """Measure our kernels, our training and our pages themselves."""


bench.add_command(train)
bench.add_command(dashboard)


@bench.command(epilog="Example:  python -m engine bench kernels --items 41000,1000000 --peers --threads 1,2")
@click.option("--items", default="41000,1000000", show_default=True, help="Sizes of the catalogue, comma-separated.")
@click.option("--peers", is_flag=True, help="Also faiss's indexes on the same vectors; needs the extra `peers`.")
@click.option("--threads", help="Threads of the batches; the largest is measured. Default: 1 and all cores.")
@click.option("--dim", type=int, default=64, show_default=True, help="Dimensions.")
@click.option("--k", type=int, default=LATENCY_K, show_default=True, help="Places in a list.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: machine, settings, rows, skipped.")
@ROOT
def kernels(items: str, peers: bool, threads: str | None, dim: int, k: int, as_json: bool, root: Path | None) -> None:
    """Time every kernel on random codes, beside its peer and this core's read bandwidth. No run measures meanwhile."""
    from engine.measure.kernels import bench as measured

    sizes, on = integers(items, "--items"), integers(threads, "--threads") if threads else [1, cores()]
    folder = runs_root(root)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder, say):
        result = measured(sizes, dim, k, on, peers, say)
    click.echo(json.dumps(result) if as_json else "\n".join(report(result)))


def report(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the text: the machine, two tables for each size of the catalogue, what was skipped."""
    machine, read = result["machine"], result["memory_gbs_bytes"] / 1e9
    yield f"{machine['hardware']}; {machine['instructions']}"
    yield f"This core reads {result['memory_gbs']:.1f} GB/s from memory (its sum of {read:.1f} GB)."
    for items in dict.fromkeys(row["items"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["items"] == items]
        head = f"{items:,} items, {result['dim']} dimensions, top {result['k']}"
        yield f"\n{head}: one query on one thread, median of single queries"
        yield from table([row for row in rows if row["batch"] == 1], [*_COLUMNS, *_BANDWIDTH])
        batches = [row for row in rows if row["batch"] > 1]
        for threads, batch in dict.fromkeys((row["threads"], row["batch"]) for row in batches):
            yield f"\n{head}: batches of {batch} on {threads} thread{'s' * (threads > 1)}, time a query"
            yield from table(batches, _COLUMNS)
        if abs(moved := result["clock_moved"][items]) > 0.1:
            yield f"The machine's pace moved by {moved:+.0%} meanwhile: measure again."
    yield "\nµs: half of the queries were faster; ±: half the distance of the quartiles; ratio: ours / the fastest peer"
    yield "GB/s: bytes of the index / time; memory, array: that as a share of what this core reads from memory, and of"
    yield "what it reads of an array of the same size, which lies in the caches where the index does."
    if not result["peers"]:
        yield "Without peers: --peers measures faiss as well."
    for sentence in result["skipped"]:
        yield from wrapped(f"Skipped: {sentence}")


def _time(us: float | None) -> str:
    """Return microseconds with three digits that count, at least."""
    return "" if us is None else f"{us:,.0f}" if us >= 100 else f"{us:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _spread(row: Row) -> str:
    us = row["us"]
    return f"±{min((us['high'] - us['low']) / 2 / us['median'], 9.99):.0%}"


def _aim(row: Row) -> str:
    """Return "0.15 met" or "0.15 MISSED", and nothing where there is no target or no peer."""
    if row["met"] is None:
        return ""
    return f"{row['target']:g} {'met' if row['met'] else 'MISSED'}"


def _memory(row: Row) -> str:
    met = row["of_memory_met"]
    return _share(row["of_memory"]) + ("" if met is None else " met" if met else " MISSED")


_COLUMNS: list[Column] = [
    ("format", -17, lambda row: row["format"]),
    ("queries", -7, lambda row: row["queries"]),
    ("bytes", 6, lambda row: f"{row['bytes_per_item']:.1f}"),
    ("µs", 8, lambda row: _time(row["us"]["median"])),
    ("", 5, _spread),
    (" peer", -19, lambda row: f" {row['peer'] or '–'}"),
    ("µs", 8, lambda row: _time(row["peer_us"])),
    ("ratio", 6, lambda row: "" if row["ratio"] is None else f"{row['ratio']:.3g}"),
    (" target", -12, lambda row: f" {_aim(row)}"),
]
_BANDWIDTH: list[Column] = [
    ("GB/s", 5, lambda row: f"{row['gbs']:.1f}"),
    ("memory", 10, _memory),
    ("array", 5, lambda row: _share(row["gbs"] / row["own_gbs"] if row["own_gbs"] else None)),
]
