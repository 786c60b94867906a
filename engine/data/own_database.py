"""DuckDB for files that nobody has checked: limits, no way out of one folder, and its errors as sentences.

The only importer of duckdb beside the catalog. It is used in the child process of `engine.data.own_worker` alone, whose
working folder holds all there is: the files as `LINKS`, the tables, what is spilled, and the result in ``out``.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from engine.errors import FewbitsError

MEMORY_MB = 1_000
"""What DuckDB may keep in memory; the rest is spilled into the working folder. The process takes some 300 MB more."""
SPILL = "20GB"
THREADS = 2
SETTINGS: dict[str, Any] = {
    "memory_limit": f"{MEMORY_MB}MB",
    "threads": THREADS,
    "max_temp_directory_size": SPILL,
    "preserve_insertion_order": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
LINKS = ("source", "users", "items")
"""The files of a person that the folder holds or links to: the interactions, and vectors where there are any."""
SHOWN = 60
"""How many characters of a broken line an error shows."""

Connection = duckdb.DuckDBPyConnection


def connect(folder: Path) -> Connection:
    """Return a connection whose tables lie in the folder: all of the disk that it can reach, but for what the links
    `LINKS` in it name.
    """
    spill = str((folder / "spill").resolve())
    connection = duckdb.connect(folder / "tables.duckdb", config={**SETTINGS, "temp_directory": spill})
    connection.execute(f"set allowed_directories = [{literal(str(folder) + '/')}]")
    there = ", ".join(literal(str((folder / link).resolve())) for link in LINKS if (folder / link).exists())
    connection.execute(f"set allowed_paths = [{there}]")
    connection.execute("set TimeZone = 'UTC'")  # of dates that name no zone of their own
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def quoted(column: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL string, for the few places that take no bound parameter."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def sentences(file: str) -> Iterator[None]:
    """Turn what DuckDB says of a file into one sentence: where, what was got, what was expected, what to do.

    Raises
    ------
    FewbitsError
        A row or a value that cannot be read, too little memory or disk.
    """
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise FewbitsError(_full(file, str(error))) from None
    except duckdb.Error as error:
        raise FewbitsError(told(file, str(error))) from None


def _full(file: str, text: str) -> str:
    if "temp_directory" in text or "disk" in text.lower():
        return f"file {file}: the working space of {SPILL} or the disk is full: free some space, or bring fewer rows"
    return (
        f"file {file}: a part of it does not fit into the {MEMORY_MB:,} MB that reading may take: a value of many "
        "megabytes, perhaps; bring a file with only the columns that are needed"
    )


def told(file: str, text: str) -> str:
    """Return an error of DuckDB's as a sentence; of a broken line its number and its beginning are kept."""
    line = re.search(r"\bLine:?\s+(\d+)", text)
    original = re.search(r"Original Line:\s*(.*)", text)
    where = f"file {file}, line {int(line[1]):,}" if line else f"file {file}"
    got = f"got {original[1][:SHOWN]!r}{'…' if len(original[1]) > SHOWN else ''}: " if original else ""
    for pattern, sentence in KNOWN:
        if found := re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return f"{where}: {got}{sentence.format(*found.groups())}"
    first = re.sub(r"^[\w ]*Error:\s*", "", text.strip().split("\n")[0])
    return f"{where}: {got}it cannot be read ({first[:200]}); expected comma- or tab-separated text or Parquet"


KNOWN = (
    (
        r"Expected Number of Columns: (\d+) Found: (\d+)",
        "number of values {1}, expected {0} as in the first line: put values with separators in them in double quotes",
    ),
    (
        r"Maximum line size of (\d+) bytes",
        "the line is longer than {0} bytes: a double quote that is never closed, perhaps, or no table at all",
    ),
    (r"unterminated quote", "a double quote that is never closed: close it, or double it where it belongs to the text"),
    (r"unquoted value", "text behind a closing double quote: double the quotes that belong to the text"),
    (
        r"invalid state|state machine",
        "line ends of two kinds, perhaps, or quotes that do not pair: save the file again with one kind of line end",
    ),
    (r"unicode|utf-?8", "bytes that are no UTF-8: save the file as UTF-8"),
    (r"(?:parquet|thrift|magic bytes|snappy|zstd)", "it is no whole Parquet file: write it again"),
)
"""What DuckDB says → our sentence, in the order in which they are tried."""
