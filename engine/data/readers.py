"""Readers: one function a format, from a folder of files to interactions.

Whole files are parsed as arrays of bytes: on Gowalla a loop over the lines took four times as long. So the digits are
checked first, and an error is traced back from its position to its line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.interactions import MAX_ID, Interactions
from engine.errors import FewbitsError

_ALLOWED = np.isin(np.arange(256), np.frombuffer(b"0123456789 \t\n", np.uint8))
_NEWLINE = 10
_SHOWN = 40
"""How many characters of a broken line an error shows."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors that a data set brings, of all its users and items; they may lie on disk until they are used."""

    users: np.ndarray  # float32 [U, d]
    items: np.ndarray  # float32 [I, d]

    @property
    def dim(self) -> int:
        """d"""
        return int(self.items.shape[1])


@dataclass(frozen=True, eq=False)
class Reading:
    """What a reader returns: ``test`` is None where no split is published, ``notes`` count what was dropped or odd,
    ``rule`` says how the files were divided where there is a test, ``vectors`` are those that came with the data."""

    train: Interactions
    test: Interactions | None
    notes: tuple[str, ...] = ()
    rule: str = "Published split, test kept as it is"
    vectors: Vectors | None = None


def read_adjacency(folder: Path) -> Reading:
    """Return the published split in ``train.txt`` and ``test.txt``: a line is ``user item item …``, ids dense from 0.

    Items are separated by blanks or tabs, lines end in LF or CRLF, blank lines count for nothing. A user may have
    several lines or a line without items; pairs that occur twice in a file count once. Users and items are numbered
    up to the largest id of both files.

    Raises
    ------
    FewbitsError
        A file is missing or empty, a line is broken (file, line, what was got and expected), or ids are not dense.
    """
    names = ("train.txt", "test.txt")
    files = [_Numbers(folder, name, names, "user item item … (whole numbers from 0)") for name in names]
    parts = [_adjacency_pairs(file) for file in files]
    n_users = 1 + max(int(file.value[file.first].max()) for file in files)
    n_items = 1 + max((int(item.max()) for _, item, _ in parts if len(item)), default=-1)
    size = sum(len(user) for user, _, _ in parts)
    _check_dense("user", n_users, size, folder)
    _check_dense("item", n_items, size, folder)
    notes = []
    data = []
    for file, (user, item, empty) in zip(files, parts, strict=True):
        keep = _first_of_each(user, item)
        notes += _counted(empty, f"user lines without items in {file.path.name}")
        notes += _counted(len(user) - len(keep), f"repeated pairs in {file.path.name}: each counts once")
        data.append(Interactions(_int32(user[keep]), _int32(item[keep]), n_users, n_items))
    return Reading(data[0], data[1], tuple(notes))


def read_movielens_100k(folder: Path) -> Reading:
    """Return the ratings in ``u.data`` (user, item, rating, seconds) with the titles in ``u.item`` (latin-1); no split.

    Every rating counts as an interaction, whatever its height; of two ratings of a film by one user the first stays.
    The files number from 1, the result from 0. Films that nobody rated stay in the catalogue.

    Raises
    ------
    FewbitsError
        A file is missing or empty, a line is broken (file, line, what was got and expected), or a film has no title.
    """
    names = ("u.data", "u.item")
    file = _Numbers(folder, "u.data", names, "user, item, rating and time (whole numbers, ids from 1)")
    titles = _titles(_bytes(folder, "u.item", names), folder / "u.item")
    width = np.diff(np.append(np.flatnonzero(file.first), len(file.value)))
    if (width != 4).any():
        raise file.broken(int(np.flatnonzero(file.first)[(width != 4).argmax()]))
    table = file.value.reshape(-1, 4)
    bad = (table[:, :2] < 1).any(axis=1) | (table[:, 1] > len(titles))
    if bad.any():
        raise file.broken(4 * int(bad.argmax()), f"an item from 1 to {len(titles)}, the last line of u.item")
    n_users = int(table[:, 0].max())
    _check_dense("user", n_users, len(table), folder)
    keep = _first_of_each(table[:, 0], table[:, 1])
    data = Interactions(
        user=_int32(table[keep, 0] - 1),
        item=_int32(table[keep, 1] - 1),
        n_users=n_users,
        n_items=len(titles),
        time=table[keep, 3],
        rating=table[keep, 2].astype(np.float32),
        user_labels=tuple(f"User {u + 1}" for u in range(n_users)),
        item_labels=titles,
    )
    return Reading(data, None, tuple(_counted(len(table) - len(keep), "repeated ratings in u.data: the first counts")))


def _read_own(folder: Path) -> Reading:
    from engine.data.own_reading import read_own  # late: it needs what is defined here

    return read_own(folder)


READERS: dict[str, Callable[[Path], Reading]] = {
    "adjacency": read_adjacency, "movielens-100k": read_movielens_100k, "own": _read_own,
}  # fmt: skip


class _Numbers:
    """The whole numbers of a text file: ``value`` int64 [T], and ``first`` bool [T], whether it begins its line."""

    def __init__(self, folder: Path, name: str, expected_files: tuple[str, ...], expected: str) -> None:
        self.path, self.expected = folder / name, expected
        text = _bytes(folder, name, expected_files).replace(b"\r\n", b"\n")
        self._bytes = np.frombuffer(b"\n" + text + b"\n", np.uint8)  # framed, so that every line has both its ends
        stray = ~_ALLOWED[self._bytes]
        if stray.any():
            raise self._broken_at(int(stray.argmax()))
        digit = self._bytes > 32  # the other allowed bytes are white space
        edge = np.flatnonzero(digit[1:] != digit[:-1]) + 1
        self._start, end = edge[::2], edge[1::2]
        if not len(self._start):
            raise FewbitsError(f"{self.path} is empty; expected lines of {expected}")
        self._newline = np.flatnonzero(self._bytes == _NEWLINE)
        line = np.searchsorted(self._newline, self._start)
        self.first = np.diff(line, prepend=0) > 0  # bool [T]
        self.value = self._parse(end - self._start)  # int64 [T]

    def _parse(self, length: np.ndarray) -> np.ndarray:
        """Return the numbers (int64 [T]) from their lengths in digits; one of more than ten is beyond int32."""
        value = np.zeros(len(length), np.int64)
        for place in range(min(int(length.max()), 10)):
            more = np.flatnonzero(length > place)
            value[more] = 10 * value[more] + self._bytes[self._start[more] + place] - ord("0")
        huge = (length > 10) | (value > MAX_ID)
        if huge.any():
            raise self.broken(int(huge.argmax()), f"numbers up to {MAX_ID:,}")
        return value

    def broken(self, number: int, expected: str = "") -> FewbitsError:
        """Return the error for the line of the number at this index, with ``expected`` instead of the usual text."""
        return self._broken_at(int(self._start[number]), expected)

    def _broken_at(self, position: int, expected: str = "") -> FewbitsError:
        before = self._bytes[:position].tobytes()
        line = before.count(b"\n")
        text = (
            self._bytes[before.rfind(b"\n") + 1 :][: position - before.rfind(b"\n") + _SHOWN].tobytes().split(b"\n")[0]
        )
        column = position - before.rfind(b"\n") - 1
        shown = _shorten(text, column)
        return FewbitsError(f"{self.path}, line {line}: got {shown}; expected {expected or self.expected}")


def _bytes(folder: Path, name: str, expected: tuple[str, ...]) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise FewbitsError(f"folder {folder} has no {name}; expected {' and '.join(expected)} in it") from None
    except OSError as error:
        raise FewbitsError(f"cannot read {folder / name} ({error.strerror}); expected a readable file") from None


def _shorten(line: bytes, column: int) -> str:
    """Return the neighbourhood of a column, quoted: a line may hold thousands of items, and bytes that are no text."""
    start = max(0, column - _SHOWN // 2)
    part = line[start : start + _SHOWN].decode("utf-8", "backslashreplace")
    return f"{'…' if start else ''}{part!r}{'…' if len(line) > start + _SHOWN else ''}"


def _adjacency_pairs(file: _Numbers) -> tuple[np.ndarray, np.ndarray, int]:
    """Return users and items (int64 [n]) and the number of lines without items."""
    count = np.diff(np.append(np.flatnonzero(file.first), len(file.value))) - 1
    return np.repeat(file.value[file.first], count), file.value[~file.first], int((count == 0).sum())


def _first_of_each(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Return the ascending positions at which a pair occurs for the first time."""
    return np.sort(np.unique((user << 32) | item, return_index=True)[1])


def _check_dense(kind: str, n: int, interactions: int, folder: Path) -> None:
    """Refuse ids so sparse that arrays over them would not fit into memory, as a stray id in the billions asks for."""
    if n > max(1_000, 10 * interactions):
        raise FewbitsError(
            f"{folder}: got {kind} ids up to {n - 1:,} in {interactions:,} interactions; "
            "expected ids dense from 0: renumber them"
        )


def _titles(raw: bytes, path: Path) -> tuple[str, ...]:
    titles: dict[int, str] = {}
    for number, line in enumerate(raw.decode("latin-1").split("\n"), start=1):
        fields = line.rstrip("\r").split("|")
        if fields == [""]:
            continue
        number_ok = fields[0].isascii() and fields[0].isdigit() and len(fields[0]) <= 10
        if len(fields) < 2 or not number_ok or int(fields[0]) in titles:
            shown = _shorten(line.encode("latin-1"), 0)
            raise FewbitsError(
                f"{path}, line {number}: got {shown}; expected a new item number and a title: 1|Toy Story (1995)|…"
            )
        titles[int(fields[0])] = fields[1]
    if sorted(titles) != list(range(1, len(titles) + 1)) or not titles:
        raise FewbitsError(
            f"{path}: got titles of {len(titles):,} items; expected items numbered 1, 2, 3 … without gaps"
        )
    return tuple(titles[item] for item in range(1, len(titles) + 1))


def _counted(n: int, what: str) -> list[str]:
    return [f"{n:,} {what}"] if n else []


def _int32(ids: np.ndarray) -> np.ndarray:
    return ids.astype(np.int32)
