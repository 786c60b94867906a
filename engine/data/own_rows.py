"""Which rows of a file of interactions count, and why the others do not: the first step to a data set, in DuckDB."""

from typing import Any

from engine.data.own_columns import Choice
from engine.data.own_database import Connection
from engine.data.own_source import Source, key_text
from engine.errors import FewbitsError

ID_LENGTH = 200
"""Longest id of a user or an item, in characters; titles are cut to as many."""


def read(connection: Connection, source: Source, choice: Choice) -> tuple[int, list[dict[str, Any]]]:
    """Make the table ``source`` (u, i, t, title, reason) in one pass over the file; return its rows and what is out."""
    texts = {role: key_text(*source.column(column)) for role, column in choice.roles().items()}
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


def strangers(connection: Connection, source: Source, rows: int) -> list[dict[str, Any]]:
    """Let no row count whose user or item is without a vector; return how many these are.

    Raises
    ------
    FewbitsError
        None of the file's ``rows`` is left.
    """
    lost = {
        word: f"{column} not in (select key from {word}_vectors)" for word, column in (("user", "u"), ("item", "i"))
    }
    connection.execute(f"update source set reason = 6 where reason = 0 and ({' or '.join(lost.values())})")
    left, n, user, item = connection.execute(
        "select count(*) filter (reason = 0), count(*) filter (reason = 6), "
        f"min(u) filter (reason = 6 and {lost['user']}), min(i) filter (reason = 6 and {lost['item']}) from source"
    ).fetchall()[0]
    example = (
        f"such as the user {user[:40]!r}" if user is not None else f"such as the item {item[:40]!r}" if item else ""
    )
    if not left:
        raise FewbitsError(
            f"file {source.name}: none of its {rows:,} rows that count has a vector of its user and of its item, "
            f"{example}; ids are compared as text, and in a .npy file the number of a row, from 0, is the id"
        )
    return [{"rows": n, "why": f"of a user or an item without a vector, {example}"}] if n else []


def _why(reason: int, bad: str | None, choice: Choice) -> str:
    example = f", such as {bad!r}" if bad else ""
    return {
        1: "without a user or an item",
        2: f"with an id of more than {ID_LENGTH} characters",
        3: f"without a rating that is a number{example}",
        4: f"rated below {choice.at_least:g}" if choice.at_least is not None else "",
        5: f"without a time that can be read, which the split by time needs{example}",
    }[reason]


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
