"""One run, top to bottom: data → split → model → codes → index → lists → measurement rows → run folder.

The first file to read. Everything that is measured is measured on the index as it was written to disk and read back.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from engine import encoders, indexes, quantizers
from engine.codes import Codes, FloatCodes
from engine.data import own_vectors
from engine.data.split import Split, load_split
from engine.measure import latency, ranking
from engine.measure.machine import cores, machine
from engine.measure.rows import memory_rows, row
from engine.measure.samples import doubts, summarise
from engine.spec import FLOAT_BITS, GIVEN, KS, LATENCY_K, RunSpec, refuse_turning
from engine.store.files import disk_errors
from engine.store.folders import RunFolder
from engine.store.lists import LIST_K, read_ids, write_latency, write_lists, write_users
from engine.store.prepared import describe, save_split
from engine.training import damping
from engine.training.checkpoints import LISTS, Checkpoint, obtain
from engine.training.tuning import tune
from engine.training.validation import valid_ndcgs

TIE_SEED = 20
"""Orders items of equal score, the same for every method, data set and run."""
TUNING = ("best_epoch", "epochs", "history")
"""What the manifest tells of a tuned quantizer."""
WHOLE = 16
"""Bits from which a format keeps directions as they are, and so the lengths that suit float32."""
DEPTH = max(KS) + 1
"""Places searched: one more than the longest list, so that a tie across its end is seen."""


@dataclass(frozen=True, eq=False)
class Coded:
    """What a quantizer made of a model."""

    items: Codes
    users: Codes
    vectors: np.ndarray  # float32 [U, D], the users as float32 queries
    turn: np.ndarray | None  # float64 [D, D], what turned them, where the method turns


@dataclass(frozen=True, eq=False)
class Made:
    """The codes of a data set, and the folders in the cache that they came from."""

    coded: Coded
    layers: list[np.ndarray]  # float32 [U+I, d] each, of the full-precision model as float32 is served
    checkpoint: Checkpoint
    tuned: Checkpoint | None
    damping: float
    """The p by which the items' lengths are damped in these codes (`engine.training.damping`)."""
    seconds: float
    """What making these codes took; neither tuning nor a look at another form of the model is counted."""


def run(spec: RunSpec, folder: RunFolder, report: Any) -> list[dict[str, Any]]:
    """Execute a run and commit its folder; return the measurement rows.

    Parameters
    ----------
    report : called as ``report(stage, message, **fields)`` as things happen.

    Raises
    ------
    FewbitsError
        Whatever a person can mend: the data, the specification, the disk, a diverged training.
    """
    started_ns = time.time_ns()
    spec, root = quantizers.resolve(spec), folder.path.parent
    own_vectors.check(spec)
    refuse_turning(spec)
    report("reading data", f"reading {spec.dataset}")
    split = load_split(spec.dataset, root, spec.split_seed, lambda text: report("reading data", text))
    split_key = save_split(root, split)
    made = make_codes(spec, root, split, report)
    reference = _reference(made.checkpoint, made.layers, split, report)

    coded = made.coded
    indexes.warm_up()
    started = time.perf_counter()
    index = indexes.build(coded.items, TIE_SEED)
    timings = {"quantize_s": made.seconds, "build_s": time.perf_counter() - started}
    queries = {b: coded.vectors if b == FLOAT_BITS else index.pack_queries(coded.users) for b in spec.query_bits}
    index, queries = _write_and_read_back(folder, index, queries, coded.turn)

    timings["train_s"] = float(made.checkpoint.meta["train_s"])
    if made.tuned is not None:
        timings["tune_s"] = float(made.tuned.meta["train_s"])
    rows = [row(index, name, seconds, "s") for name, seconds in timings.items()]
    rows += memory_rows(index, spec.model.dim, split.n_items)
    measured, notes = _measure(folder, index, queries, split, reference, report)
    rows += measured
    folder.commit({
        "run_id": folder.run_id, "spec": spec.model_dump(mode="json"), "checkpoint": made.checkpoint.key,
        "takes": quantizers.REGISTRY[spec.quantizer].takes,
        "tuning": None if made.tuned is None else {"key": made.tuned.key, **{k: made.tuned.meta[k] for k in TUNING}},
        "split": {"key": split_key, **describe(split)}, "machine": machine(), "timings": timings,
        "checkpoint_reused": made.checkpoint.reused, "notes": [*split.notes, *_notes(spec, split, made), *notes],
        "measurements": rows, "started_ns": started_ns, "finished_ns": time.time_ns(),
    })  # fmt: skip
    return rows


def make_codes(spec: RunSpec, root: Path, split: Split, report: Any) -> Made:
    """Return the codes of both tables, and what they come from; equal arguments give equal codes.

    What is trained already is taken from the cache below ``root``, else it is trained now.
    """
    checkpoint = obtain(root, spec.model, split, lambda **fields: report("training", **fields))
    report("quantizing", f"checkpoint {checkpoint.key} " + ("reused" if checkpoint.reused else "trained"))
    encoder = encoders.create(spec.model, split)
    quantizer, tuned = quantizers.create(spec), None
    if quantizer.trained:
        layers, quantizer, tuned = tune(root, spec, split, checkpoint, lambda **f: report("tuning", **f))
        report("quantizing", f"tuned {tuned.key} " + ("reused" if tuned.reused else "now"))
        (coded, seconds), share = _coded(quantizer, split, layers), damping.share(tuned.arrays, "model/")
    else:
        forms = damping.forms(checkpoint.arrays)[: 1 if spec.bits >= WHOLE or quantizer.peer else 2]
        made = [_coded(quantizers.create(spec), split, encoder.layers(arrays)) for arrays in forms]
        best = damping.preferred([_valid_ndcgs(spec, split, coded) for coded, _ in made]) if len(made) > 1 else 0
        (coded, seconds), share = made[best], damping.share(forms[best])
    return Made(coded, encoder.layers(checkpoint.arrays), checkpoint, tuned, share, seconds)


def _coded(quantizer: Any, split: Split, layers: list[np.ndarray]) -> tuple["Coded", float]:
    """Return what a quantizer makes of a model's layers, and the seconds that it took."""
    tables, counts, started = split.tables(layers), split.counts(), time.perf_counter()
    quantizer.fit(tables, counts)
    items, users = quantizer.codes(tables["item"], "item"), quantizer.codes(tables["user"], "user")
    vectors = quantizer.vectors(tables["user"], "user")
    return Coded(items, users, vectors, quantizer.turn()), time.perf_counter() - started


def _valid_ndcgs(spec: RunSpec, split: Split, coded: "Coded") -> np.ndarray:
    """Return the validation ndcg@20 of packed codes for each user, the mean over the query precisions of the run."""

    def queries(bits: int) -> Any:
        if bits == FLOAT_BITS:
            return lambda _index, users: coded.vectors[users]
        return lambda index, users: index.pack_queries(coded.users.rows(users))

    return np.mean([valid_ndcgs(split, coded.items, queries(bits)) for bits in spec.query_bits], 0)


def _reference(checkpoint: Checkpoint, layers: list[np.ndarray], split: Split, report: Any) -> np.ndarray:
    """Return the full-precision model's own lists, int32 [U, 100], searched once for each checkpoint."""
    path, k = checkpoint.folder / LISTS, max(KS)
    try:
        return read_ids(path, k)
    except (pa.ArrowException, OSError):  # not there yet, or cut off
        report("searching", "full-precision lists, for the overlap")
        pooled = sum(layers[1:], layers[0]) / np.float32(len(layers))
        index = indexes.build(FloatCodes(pooled[split.n_users :]), TIE_SEED)
        seen = split.seen()
        hits = index.search(pooled[: split.n_users], k, (seen.indptr, seen.items), cores())
        part = path.with_suffix(".part")
        write_lists(part, {FLOAT_BITS: hits}, k)
        part.replace(path)
        return hits.ids[:, :k]


def _write_and_read_back(
    folder: RunFolder, index: Any, queries: dict[int, Any], turn: np.ndarray | None
) -> tuple[Any, dict[int, Any]]:
    """Save the packed items and queries, and return them as a server would load them."""
    with disk_errors(folder.path):
        indexes.save(index, folder.file("index.safetensors"))
        if turn is not None:
            indexes.save_turn(turn, folder.file("turn.safetensors"))
        for bits, packed in queries.items():
            indexes.save_queries(packed, folder.file(f"queries_{bits}.safetensors"))
    loaded = {bits: indexes.load_queries(folder.file(f"queries_{bits}.safetensors")) for bits in queries}
    return indexes.load(folder.file("index.safetensors")), loaded


def _measure(
    folder: RunFolder,
    index: Any,
    queries: dict[int, Any],
    split: Split,
    reference: np.ndarray,
    report: Any,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Search for every user at each query precision, rank against the test items, then time single queries and
    batches; return the rows, and notes where the times are in doubt.
    """
    seen, users = split.seen(), np.arange(split.n_users)
    rows, lists, columns = [], {}, {}
    for bits, packed in queries.items():
        report("searching", f"lists of {split.n_users:,} users, queries of {bits} bits")
        search = partial(index.search, packed, exclude=(seen.indptr, seen.items), threads=cores())
        lists[bits] = search(DEPTH)
        if index.depends_on_k:  # the first places are those of a search as it is timed
            lists[bits] = ranking.lengthened(search(LATENCY_K), lists[bits])
        columns[bits] = ranking.per_user(lists[bits], users, split.test, reference, split.n_items)
        rows += [row(index, query_bits=bits, **r) for r in ranking.summarise(columns[bits])]
        rows.append(row(index, "users", len(columns[bits]["user"]), "users", query_bits=bits))
        rows.append(row(index, "query_bytes", packed.nbytes / max(len(packed), 1), "bytes", query_bits=bits))
    report("measuring latency", "single queries and batches, in turn; nothing else should run now")
    samples = latency.measure(index, queries, seen)
    for bits, several in samples.items():
        rows += [row(index, query_bits=bits, **r) for r in summarise(several)]
    report("writing", "writing lists, per-user metrics and samples")
    write_lists(folder.file("lists.parquet"), lists, LIST_K)
    write_users(folder.file("users.parquet"), columns)
    write_latency(folder.file("latency.parquet"), samples)
    return rows, doubts(samples)


def _notes(spec: RunSpec, split: Split, made: Made) -> list[str]:
    """Return what a person should know of this run beside its numbers."""
    notes, short = [], [k for k in KS if k > split.n_items]
    if short:
        lengths = ", ".join(map(str, short))
        notes.append(f"lists of {lengths} were not measured: the catalogue has {split.n_items} items")
    if spec.model.encoder == GIVEN:
        notes.append(
            "the vectors were given: recall and ndcg are too high where their model was trained on the test "
            "interactions, for every format alike"
        )
    if share := damping.share(made.checkpoint.arrays):
        notes.append(
            f"validation prefers the float32 model's item vectors divided by their length to the power {share:.1f}"
            + ("" if made.damping else ", but these codes with the lengths as learned")
        )
    return notes
