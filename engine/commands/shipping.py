"""What is shipped of the study: ``study collect`` writes its rows, ``check`` compares runs with them, and ``readme``
writes what README says of them.
"""

import json
from pathlib import Path

import click

from engine.commands.parsing import names
from engine.commands.running import ROOT
from engine.errors import FewbitsError
from engine.quantizers import describe
from engine.service.supervisor import say
from engine.store import reference
from engine.store.folders import RunFolder, run_folders, runs_root
from engine.study.plan import DATASETS, plan


@click.command(epilog="Example:  python -m engine study collect --dataset my-shop")
@click.option(
    "--to", "to", type=click.Path(path_type=Path), default=reference.folder, show_default=False,
    help="Folder to write to; default: where the dashboard reads, runs/reference in the repository.",
)  # fmt: skip
@click.option(
    "--dataset", "--datasets", "datasets", default=",".join(DATASETS), show_default=True,
    help="Data sets, comma-separated; the rows of others stay as they are.",
)  # fmt: skip
@click.option(
    "--keep", is_flag=True,
    help="Keep the rows that lie there, but for models of other machines that were measured here in all their forms.",
)  # fmt: skip
@click.option("--drop", is_flag=True, help="Let rows go that lie there of these data sets and were not measured here.")
@ROOT
def collect(to: Path, datasets: str, keep: bool, drop: bool, root: Path | None) -> None:
    """Write the rows of the study's runs on these data sets, and its failed runs with their reasons, as Parquet.

    No data, no vectors, nothing of single users or items. What lies there of these data sets is replaced where all of
    it was measured here; else it takes --drop to let the rest go, or --keep, with which it stays, so that several
    machines can share a study: all runs of one model are of one machine, and one that was measured here only in part
    waits.
    """
    if keep and drop:
        raise FewbitsError("got --keep and --drop: the one leaves rows that were not measured here, the other does not")
    from engine.study.collect import write
    from engine.study.coverage import key

    chosen = [f for f in run_folders(runs_root(root)) if _dataset(f) in names(datasets)]
    if not chosen:
        raise FewbitsError(f"no run on {datasets} in {runs_root(root)}: `python -m engine study reference` makes them")
    defaults = {m["name"]: {o["name"]: o["default"] for o in m["options"]} for m in describe()}
    planned = {key(r.spec, r.form) for r in plan(names(datasets), sorted({f.spec().model.seed for f in chosen}))}
    said = write(chosen, to, defaults, planned, say, keep, drop)
    left_out = f"; {said['others']:,} that are not of the study are left out" * bool(said["others"])
    told = keep or said["kept"] + said["replaced"] + said["dropped"] > 0
    before = f" ({said['kept']:,} from before, {said['replaced']:,} replaced, {said['dropped']:,} dropped)" * told
    runs = f"{said['done']:,} run{'s' * (said['done'] != 1)}"
    if said["wait"]:
        click.echo(
            f"{said['wait']:,} runs wait: another machine measured more forms of their models, and all rows of a model "
            "are of one machine; `python -m engine study reference --missing` runs the rest"
        )
    click.echo(f"{runs}{before}, {said['failed']} failed ones, {said['bytes'] / 1e6:.2f} MB in {to}{left_out}")


def _dataset(folder: RunFolder) -> str | None:
    """Return the data set of a run; None for one whose specification this version refuses (`doctor` lists it)."""
    try:
        return folder.spec().dataset
    except FewbitsError:
        return None


@click.command(epilog="Example:  python -m engine study check")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: compared, equal, differing, latency, elsewhere."
)
@ROOT
def check(as_json: bool, root: Path | None) -> None:
    """Compare the runs of a folder with the shipped rows: quality must be equal to the last bit, times are told.

    That holds on the machine (processor and cores) that a shipped row names. Another may add up in another order, so
    that training ends elsewhere: of those runs it is told how many figures are equal all the same, and how far what
    they keep of float32's recall@20 lies apart.
    """
    from engine.study.check import compared, sentences

    folder = runs_root(root)
    found = compared([f for f in run_folders(folder) if f.state() == "done"], reference.folder())
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in sentences(found):
        click.echo(line)


@click.command(epilog="Example:  python -m engine study readme")
def readme() -> None:
    """Write the study's section of README.md and its pictures from the shipped rows."""
    from engine.study import readme as writing

    page = reference.FOLDER.parents[1] / "README.md"
    content = writing.placed(page.read_text(encoding="utf-8"), writing.section(reference.FOLDER))
    for name, text in writing.pictures(reference.FOLDER).items():
        (reference.FOLDER / name).write_text(text, encoding="utf-8")
    page.write_text(content, encoding="utf-8")
    click.echo(f"the section of {page.name} and {len(writing.pictures(reference.FOLDER))} pictures are written")
