"""Vectors in files that nobody has checked, for the users and items of a file of interactions. Used in a child process.

- ``.npy``: a matrix of float16, float32 or float64; the number of a row, from 0, is the id of its user or item.
- Parquet: one column of ids, and the vectors as one column of lists, or as one column of decimals for each dimension.

What the header promises is checked before memory is taken for it, and matrices are read and written in parts: files
may be larger than memory. Nothing is unpickled.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import own_database
from engine.data.own_database import Connection
from engine.data.own_source import PARQUET, key_text
from engine.errors import FewbitsError

MAX_DIM = 4096
TABLE_BYTES = 2 << 30
"""Largest table, as it comes and as float32: both are mapped, one table at a time, within the process's limit."""
ROWS = 1 << 14
"""Rows that are held at once."""
SHOWN_IDS = 5
NUMPY = b"\x93NUMPY"
EXPECTED = "expected .npy (numpy.save) or Parquet"
DECIMAL = re.compile(r"(FLOAT|DOUBLE)")
LIST = re.compile(r"(FLOAT|DOUBLE)\[\d*\]")
TABLES = {"users": "user", "items": "item"}


@dataclass(frozen=True)
class Matrix:
    """A file of vectors that can be read; its ids lie in the table ``<role>_vectors`` of the database."""

    name: str
    path: Path
    rows: int
    dim: int
    size: int = 4  # bytes a number
    layout: dict[str, Any] | None = None  # of .npy: what numpy.memmap takes
    key: str = ""  # of Parquet: SQL for the id, and for the vector
    vector: str = ""


def open_matrix(connection: Connection, path: Path, name: str, role: str) -> Matrix:
    """Return the matrix in a file, its ids as text in the table ``<role>_vectors``.

    Raises
    ------
    FewbitsError
        It is no matrix, has more than it may, or an id is missing or there twice.
    """
    with open(path, "rb") as file:
        magic = file.read(len(NUMPY))
    with own_database.sentences(name):
        if magic == NUMPY:
            matrix = _numpy(path, name)
        elif magic.startswith(PARQUET):
            matrix = _parquet(connection, path, name)
        else:
            raise FewbitsError(f"file {name}: it holds no vectors; {EXPECTED}")
        _check_size(matrix)
        _keys(connection, matrix, f"{role}_vectors")
    return matrix


def open_both(connection: Connection, folder: Path, names: dict[str, str]) -> dict[str, Matrix]:
    """Return the matrices in the folder's files ``users`` and ``items``, which people call by these names."""
    both = {table: open_matrix(connection, folder / table, names[table], role) for table, role in TABLES.items()}
    users, items = both["users"], both["items"]
    if users.dim != items.dim:
        raise FewbitsError(
            f"vectors of users have {users.dim:,} numbers ({users.name}), those of items {items.dim:,} ({items.name}); "
            "expected as many: both are of one model"
        )
    return both


def look(connection: Connection, path: Path, name: str) -> dict[str, Any]:
    """Return how many vectors of how many numbers a file holds, and its first ids."""
    matrix = open_matrix(connection, path, name, "user")
    found = connection.execute(f"select key from user_vectors limit {SHOWN_IDS}").fetchall()
    return {"rows": matrix.rows, "dim": matrix.dim, "ids": [key for (key,) in found]}


def _numpy(path: Path, name: str) -> Matrix:
    """Return the matrix of a .npy file; its values are not looked at."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with open(path, "rb") as file:
        try:
            shape, by_column, dtype = readers[np.lib.format.read_magic(file)](file)
        except Exception:  # numpy reads it as an expression of Python's, and fails in as many ways as one can be wrong
            raise FewbitsError(f"file {name}: its header cannot be read; write it again with numpy.save") from None
        begin, size = file.tell(), file.seek(0, 2)
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise FewbitsError(f"file {name}: got {str(dtype)[:40]}, expected float16, float32 or float64")
    if len(shape) != 2 or min(shape) < 1:
        raise FewbitsError(f"file {name}: got the shape {str(shape)[:60]}, expected (users or items, dimensions)")
    if size < begin + shape[0] * shape[1] * dtype.itemsize:
        raise FewbitsError(
            f"file {name} is cut off: {shape[0]:,} × {shape[1]:,} {dtype} do not fit into it; copy it anew"
        )
    layout = {"dtype": dtype, "offset": begin, "shape": shape, "order": "F" if by_column else "C"}
    return Matrix(name, path, *shape, dtype.itemsize, layout)


def _parquet(connection: Connection, path: Path, name: str) -> Matrix:
    """Return the matrix of a Parquet file."""
    sql = "read_parquet($file)"
    found = connection.execute(f"describe select * from {sql}", {"file": str(path)}).fetchall()
    kinds = {str(row[0]): str(row[1]) for row in found}
    lists = [column for column, kind in kinds.items() if LIST.fullmatch(kind)]
    decimals = [column for column, kind in kinds.items() if DECIMAL.fullmatch(kind)]
    ids = [column for column in kinds if column not in (*lists, *decimals)]
    if len(ids) != 1 or len(lists) > 1 or bool(lists) == bool(decimals):
        shown = ", ".join(f"{column[:30]!r} ({kind[:20].lower()})" for column, kind in list(kinds.items())[:8])
        raise FewbitsError(
            f"file {name}: expected one column of ids (text or whole numbers), and either one column of lists of "
            f"decimals or one column of decimals for each dimension; got {shown}{', …' if len(kinds) > 8 else ''}"
        )
    vector = own_database.quoted(lists[0]) if lists else f"[{', '.join(map(own_database.quoted, decimals))}]"
    key = key_text(own_database.quoted(ids[0]), kinds[ids[0]])
    rows, least, most, there = connection.execute(
        f"select count(*), min(len(v)), max(len(v)), count(v) from (select {vector} as v from {sql})",
        {"file": str(path)},
    ).fetchall()[0]
    if not rows or there < rows or least != most or not most:
        got = "no rows" if not rows else f"vectors of {least or 0:,} to {most or 0:,}" if there == rows else "gaps"
        raise FewbitsError(f"file {name}: got {got}, expected a vector in each row, all of one length")
    return Matrix(name, path, rows, most, key=key, vector=vector)


def _check_size(matrix: Matrix) -> None:
    if matrix.dim > MAX_DIM:
        raise FewbitsError(f"file {matrix.name}: got {matrix.dim:,} dimensions, expected at most {MAX_DIM:,}")
    if (size := max(4, matrix.size) * matrix.rows * matrix.dim) > TABLE_BYTES:
        raise FewbitsError(
            f"file {matrix.name}: {matrix.rows:,} × {matrix.dim:,} numbers of {max(4, matrix.size)} bytes take "
            f"{size / 1e9:,.1f} GB; expected at most {TABLE_BYTES / 1e9:,.1f} GB: bring float32, or fewer of them"
        )


def _keys(connection: Connection, matrix: Matrix, table: str) -> None:
    """Make the table of a matrix's ids (key text)."""
    if matrix.layout is not None:
        connection.execute(f"create table {table} as select cast(range as varchar) as key from range({matrix.rows})")
        return
    connection.execute(
        f"create table {table} as select {matrix.key} as key from read_parquet($file)", {"file": str(matrix.path)}
    )
    twice = connection.execute(f"select key from {table} group by key having count(*) > 1 or key is null limit 1")
    if (found := twice.fetchone()) is not None:
        got = "a row without an id" if found[0] is None else f"two vectors of the id {found[0][:40]!r}"
        raise FewbitsError(f"file {matrix.name}: got {got}, expected one vector for each id")


def write(connection: Connection, both: dict[str, Matrix], out: str) -> None:
    """Write the vectors of the tables ``users`` and ``items`` as float32 .npy, rows in the order of their ids.

    Raises
    ------
    FewbitsError
        A vector is not finite as float32; its id is named.
    """
    for table, matrix in both.items():
        with own_database.sentences(matrix.name):
            n = int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])
            made = _room(f"{out}/{table}.npy", n, matrix.dim)
            for ids, values in _parts(connection, matrix, table):
                with np.errstate(over="ignore"):
                    made[ids] = values.reshape(len(ids), matrix.dim)
                if (odd := ~np.isfinite(made[ids]).all(1)).any():
                    beside = connection.cursor()  # the connection is busy with the parts
                    key = beside.execute(f"select key from {table} where id = ?", [int(ids[odd][0])]).fetchall()[0][0]
                    raise FewbitsError(
                        f"file {matrix.name}: the vector of {key[:40]!r} holds NaN, infinite or missing numbers, "
                        "expected finite ones"
                    )
            made.flush()


def _room(path: str, rows: int, dim: int) -> np.memmap[Any, Any]:
    """Return a new .npy file of float32 [rows, dim] to be filled in any order.

    Its space is taken at once: writing to a mapped file that the disk has no room for would end the process.
    """
    made = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dim))
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return made


def _parts(connection: Connection, matrix: Matrix, table: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield ids int [n] of a table and their vectors' numbers, some rows at a time."""
    if matrix.layout is not None:
        array = np.memmap(matrix.path, mode="r", **matrix.layout)
        places = connection.execute(f"select cast(key as bigint) as place from {table} order by id").fetchnumpy()
        for first in range(0, len(places["place"]), ROWS):
            place = places["place"][first : first + ROWS]
            yield np.arange(first, first + len(place)), array[place]
        return
    vectors = f"(select {matrix.key} as key, {matrix.vector} as vector from read_parquet($file))"
    found = connection.sql(
        f"select t.id, v.vector from {vectors} v join {table} t using (key)", params={"file": str(matrix.path)}
    )
    for batch in found.to_arrow_reader(ROWS):
        yield batch.column(0).to_numpy(), batch.column(1).flatten().to_numpy(zero_copy_only=False)
