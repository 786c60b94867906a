"""Data sets of one's own: what they may be called, where they lie, and what is stored with them.

::

    datasets/NAME/interactions.parquet  user, item int32, dense from 0; part "train" or "test"; time int64 (s) or null
                  users.parquet         user int32; key text, the id that the file had
                  items.parquet         item int32; key text; title text or null
                  users.npy, items.npy  where vectors were given: float32 [users, d] and [items, d], rows by id
                  meta.json             format, counts, how the file was read, the report of what was dropped

A folder gets its name when all of it is written. Nothing heavy is imported here: the dashboard reads this file.
"""

import os
import re
import shutil
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError
from engine.store.files import disk_errors, read_json
from engine.store.folders import run_folders

FORMAT = 1
"""Raise it whenever older engines could not read what is written."""
KIND = "own"
"""The name of the reader, and what the registry calls such a set."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,38}[a-z0-9]")
UPLOAD_MB = 200
"""Largest file that the dashboard takes; a larger one is named on the command line."""
WORK = ".own-"
"""Begins the names of folders in which an import works; no data set's name begins so."""


def check_name(name: str, taken: Collection[str] = ()) -> str:
    """Return the name of a new data set.

    Raises
    ------
    FewbitsError
        It does not fit the pattern, or is ``taken``.
    """
    if not NAME.fullmatch(name):
        raise FewbitsError(
            f"data set name: got {name[:60]!r}; expected 2 to 40 lower-case letters, digits and '-', such as my-shop"
        )
    if name in taken:
        raise FewbitsError(
            f"there is a data set {name!r} already: choose another name, or remove your own one with "
            f"`python -m engine data remove {name}`"
        )
    return name


def suggest(file_name: str, taken: Collection[str] = ()) -> str:
    """Return a free name made of a file's: ``My Shop (2).csv`` gives ``my-shop-2``."""
    words = re.sub(r"[^a-z0-9]+", "-", Path(file_name).stem.lower()).strip("-")[:36].strip("-")
    first = words if NAME.fullmatch(words) else "my-data"
    names = (first, *(f"{first}-{n}" for n in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def folder(name: str, root: Path) -> Path:
    """Return where a data set lies below the runs folder; other names never become a path (FewbitsError)."""
    return root / "datasets" / check_name(name)


def names(root: Path) -> list[str]:
    """Return the names of one's own data sets in a runs folder, in alphabetical order."""
    base = root / "datasets"
    if not base.is_dir():
        return []
    found = sorted(entry.name for entry in os.scandir(base) if NAME.fullmatch(entry.name) and entry.is_dir())
    contents = ((name, _content(base / name)) for name in found)
    return [name for name, content in contents if content is not None and content["format"] <= FORMAT]


def meta(name: str, root: Path) -> dict[str, Any] | None:
    """Return what is stored with a data set; None where there is none of the name.

    Raises
    ------
    FewbitsError
        A newer Fewbits wrote it.
    """
    content = _content(root / "datasets" / name) if NAME.fullmatch(name) else None
    if content is not None and content["format"] > FORMAT:
        raise FewbitsError(
            f"data set {name!r} has format {content['format']}, this Fewbits reads up to {FORMAT}: "
            "use the newer version, or add the set again under another name"
        )
    return content


def _content(path: Path) -> dict[str, Any] | None:
    content = read_json(path / "meta.json")
    if isinstance(content, dict) and isinstance(content.get("format"), int) and content.get("kind") == KIND:
        return {**content, "name": path.name}
    return None


def dim(content: dict[str, Any]) -> int:
    """Return how many numbers the vectors of a data set have; 0 where none were given."""
    return int((content.get("vectors") or {"dim": 0})["dim"])


def runs_on(name: str, root: Path) -> list[str]:
    """Return the runs on a data set that are done, wait or run."""
    found = (folder for folder in run_folders(root) if folder.run_id.startswith(f"{name}-"))
    there = [folder for folder in found if folder.state() in ("done", "queued", "running")]
    # read as it stands: a specification that is refused today is still one of the set
    return [f.run_id for f in there if (read_json(f.file("spec.json")) or {}).get("dataset") == name]


def check_unused(name: str, root: Path) -> None:
    """Raise a FewbitsError where runs are left of another data set of the name: they would be taken for the new one's,
    as a run is known by its data set's name.
    """
    if used := runs_on(name, root):
        raise FewbitsError(
            f"a data set {name!r} was here before, and {used[0]}{' and others' * (len(used) > 1)} ran on it: their "
            "results would be taken for the new one's; choose another name"
        )


def remove(name: str, root: Path) -> None:
    """Delete a data set of one's own; results of runs on it stay as they are.

    Raises
    ------
    FewbitsError
        There is none of the name.
    """
    path = folder(name, root)
    if _content(path) is None:
        there = ", ".join(names(root)) or "none"
        raise FewbitsError(f"there is no data set of your own called {name!r} in {root}; there are: {there}")
    with disk_errors(root):
        gone = path.with_name(f"{WORK}{uuid.uuid4().hex}")
        os.replace(path, gone)  # at once for all who look; then the files
        shutil.rmtree(gone)


def about(content: dict[str, Any]) -> dict[str, Any]:
    """Return what the registry tells of a data set (the fields of its ``DatasetInfo``)."""
    return {
        "name": content["name"], "title": f"{content['name']} (your own)", "description": _described(content),
        **{size: content["report"][size] for size in ("users", "items", "interactions")}, "format": KIND,
        "titles": content["choice"]["title"] is not None, "dim": dim(content),
        "terms": "Your own file: what it holds stays in the runs folder.",
    }  # fmt: skip


def _described(content: dict[str, Any]) -> str:
    """Return in one sentence how a data set was made of its file."""
    choice = content["choice"]
    words = [f"user = {choice['user']}, item = {choice['item']}"]
    words += [f"{choice['rating']} of at least {choice['at_least']:g}"] if choice["rating"] else []
    words += [f"{choice['core']}-core"] if choice["core"] > 1 else []
    words += [f"vectors of {dim(content)} numbers given"] if dim(content) else []
    return f"Your own, from {content['file']}: {'; '.join(words)}."


def rule(content: dict[str, Any]) -> str:
    """Return how a data set was divided, without a full stop."""
    if content["choice"]["split"] == "last":
        return "The last item of each user with at least two, by time, is test"
    seed = content["choice"]["seed"]
    return (
        f"A fifth of each user's items, at least one of two or more, is test, drawn with seed {seed} when it was added"
    )


def dropped(report: dict[str, Any]) -> list[str]:
    """Return a sentence for each reason for which rows of the file do not count, and for what else is odd."""
    lines = [
        f"{entry['rows']:,} {_rows(entry['rows'])} of the file dropped: {entry['why']}" for entry in report["dropped"]
    ]
    return lines + list(report["odd"])


def sentences(report: dict[str, Any]) -> list[str]:
    """Return the report of an import as lines of text: what was read, what was dropped and why, what is left."""
    lines = [f"{report['rows']:,} {_rows(report['rows'])} read", *dropped(report)]
    for number, entry in enumerate(report["rounds"], 1):
        gone = f"{entry['users']:,} users and {entry['items']:,} items with {entry['interactions']:,} interactions"
        lines.append(f"round {number} of the {report['core']}-core filter dropped {gone}")
    kept = f"{report['interactions']:,} interactions of {report['users']:,} users and {report['items']:,} items"
    lines.append(f"left: {kept}; {report['train']:,} for training, {report['test']:,} for the test")
    return lines + ([f"each of them has a vector of {report['dim']:,} numbers"] if "dim" in report else [])


def _rows(n: int) -> str:
    return "row" if n == 1 else "rows"
