"""From a file to a data set, in DuckDB: what counts, each pair once, k-core, split, ids. Nothing passes through Python.

Each step is one statement over tables on disk, so that a file may be larger than memory. Ids and splits follow from
the file's content, not from the order of its lines.
"""

from collections.abc import Callable
from typing import Any

from engine.data.own_columns import Choice
from engine.data.own_database import Connection, literal
from engine.data.own_matrices import Matrix, write
from engine.data.own_rows import ID_LENGTH, read, strangers
from engine.data.own_source import Source
from engine.data.split import TEST_ONE_IN
from engine.errors import FewbitsError

UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))
"""Times below so much are in a unit of which so many make a second: seconds, milli-, micro-, nanoseconds."""

Say = Callable[[float, str], None]


def build(
    connection: Connection, source: Source, choice: Choice, out: str, say: Say, vectors: dict[str, Matrix] | None = None
) -> dict[str, Any]:
    """Write the files of a data set below ``out`` and return the report.

    With ``vectors`` of users and items, only those count that have one, and every such item stays in the catalogue.

    Raises
    ------
    FewbitsError
        No interaction is left, or nothing to test; the text says what dropped them.
    """
    choice.check(source.columns)
    say(0.02, "reading the file")
    rows, dropped = read(connection, source, choice)
    say(0.45, "numbering users and items")
    given = vectors is not None
    dropped += strangers(connection, source, rows) if given else []
    dropped += _pairs(connection, rows - sum(entry["rows"] for entry in dropped), given)
    say(0.65, "k-core filter" if choice.core > 1 else "counting")
    rounds = _core(connection, choice.core)
    gone = sum(entry["interactions"] for entry in rounds)
    if gone:
        why = f"of users or items with fewer than {choice.core} interactions ({choice.core}-core filter)"
        dropped.append({"rows": gone, "why": why})
    left = _count(connection, "pairs")
    if not left:
        raise FewbitsError(
            f"file {source.name}: no interaction is left after the {choice.core}-core filter of {gone:,}: lower it"
        )
    say(0.75, "splitting")
    odd = _ids(connection, choice, given)
    _divide(connection, choice)
    say(0.9, "writing")
    counts = _counts(connection)
    if not counts["test"]:
        raise FewbitsError(
            f"file {source.name}: nobody has two items, so that none can be held out: bring longer histories"
        )
    _write(connection, out)
    report = {"rows": rows, "dropped": dropped, "core": choice.core, "rounds": rounds, "odd": odd, **counts}
    if vectors is not None:
        write(connection, vectors, out)
        report["dim"] = vectors["items"].dim
    return report


def _pairs(connection: Connection, counted: int, given: bool) -> list[dict[str, Any]]:
    """Make ``pairs`` (u, i int32; t): each pair once, at its first time. Return how many rows repeated one."""
    some = "(select i, title from source where reason = 0)"
    items = f"(select key as i, title from item_vectors left join {some} on i = key)" if given else some
    connection.execute(
        "create table user_keys as select u as key, (row_number() over ())::integer as k "
        "from (select distinct u from source where reason = 0)"
    )
    connection.execute(
        "create table item_keys as select i as key, title, (row_number() over ())::integer as k "
        f"from (select i, left(min(title), {ID_LENGTH}) as title from {items} group by i)"
    )
    connection.execute(
        "create table pairs as select a.k as u, b.k as i, min(s.t) as t from source s "
        "join user_keys a on s.u = a.key join item_keys b on s.i = b.key where s.reason = 0 group by a.k, b.k"
    )
    connection.execute("drop table source")
    repeated = counted - _count(connection, "pairs")
    return [{"rows": repeated, "why": "pairs of a user and an item that were there already"}] if repeated else []


def _core(connection: Connection, core: int) -> list[dict[str, int]]:
    """Drop users and items with fewer than ``core`` interactions until there are none; return each round's losses."""
    rounds: list[dict[str, int]] = []
    before = _count(connection, "pairs")
    while core > 1:
        for side, table in (("u", "few_users"), ("i", "few_items")):
            connection.execute(
                f"create or replace table {table} as select {side} from pairs group by {side} having count(*) < $core",
                {"core": core},
            )
        users, items = _count(connection, "few_users"), _count(connection, "few_items")
        if not users and not items:
            break
        connection.execute(
            "create table kept as select u, i, t from pairs anti join few_users using (u) anti join few_items using (i)"
        )
        connection.execute("drop table pairs")
        connection.execute("alter table kept rename to pairs")
        after = _count(connection, "pairs")
        rounds.append({"users": users, "items": items, "interactions": before - after})
        before = after
    return rounds


def _ids(connection: Connection, choice: Choice, given: bool) -> list[str]:
    """Make ``users`` and ``items`` with their final ids, in the order of their keys; return what is odd."""
    order = "(row_number() over (order by try_cast(key as bigint) nulls last, key) - 1)::integer"
    for table, keys, side, more in (("users", "user_keys", "u", ""), ("items", "item_keys", "i", "title, ")):
        connection.execute(
            f"create table {table} as select k, key, {more}n, {order} as id from {keys} "
            f"{'left join' if given and side == 'i' else 'join'} "
            f"(select {side} as k, count(*) as n from pairs group by {side}) using (k)"
        )
    odd = []
    if given and (n := _count(connection, "user_vectors") - _count(connection, "users")):
        odd.append(f"users with a vector and no interaction that counts, left out: {n:,}")
    if given and (n := _count(connection, "items where n is null")):
        odd.append(f"items with a vector and no interaction that counts, which stay in the catalogue: {n:,}")
    if choice.time and (n := _count(connection, "pairs where t is null")):
        odd.append(f"{n:,} interactions have no time that can be read")
    if choice.split == "last":
        tied = _count(
            connection, "(select max(t, 2) as two from pairs group by u having count(*) > 1) where two[1] = two[2]"
        )
        if tied:
            odd.append(f"{tied:,} users had their last items at one time: the order of the items' ids decides")
    return odd


def _divide(connection: Connection, choice: Choice) -> None:
    """Make ``parted`` (user, item int32; t; test)."""
    if choice.split == "last":
        test = "n >= 2 and row_number() over (partition by user_id order by t desc, item_id desc) = 1"
    else:  # a draw that depends on the pair and the seed alone: the same for every version and order of lines
        draw = "md5_number_lower(concat($seed, ' ', user_id, ' ', item_id))"
        share = f"case when n >= 2 then greatest(1, (n + {TEST_ONE_IN // 2}) // {TEST_ONE_IN}) else 0 end"
        test = f"row_number() over (partition by user_id order by {draw}, item_id) <= {share}"
    connection.execute(
        f"""
        create table parted as select user_id, item_id, t, {test} as test
        from (select a.id as user_id, b.id as item_id, p.t, a.n
              from pairs p join users a on p.u = a.k join items b on p.i = b.k)
        """,
        {"seed": choice.seed} if choice.split == "random" else {},
    )


def _counts(connection: Connection) -> dict[str, int]:
    n, test = _row(connection, "select count(*), count(*) filter (test) from parted")
    users, items = _count(connection, "users"), _count(connection, "items")
    return {"users": users, "items": items, "interactions": n, "train": n - test, "test": test}


def _write(connection: Connection, out: str) -> None:
    (largest,) = _row(connection, "select max(abs(t)) from parted")
    unit = next(per_second for limit, per_second in UNITS if (largest or 0) < limit)
    for name, sql in (
        (
            "interactions",
            f"""select user_id as "user", item_id as item, case when test then 'test' else 'train' end as part,
                       cast(floor(t / {unit}) as bigint) as time from parted order by user_id, item_id""",
        ),
        ("users", 'select id as "user", key from users order by id'),
        ("items", "select id as item, key, title from items order by id"),
    ):
        to = literal(f"{out}/{name}.parquet")
        connection.execute(f"copy ({sql}) to {to} (format parquet, compression zstd)")


def _count(connection: Connection, table: str) -> int:
    return int(_row(connection, f"select count(*) from {table}")[0])


def _row(connection: Connection, sql: str) -> tuple[Any, ...]:
    found = connection.execute(sql).fetchone()
    assert found is not None
    return found
