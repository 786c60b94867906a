"""A run to take home, as a folder or a zip file: its index as it was measured, what was measured, and an example.

::

    index.safetensors      the index that was searched and timed, byte for byte
    manifest.json          what it is and what was measured; format, size and SHA-256 of every other file
    TERMS.txt              which data it was made from, and on what terms
    search.py              an example that searches it
    items.parquet          item, label, key: where the data set has labels; key: your own id, in a data set of yours
    turn.safetensors       the rotation that a user's vector takes before it is searched, where the method has one
    queries_<bits>.safetensors, users.parquet    on request: the users' vectors as they were searched, and their labels
    recommendations.parquet                      on request (`engine.store.recommendations`)

``engine.indexes.load(folder / "index.safetensors").search(vectors, k)`` serves it; that loads numpy, numba and
safetensors, neither torch nor streamlit. The training interactions do not come along: a search leaves out what
``exclude`` names, and without it nothing. Other libraries' indexes (peers) need the extra ``peers`` to be loaded.
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from engine.errors import FewbitsError
from engine.store import bundle_texts, recommendations
from engine.store.folders import RunFolder
from engine.store.packing import Counted, File, Open, new, package
from engine.store.scaling import results

FORMAT = "fewbits-bundle-1"
INDEX, TURN, MANIFEST = "index.safetensors", "turn.safetensors", "manifest.json"
LABELS = {"items.parquet": "item", "users.parquet": "user"}
"""Prepared tables that hold labels, and what their rows are."""
IDS = "row i of items.parquet is item i of the index, row i of users.parquet the user of query i"
TOLD = ("spec", "split", "machine", "timings", "checkpoint", "notes", "measurements", "finished_ns")
"""What a bundle tells of the run's own manifest."""
CHUNK, ROWS = 1 << 20, 65_536
"""Bytes of a file, and labels, that are copied at a time."""


def export(folder: RunFolder, to: Path, queries: bool = False, lists: bool = False) -> dict[str, Any]:
    """Write a finished run's bundle to a new folder, or to a new file where the name ends in .zip; return its manifest.

    ``queries`` adds the users' vectors and labels, ``lists`` everybody's recommendations. Nothing is left behind where
    it breaks off.

    Raises
    ------
    FewbitsError
        The run is not finished or has no index, a file is not what was measured, ``to`` is there already, or the disk
        refuses.
    """
    run, form = whole(folder), _header(folder)
    with new(to) as part, package(part, to.suffix == ".zip", folder.run_id) as open_file:
        files = _write_files(open_file, folder, run, queries, lists)
        content = {
            "format": FORMAT, "run_id": folder.run_id, "made_ns": time.time_ns(),
            "needs": "fewbits[peers]" if form.get("layout") == "peer" else "fewbits",
            "data_set": _terms(folder, run), "index": {"file": INDEX, **form}, "ids": IDS,
            "queries": searched_with(folder),
            **{name: run.get(name) for name in TOLD},
            "larger_catalogues": [{"items": n, **row} for n, found in results(folder).items() for row in found["rows"]],
            "files": files,
        }  # fmt: skip
        with open_file(MANIFEST) as file:
            file.write(json.dumps(content, indent=1, allow_nan=False).encode())
    return content


def whole(folder: RunFolder) -> dict[str, Any]:
    """Return the manifest of a run that a bundle can be made of; FewbitsError says what is missing of one."""
    run = folder.manifest()
    if run is None:
        raise FewbitsError(f"{folder.run_id} is {folder.state()}: expected a run that is done")
    if INDEX not in run["files"]:
        raise FewbitsError(f"{folder.run_id} keeps no {INDEX}: `python -m engine retry {folder.run_id}` makes one")
    return run


def searched_with(folder: RunFolder) -> dict[str, str]:
    """Return which vectors a finished run's index can be searched with (`engine.store.bundle_texts.queries`)."""
    run = whole(folder)
    takes = run.get("takes") or bundle_texts.OLDER.get(run["spec"]["quantizer"])
    return bundle_texts.queries(takes, TURN in run["files"])


def size(folder: RunFolder, queries: bool = False) -> int:
    """Return how many bytes a bundle without recommendations will have, to a few kilobytes."""
    files = whole(folder)["files"]
    stored = [files[name]["bytes"] for name in _stored(files, queries)]
    named = [_label_bytes(path) for path in _labelled(folder, queries).values()]
    return sum(stored) + sum(named) + folder.file(MANIFEST).stat().st_size


def _stored(files: Mapping[str, Any], queries: bool) -> list[str]:
    """Return the names of the run's own files that go into a bundle."""
    return [name for name in files if name in (INDEX, TURN) or (queries and name.startswith("queries_"))]


def _labelled(folder: RunFolder, queries: bool) -> dict[str, Path]:
    """Return the prepared tables that have labels, by name: of items, and of users where their vectors come along."""
    wanted = [name for name in LABELS if queries or name == "items.parquet"]
    paths = {name: recommendations.prepared_table(folder, name) for name in wanted}
    return {name: path for name, path in paths.items() if path.exists() and _has_labels(path)}


def _has_labels(path: Path) -> bool:
    """Return whether a prepared table has labels: where it has none, they are null from the first row on."""
    first = next(pq.ParquetFile(path).iter_batches(1, columns=["label"]), None)
    return first is not None and first["label"].null_count == 0


def _label_bytes(path: Path) -> int:
    """Return how many bytes ids, labels and keys take of a prepared table."""
    told = pq.ParquetFile(path).metadata
    columns = [told.row_group(g).column(c) for g in range(told.num_row_groups) for c in range(told.num_columns)]
    return sum(c.total_compressed_size for c in columns if c.path_in_schema in ("item", "user", "key", "label"))


def _write_files(
    open_file: Open, folder: RunFolder, run: dict[str, Any], queries: bool, lists: bool
) -> dict[str, dict[str, Any]]:
    """Write every file but the manifest; return name → format, bytes and sha256."""
    files: dict[str, dict[str, Any]] = {}

    def add(name: str, kind: str, write: Callable[[File], object]) -> None:
        with open_file(name) as file:
            counted = Counted(file)
            write(counted)
        files[name] = {"format": kind, "bytes": counted.bytes, "sha256": counted.sha256.hexdigest()}

    for name in _stored(run["files"], queries):
        add(name, "safetensors", _copying(folder.file(name)))
        if files[name]["sha256"] != run["files"][name]["sha256"]:
            raise FewbitsError(
                f"{folder.run_id}: {name} is not what was measured (its SHA-256 differs); "
                f"`python -m engine retry {folder.run_id}` measures it anew"
            )
    for name, path in _labelled(folder, queries).items():
        add(name, "Parquet", _copying_labels(path, LABELS[name]))
    if lists:
        add("recommendations.parquet", "Parquet", lambda file: recommendations.write(folder, file))
    terms = bundle_texts.terms_text(_terms(folder, run))
    add("TERMS.txt", "text, UTF-8", lambda file: file.write(terms.encode()))
    add("search.py", "Python", lambda file: file.write(bundle_texts.EXAMPLE.encode()))
    return files


def _terms(folder: RunFolder, run: dict[str, Any]) -> dict[str, object]:
    return bundle_texts.terms(run["split"]["dataset"], folder.path.parent)


def _header(folder: RunFolder) -> dict[str, str]:
    """Return what the index's file says of itself as text: format, layout, n, dim, bits, seed …"""
    try:
        with safe_open(folder.file(INDEX), framework="numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise FewbitsError(
            f"{folder.run_id}: {INDEX} cannot be read ({error}); `python -m engine retry {folder.run_id}` makes it anew"
        ) from error


def _copying(source: Path) -> Callable[[File], object]:
    def copy(file: File) -> None:
        with open(source, "rb") as stored:
            shutil.copyfileobj(stored, file, CHUNK)

    return copy


def _copying_labels(source: Path, id_column: str) -> Callable[[File], object]:
    """Ids, keys and labels alone are copied: the prepared tables also hold what the users did."""

    def copy(file: File) -> None:
        stored = pq.ParquetFile(source)
        schema = pa.schema([column for column in stored.schema_arrow if column.name in (id_column, "key", "label")])
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in stored.iter_batches(ROWS, columns=schema.names):
                writer.write_batch(batch)

    return copy
