"""A file of interactions as DuckDB sees it: what kind it is, its columns, its first rows. Used in a child process.

How a text file is written is found out here, from its first line, and not by DuckDB's sniffer, which passes over lines
that it cannot make sense of: here, every line counts or is an error.
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.own_database import Connection, literal, quoted
from engine.errors import FewbitsError

HEAD = 1 << 16
"""Bytes at the beginning that are looked at; the first line must end within them."""
MAX_LINE = 1_000_000
MAX_COLUMNS = 1_000
DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "upright bars"}
PARQUET = b"PAR1"
FIRST_LINE = re.compile(rb'(?:[^"\n]|"[^"]*")*')
"""Up to the first line end outside of quotes: texts within may have others."""
FOREIGN = (
    (b"\x1f\x8b", "is compressed (gzip): unpack it first"),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet: unpack it, or export the sheet as CSV"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd): unpack it first"),
    (b"BZh", "is compressed (bzip2): unpack it first"),
    (b"\xfd7zXZ", "is compressed (xz): unpack it first"),
    (
        b"\x93NUMPY",
        "is a numpy array: expected a table with a user and an item in each row, beside which vectors may come",
    ),
    (b"\x89HDF", "is HDF5: export the table as CSV or Parquet"),
    (b"\xff\xfe", "is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16: save it as UTF-8"),
    (b"\x80\x03", "is a Python pickle, which is never read: export the table as CSV or Parquet"),
    (b"\x80\x04", "is a Python pickle, which is never read: export the table as CSV or Parquet"),
    (b"\x80\x05", "is a Python pickle, which is never read: export the table as CSV or Parquet"),
)
"""First bytes of files that people take for tables."""


@dataclass(frozen=True)
class Source:
    """A readable file: ``sql`` stands after FROM and takes the bound ``values``; columns are those shown to people."""

    name: str
    sql: str
    values: dict[str, Any]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    identifiers: tuple[str, ...]  # of the columns, quoted
    header: bool | None = None  # of text files

    def column(self, name: str) -> tuple[str, str]:
        """Return the identifier and the type of a column that the file has."""
        place = self.columns.index(name)
        return self.identifiers[place], self.types[place]


def open_source(connection: Connection, path: Path, name: str, header: bool | None = None) -> Source:
    """Return a file's source.

    Parameters
    ----------
    path : where it lies within reach of the connection.
    name : what people call it; its ending says what it should be.
    header : whether the first line of text holds names; None decides by whether one of its fields is a number.

    Raises
    ------
    FewbitsError
        It is empty, something else than its name says, or a table of one column.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if not head.strip():
        raise FewbitsError(f"file {name} is empty; expected a table with a user and an item in each row")
    for magic, sentence in FOREIGN:
        if head.startswith(magic):
            raise FewbitsError(f"file {name} {sentence}")
    ending, parquet = Path(name).suffix.lower(), head.startswith(PARQUET)
    if parquet and ending in (".csv", ".tsv", ".txt"):
        raise FewbitsError(f"file {name} is named like text but holds Parquet: name it {Path(name).stem}.parquet")
    if not parquet and ending in (".parquet", ".pq"):
        raise FewbitsError(f"file {name} is named like Parquet but is none: name it by what it is, or write it again")
    if b"\0" in head and not parquet:
        raise FewbitsError(f"file {name} is no text; expected CSV, TSV or Parquet")
    source = _parquet(connection, path, name) if parquet else _text(path, name, head, header)
    if len(source.columns) < 2:
        raise FewbitsError(
            f"file {name} has one column ({source.columns[0][:60]!r}); expected at least a user and an item, separated "
            f"by {', '.join(DELIMITERS.values())}"
        )
    if len(source.columns) > MAX_COLUMNS:
        raise FewbitsError(f"file {name} has {len(source.columns):,} columns; expected at most {MAX_COLUMNS:,}")
    return source


def _parquet(connection: Connection, path: Path, name: str) -> Source:
    sql, values = "read_parquet($file)", {"file": str(path)}
    found = connection.execute(f"describe select * from {sql}", values).fetchall()
    columns = tuple(str(row[0]) for row in found)
    return Source(name, sql, values, columns, tuple(str(row[1]) for row in found), tuple(map(quoted, columns)))


def _text(path: Path, name: str, head: bytes, header: bool | None) -> Source:
    delimiter, fields = _first_line(name, head)
    header = not any(_number(field) for field in fields) if header is None else header
    shown = _distinct([field.strip() for field in fields] if header else [""] * len(fields))
    inner = [f"c{place}" for place in range(len(fields))]  # so that no name of the file's stands in the SQL
    typed = ", ".join(f"{column}: 'VARCHAR'" for column in inner)
    first = FIRST_LINE.match(head)
    newline = literal(r"\r\n" if first is not None and first[0].endswith(b"\r") else r"\n")
    sql = (
        f"read_csv($file, auto_detect = false, header = {str(header).lower()}, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"', new_line = {newline}, max_line_size = {MAX_LINE}, "
        f"columns = {{{typed}}})"
    )
    return Source(
        name, sql, {"file": str(path)}, shown, ("VARCHAR",) * len(inner), tuple(map(quoted, inner)), header
    )  # fmt: skip


def _first_line(name: str, head: bytes) -> tuple[str, list[str]]:
    """Return the separator, which is the one that occurs most often in the first line, and the line's fields."""
    text = head.decode("utf-8-sig", "replace")
    line = text.split("\n", 1)[0]
    if len(head) == HEAD and "\n" not in text:
        raise FewbitsError(
            f"file {name}: the first line has no end within {HEAD:,} bytes; expected the names of columns"
        )
    bare = "".join(line.split('"')[::2])  # without what stands in quotes
    delimiter = max(DELIMITERS, key=bare.count)
    try:
        fields = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    except csv.Error as error:
        raise FewbitsError(f"file {name}, line 1: {error}; expected the names of columns") from None
    return delimiter, fields or [""]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Return names for all columns, none twice: ``column 3`` where there is none, ``title (2)`` for the second."""
    made: list[str] = []
    for place, name in enumerate(names, 1):
        first = name or f"column {place}"
        number = 1
        while (candidate := first if number == 1 else f"{first} ({number})") in made:
            number += 1
        made.append(candidate)
    return tuple(made)


def preview(connection: Connection, source: Source, rows: int) -> list[list[str | None]]:
    """Return the first rows as text, each value cut to 80 characters."""
    shown = ", ".join(f"left(cast({identifier} as varchar), 80)" for identifier in source.identifiers)
    found = connection.execute(f"select {shown} from {source.sql} limit {int(rows)}", source.values).fetchall()
    return [list(row) for row in found]


def key_text(identifier: str, kind: str) -> str:
    """Return an SQL expression for a value as text without blanks around it; null where nothing is left."""
    if kind in ("DOUBLE", "FLOAT"):  # ids of a column with gaps, as pandas writes them: 17.0 is the id 17
        whole = f"{identifier} = trunc({identifier}) and abs({identifier}) < 1e15"
        short, text = f"cast(cast({identifier} as bigint) as varchar)", f"cast({identifier} as varchar)"
        return f"case when not isfinite({identifier}) then null when {whole} then {short} else {text} end"
    return f"nullif(trim(cast({identifier} as varchar)), '')"
