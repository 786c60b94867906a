"""Commands that look at what is there: runs, show, frontier, datasets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from engine.commands.describing import methods
from engine.commands.following import current
from engine.commands.running import ROOT
from engine.data import registry
from engine.errors import FewbitsError
from engine.frontier import higher_is_better, on_frontier
from engine.service.supervisor import say
from engine.store import catalog
from engine.store.folders import run_folder, runs_root
from engine.store.scaling import results
from engine.store.status import engine_lock

POINT = ["run_id", "encoder", "dim", "seed", "quantizer", "bits", "query_bits", "options"]
TIMED = ("latency", "throughput", "calibration")
"""What metrics begin with that are of one machine; seconds are as well."""
SHOWN = ["recall@20", "ndcg@20", "overlap@20", "latency_p50_us", "bytes_per_item"]
TIMES = ("submitted", "started", "finished")
"""Columns of a run that the catalog has in UTC."""


@click.command(epilog="Example:  python -m engine runs --state failed")
@click.option(
    "--state",
    help="Only runs in this state: queued (waiting), running, done, failed, cancelled, orphaned (broken off).",
)
@click.option("--rebuild", is_flag=True, help="Delete the catalog and make it anew from the run folders.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@ROOT
def runs(state: str | None, rebuild: bool, as_json: bool, root: Path | None) -> None:
    """List all runs with their states, newest first."""
    folder = runs_root(root)
    if rebuild:
        _rebuild(folder)
    table = catalog.runs(current(folder))
    if state:
        table = table[table["state"] == state]
    columns = ["run_id", "state", "submitted", "attempts", "error"]
    if as_json:
        click.echo(table.assign(**{name: table[name].dt.tz_localize("UTC") for name in TIMES}).to_json(
            orient="records", date_format="iso"
        ))  # fmt: skip
    elif table.empty:
        click.echo(
            "no runs"
            + (f" in state {state!r}" if state else " yet: `python -m engine run --dataset demo` makes the first")
        )
    else:
        click.echo(table[columns].rename(columns={"submitted": "submitted (UTC)"}).fillna("").to_string(index=False))


def _rebuild(root: Path) -> None:
    from filelock import Timeout

    try:
        with engine_lock(root).acquire(timeout=0):
            say(f"the catalog was made anew from {catalog.rebuild(root, methods())} run folders")
    except Timeout:
        raise FewbitsError(f"an engine serves {root} and keeps the catalog: stop it before you rebuild") from None


@click.command(epilog="Example:  python -m engine show demo-uniform4-0123456789ab")
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: run_id, spec, measurements, state, log …")
@click.option("--verify", is_flag=True, help="Compare every file with its SHA-256.")
@ROOT
def show(run_id: str, as_json: bool, verify: bool, root: Path | None) -> None:
    """Show one run: state, error, specification, measurements, machine."""
    folder = run_folder(runs_root(root), run_id)
    if not folder.file("spec.json").exists():
        raise FewbitsError(f"no run {run_id!r} in {folder.path.parent}; `python -m engine runs` lists them")
    if verify and (problem := folder.verify()) is not None:
        raise FewbitsError(f"{run_id}: {problem}; `python -m engine retry {run_id}` measures it anew")
    state, manifest = folder.state(), folder.manifest() or {}
    content = {
        "run_id": run_id, "state": state, "error": folder.error(), "spec": folder.spec().model_dump(mode="json"),
        **{name: manifest.get(name) for name in ("machine", "split", "checkpoint", "timings", "notes")},
        "measurements": manifest.get("measurements", []),
        "scaled": [{"items": n, **row} for n, entry in results(folder).items() for row in entry["rows"]],
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(content))
        return
    click.echo(f"{run_id}: {state}" + (f": {content['error']}" if content["error"] else ""))
    click.echo(f"specification: {folder.spec().canonical()}")
    if manifest:
        click.echo(f"machine: {manifest['machine']['hardware']}")
        click.echo("\n".join(manifest["notes"]))
        click.echo(measurement_table(run_id, pd.DataFrame(manifest["measurements"])))
        if content["scaled"]:
            click.echo("at larger catalogues:\n" + scaled_table(pd.DataFrame(content["scaled"])))
    elif tail := folder.log_tail(10):
        click.echo(f"log:\n{tail}")


@click.command(
    epilog="Example:  python -m engine frontier --dataset demo --y recall@20 --x bytes_per_item --format csv"
)
@click.option("--dataset", required=True, help="Data set.")
@click.option("--y", default="recall@20", show_default=True, help="Quality: recall@k, ndcg@k or overlap@k.")
@click.option(
    "--x", default="latency_p50_us", show_default=True, help="Cost: latency_p50_us, bytes_per_item, index_bytes …"
)
@click.option("--hardware", help="Only points measured on it; needed for latencies once there are several machines.")
@click.option("--split", help="Only points tested on it; needed once there are runs of several split seeds.")
@click.option("--all", "everything", is_flag=True, help="Also the dominated points, marked.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@ROOT
def frontier(
    dataset: str, y: str, x: str, hardware: str | None, split: str | None, everything: bool, form: str,
    root: Path | None,
) -> None:  # fmt: skip
    """Print the configurations that no other beats in both quality and cost."""
    folder = runs_root(root)
    points = _points(current(folder))
    points = points[points["dataset"] == dataset] if len(points) else points
    if points.empty:
        registry.info(dataset, folder)
        raise FewbitsError(f"no finished run on {dataset}; `python -m engine run --dataset {dataset}` makes one")
    points = _one(points, "split", split, "tested on several splits", "split")
    if hardware or x.startswith(TIMED) or y.startswith(TIMED) or x.endswith("_s") or y.endswith("_s"):
        points = _one(points, "hardware", hardware, "measured on several machines", "machine")
    points = points.assign(frontier=on_frontier(points, x, y))
    chosen = points if everything else points[points["frontier"]]
    low_high = [c for c in (f"{y}_low", f"{y}_high") if c in chosen]
    columns = [*POINT, y, *low_high, x, "frontier"] if everything else [*POINT, y, *low_high, x]
    chosen = chosen.sort_values(x, ascending=not higher_is_better(x))[list(dict.fromkeys(columns))]
    if form == "json":
        click.echo(chosen.to_json(orient="records"))
    else:
        click.echo(chosen.to_csv(index=False).rstrip() if form == "csv" else _rounded(chosen).to_string(index=False))


def _points(root: Path) -> pd.DataFrame:
    """Return the catalog's points with the split and the checkpoint of their runs."""
    points = catalog.points(root)
    return points.merge(catalog.runs(root)[["run_id", "split", "checkpoint"]], on="run_id") if len(points) else points


def _one(points: pd.DataFrame, column: str, wanted: str | None, several: str, what: str) -> pd.DataFrame:
    """Return the points of one machine, or one split: figures of two say nothing about each other."""
    there = points[column].unique().tolist()
    if wanted is None and len(there) > 1:
        raise FewbitsError(f"points were {several}: choose one with --{column}: {'; '.join(there)}")
    if wanted is not None and wanted not in there:
        raise FewbitsError(f"no point is of the {what} {wanted!r}; there are: {'; '.join(there)}")
    return points[points[column] == (wanted or there[0])]


@click.command(epilog="Example:  python -m engine datasets --get gowalla")
@click.option("--get", "name", help="Find or download this data set and check that it can be read.")
@ROOT
def datasets(name: str | None, root: Path | None) -> None:
    """List the known data sets and where each is, or fetch one."""
    folder = runs_root(root)
    if name:
        from engine.data.split import load_split
        from engine.store.prepared import describe

        split = load_split(name, folder, 0, say)
        click.echo(json.dumps(describe(split), indent=1))
        return
    known = [registry.info(known_name, folder) for known_name in registry.names(folder)]
    rows = [
        {
            "name": i.name, "users": f"{i.users:,}", "items": f"{i.items:,}", "interactions": f"{i.interactions:,}",
            "where": where(i.name, folder), "title": i.title,
        }
        for i in known
    ]  # fmt: skip
    click.echo(pd.DataFrame(rows).to_string(index=False))


def where(name: str, root: Path) -> str:
    """Return in words where a data set is."""
    if registry.info(name, root).synthetic:
        return "built in"
    try:
        return str(registry.find(name, root) or "to be downloaded")
    except FewbitsError as error:
        return f"incomplete: {error}"


def measurement_table(run_id: str, rows: pd.DataFrame) -> str:
    """Return a run's rows as a text table."""
    rows = rows.copy()
    rows["metric"] = [
        f"{m}@{int(k)}" if m in ("recall", "ndcg", "overlap", "tied") else m
        for m, k in zip(rows["metric"], rows["k"], strict=True)
    ]
    columns = ["metric", "query_bits", "threads", "batch", "value", "low", "high", "unit"]
    for name in ("query_bits", "threads", "batch"):
        rows[name] = [("" if pd.isna(v) else str(int(v))) for v in rows[name]]
    return f"{run_id}\n" + rows[columns].to_string(index=False, na_rep="", float_format=significant)


def scaled_table(rows: pd.DataFrame) -> str:
    """Return rows at larger catalogues as a text table: one line for each size and query precision."""
    single = rows[rows["query_bits"].notna()]
    of_index = rows[rows["query_bits"].isna()].pivot(index="items", columns="metric", values="value")
    table = single.pivot(index=["items", "query_bits"], columns="metric", values="value").reset_index()
    table = table.astype({"query_bits": int}).join(of_index, on="items").drop(columns="compression")
    table["items"] = [f"{n:,}" for n in table["items"]]
    return _rounded(table.rename_axis(columns=None)).to_string(index=False)


def points_table(root: Path, run_ids: Sequence[str]) -> str:
    """Return the points of some runs as a text table, with the share of float32's recall that each keeps."""
    points = _points(root)
    points = points[points["run_id"].isin(run_ids)]
    points = points.assign(kept=kept_share(points)) if "recall@20" in points else points
    shown = [c for c in (*POINT[1:], "recall@20", "kept", *SHOWN[1:]) if c in points]
    return _rounded(
        points.sort_values(["dataset", "encoder", "seed", "bytes_per_item"], ascending=[True, True, True, False])[
            ["dataset", *shown]
        ]
    ).to_string(index=False)


def kept_share(points: pd.DataFrame) -> pd.Series:
    """Return recall@20 over that of the float32 run on the same checkpoint; NaN where there is none."""
    exact = points[points["quantizer"] == "float32"].groupby("checkpoint")["recall@20"].max()
    return points["recall@20"] / points["checkpoint"].map(exact)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    return table.apply(lambda column: column.map(significant) if column.dtype == float else column)


def significant(value: Any) -> str:
    """Return a number with four significant digits and thousands separated."""
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
