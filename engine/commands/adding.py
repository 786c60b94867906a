"""Commands for data sets of one's own: data look, data add, data remove."""

import json
from pathlib import Path
from typing import Any

import click

from engine.commands.running import ROOT
from engine.commands.tables import Column, Row, table
from engine.data import own
from engine.data.own_columns import SPLITS, WORDS, Choice, guess
from engine.errors import FewbitsError
from engine.service.supervisor import say
from engine.store.folders import runs_root

VECTORS = "Vectors of the {0}: .npy (the number of a row, from 0, is the {1}'s id) or Parquet (a column of ids)."
FILE = click.argument("file", type=click.Path(path_type=Path))
NO_HEADER = click.option("--no-header", is_flag=True, help="The first line is a row, not the names of the columns.")


@click.group(epilog="Example:  python -m engine data add my-shop purchases.csv --user customer --item sku --core 5")
def data() -> None:
    """Bring data sets of your own: CSV, TSV or Parquet, a user and an item in each row; vectors as well."""


@data.command(epilog="Example:  python -m engine data look purchases.csv")
@NO_HEADER
@click.option("--vectors", is_flag=True, help="The file holds vectors: show how many, and their first ids.")
@FILE
def look(file: Path, no_header: bool, vectors: bool) -> None:
    """Show the columns of a file, its first rows, and what is guessed of the columns' meaning."""
    from engine.data import own_import

    if vectors:
        found = own_import.look_vectors(own_import.File(file, file.name))
        click.echo(f"{found.rows:,} vectors of {found.dim:,} numbers; the first ids: {', '.join(found.ids)}")
        return
    seen = own_import.look(file, header=False if no_header else None)
    columns: list[Column] = [("column", -24, lambda row: row["column"]), ("first rows", -80, lambda row: row["rows"])]
    examples = [" · ".join(str(row[place]) for row in seen.rows[:4])[:80] for place in range(len(seen.columns))]
    rows: list[Row] = [{"column": c, "rows": e} for c, e in zip(seen.columns, examples, strict=True)]
    click.echo("\n".join(table(rows, columns)))
    guessed = [f"{WORDS[role]} = {column}" for role, column in guess(seen.columns).items() if column]
    click.echo(f"guessed: {', '.join(guessed) or 'nothing: give --user and --item to `data add`'}")


@data.command(
    epilog="Example:  python -m engine data add my-shop purchases.csv --user customer --item sku --time at --split last"
    "  With vectors:  python -m engine data add my-model sold.csv --user-vectors users.npy --item-vectors items.npy"
)
@click.argument("name")
@FILE
@click.option("--user", help="Column of the users; default: guessed by usual names.")
@click.option("--item", help="Column of the items; default: guessed by usual names.")
@click.option("--time", help="Column of the times: dates, or seconds (milli-, micro-, nanoseconds) since 1970.")
@click.option("--rating", help="Column of the ratings; needs --at-least. Without both, every row is an interaction.")
@click.option("--at-least", type=float, help="Rows rated below this are dropped.")
@click.option("--item-label", "title", help="Column of the items' names, as the Users page shows them.")
@click.option("--user-vectors", type=click.Path(path_type=Path), help=VECTORS.format("users", "user"))
@click.option("--item-vectors", type=click.Path(path_type=Path), help=VECTORS.format("items", "item"))
@click.option("--core", type=int, default=1, show_default=True, help="Fewest interactions of every user and item.")
@click.option(
    "--split", type=click.Choice(SPLITS), default="random", show_default=True,
    help="Test: a random fifth of each user's items, or each user's last item by --time.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random split.")
@NO_HEADER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: what is stored with the set.")
@ROOT
def add(name: str, file: Path, user: str | None, item: str | None, no_header: bool, as_json: bool, root: Path | None,
        user_vectors: Path | None, item_vectors: Path | None, **chosen: Any) -> None:  # fmt: skip
    """Make a data set of a file. It is then used like the others: `--dataset NAME`.

    With vectors of its users and items, these are what is quantized and searched, by the inner product; nothing is
    trained. For the cosine, divide each vector by its length before.
    """
    from engine.data import own_import

    header = False if no_header else None
    if user is None or item is None:
        guessed = guess(own_import.look(file, header=header).columns)
        user, item = user or guessed["user"], item or guessed["item"]
        if user is None or item is None:
            missing = " and ".join(f"--{role}" for role, column in (("user", user), ("item", item)) if column is None)
            raise FewbitsError(
                f"file {file.name}: no column has a usual name: give {missing}; `data look` shows the columns"
            )
        say(f"user = {user}, item = {item}")
    choice = Choice(user=user, item=item, header=header, **chosen)
    given = {"users": user_vectors, "items": item_vectors}
    vectors = {table: own_import.File(path, path.name) for table, path in given.items() if path is not None}
    content = own_import.add(
        name, file, choice, runs_root(root), say=lambda at, doing: say(f"{at:4.0%} {doing}"), vectors=vectors
    )
    if as_json:
        click.echo(json.dumps(content))
        return
    click.echo("\n".join(own.sentences(content["report"])))
    click.echo(f"added in {content['seconds']:.1f} s: python -m engine run --dataset {name}")


@data.command(epilog="Example:  python -m engine data remove my-shop")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also where runs used it; their results stay readable.")
@ROOT
def remove(name: str, force: bool, root: Path | None) -> None:
    """Remove a data set of your own."""
    folder = runs_root(root)
    used = [] if force else own.runs_on(name, folder)
    if used:
        more = f" and {len(used) - 1} more" if len(used) > 1 else ""
        raise FewbitsError(
            f"{name} is used by {used[0]}{more}: without it they can't be measured again; delete these runs first, or "
            "say --force"
        )
    own.remove(name, folder)
    click.echo(f"{name} removed")
