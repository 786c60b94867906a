"""From a file to a data set, in DuckDB: what counts, each pair once, k-core, split, ids. Nothing passes through Python.

Each step is one statement over tables on disk, so that a file may be larger than memory. Ids and splits follow from
the file's content, not from the order of its lines.
"""

from collections.abc import Callable
from typing import Any

from engine.data.own_columns import Choice
from engine.data.own_database import Connection
from engine.data.own_source import Source
from engine.errors import FewbitsError

ID_LENGTH = 200
"""Longest id of a user or an item, in characters; titles are cut to as many."""
TEST_ONE_IN = 5
UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))
"""Times below so much are in a unit of which so many make a second: seconds, milli-, micro-, nanoseconds."""

Say = Callable[[float, str], None]


def build(connection: Connection, source: Source, choice: Choice, out: str, say: Say) -> dict[str, Any]:
    """Write the three Parquet files of a data set below ``out`` and return the report.

    Raises
    ------
    FewbitsError
        No interaction is left, or nothing to test; the text says what dropped them.
    """
    choice.check(source.columns)
    say(0.02, "reading the file")
    rows, dropped = _read(connection, source, choice)
    say(0.45, "numbering users and items")
    dropped += _pairs(connection, rows - sum(entry["rows"] for entry in dropped))
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
    odd = _ids(connection, choice)
    _divide(connection, choice)
    say(0.9, "writing")
    counts = _counts(connection)
    if not counts["test"]:
        raise FewbitsError(
            f"file {source.name}: nobody has two items, so that none can be held out: bring longer histories"
        )
    _write(connection, out)
    return {"rows": rows, "dropped": dropped, "core": choice.core, "rounds": rounds, "odd": odd, **counts}


def _read(connection: Connection, source: Source, choice: Choice) -> tuple[int, list[dict[str, Any]]]:
    """Make the table ``source`` (u, i, t, title, reason) in one pass over the file; return its rows and what is out."""
    texts = {role: _text(*source.column(column)) for role, column in choice.roles().items()}
    moment = _moment(*source.column(choice.time), texts["time"]) if choice.time else "null::double"
    rating = f"nullif(try_cast({texts['rating']} as double), 'nan'::double)" if choice.rating else "null::double"
    rated, timed = str(choice.rating is not None).lower(), str(choice.split == "last").lower()
    connection.execute(
        f"""
        create table source as
        select u, i, t, title,
               case when u is null or i is null then 1
                    when length(u) > {ID_LENGTH} or length(i) > {ID_LENGTH} then 2
                    when {rated} and r is null then 3
                    when {rated} and r < $at_least then 4
                    when {timed} and t is null then 5 else 0 end::utinyint as reason,
               case when {rated} and r is null then r_text when t is null then t_text end as bad
        from (select {texts["user"]} as u, {texts["item"]} as i, {moment} as t, {rating} as r,
                     {texts.get("title", "null::varchar")} as title,
                     left({texts.get("rating", "null::varchar")}, 40) as r_text,
                     left({texts.get("time", "null::varchar")}, 40) as t_text
              from {source.sql})
        """,
        {**source.values, "at_least": choice.at_least or 0.0},
    )
    found = connection.execute("select reason, count(*), min(bad) from source group by reason order by reason")
    counted = {reason: (n, bad) for reason, n, bad in found.fetchall()}
    rows = sum(n for n, _ in counted.values())
    if not rows:
        raise FewbitsError(
            f"file {source.name} has the names of columns but no rows; expected a user and an item in each"
        )
    dropped = [{"rows": n, "why": _why(reason, bad, choice)} for reason, (n, bad) in counted.items() if reason]
    if 0 not in counted:
        reasons = "; ".join(f"{entry['rows']:,} {entry['why']}" for entry in dropped)
        raise FewbitsError(
            f"file {source.name}: none of its {rows:,} rows counts: {reasons}; choose other columns or limits"
        )
    return rows, dropped


def _why(reason: int, bad: str | None, choice: Choice) -> str:
    example = f", such as {bad!r}" if bad else ""
    return {
        1: "without a user or an item",
        2: f"with an id of more than {ID_LENGTH} characters",
        3: f"without a rating that is a number{example}",
        4: f"rated below {choice.at_least:g}" if choice.at_least is not None else "",
        5: f"without a time that can be read, which the split by time needs{example}",
    }[reason]


def _text(identifier: str, kind: str) -> str:
    """Return an expression for a value as text without blanks around it; null where nothing is left."""
    if kind in ("DOUBLE", "FLOAT"):  # ids of a column with gaps, as pandas writes them: 17.0 is the id 17
        whole = f"{identifier} = trunc({identifier}) and abs({identifier}) < 1e15"
        short, text = f"cast(cast({identifier} as bigint) as varchar)", f"cast({identifier} as varchar)"
        return f"case when not isfinite({identifier}) then null when {whole} then {short} else {text} end"
    return f"nullif(trim(cast({identifier} as varchar)), '')"


def _moment(identifier: str, kind: str, text: str) -> str:
    """Return an expression for a time as a number: seconds of dates, and numbers in their own unit."""
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        stamp = identifier if "TIME ZONE" in kind else f"cast({identifier} as timestamp)"
        return f"epoch_us({stamp}) / 1e6"
    number = f"try_cast({text} as double)"
    return (
        f"coalesce(case when isfinite({number}) and abs({number}) < 1e20 then {number} end, "
        f"epoch_us(try_cast({text} as timestamptz)) / 1e6)"
    )


def _pairs(connection: Connection, counted: int) -> list[dict[str, Any]]:
    """Make ``pairs`` (u, i int32; t): each pair once, at its first time. Return how many rows repeated one."""
    connection.execute(
        "create table user_keys as select u as key, (row_number() over ())::integer as k "
        "from (select distinct u from source where reason = 0)"
    )
    connection.execute(
        "create table item_keys as select i as key, title, (row_number() over ())::integer as k "
        f"from (select i, left(min(title), {ID_LENGTH}) as title from source where reason = 0 group by i)"
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


def _ids(connection: Connection, choice: Choice) -> list[str]:
    """Make ``users`` and ``items`` with their final ids, in the order of their keys; return what is odd."""
    order = "(row_number() over (order by try_cast(key as bigint) nulls last, key) - 1)::integer"
    for table, keys, side, more in (("users", "user_keys", "u", ""), ("items", "item_keys", "i", "title, ")):
        connection.execute(
            f"create table {table} as select k, key, {more}n, {order} as id from {keys} "
            f"join (select {side} as k, count(*) as n from pairs group by {side}) using (k)"
        )
    odd = []
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
        connection.execute(f"copy ({sql}) to '{out}/{name}.parquet' (format parquet, compression zstd)")


def _count(connection: Connection, table: str) -> int:
    return int(_row(connection, f"select count(*) from {table}")[0])


def _row(connection: Connection, sql: str) -> tuple[Any, ...]:
    found = connection.execute(sql).fetchone()
    assert found is not None
    return found
