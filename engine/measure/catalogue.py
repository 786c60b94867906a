"""Latency and memory of a finished run at a larger catalogue: its codes repeated, indexed and searched for real.

The catalogue of n items is taken again and again, each copy in a fresh random order, until there are as many items as
asked for. An index of that many items is built in the run's own layout and searched with the run's own queries; what a
user has seen is left out of the first copy alone, so that as many items are left out as in real life. Nothing is
extrapolated. Quality is not measured: a list of copies says nothing.

Where this differs from a real catalogue of that size: the best places are soon filled with copies of a few items, so
that later on fewer items enter a list than would among as many different ones (tens instead of hundreds, some µs).
"""

import time
import tracemalloc
from typing import Any

import numpy as np

from engine import indexes, pipeline, quantizers
from engine.codes import Codes
from engine.data.interactions import ItemLists
from engine.errors import FewbitsError
from engine.measure import latency
from engine.measure.finished import Finished
from engine.measure.machine import machine, memory_left
from engine.measure.rows import memory_rows, row
from engine.measure.samples import doubts, summarise
from engine.store import scaling
from engine.store.lists import write_latency
from engine.training.checkpoints import checkpoint_key, whole

PROBE = 20_000
"""Items, at least, of the trial build that tells how much memory building takes."""
ORDER_BYTES = 24
"""Of an item: its number in the copies, its place in the stored order, and one such list more while they are made."""
SPARE = 0.9
"""Share of the free memory that may be planned for."""


def measure_at(run: Finished, codes: Codes, items: int, report: Any) -> dict[str, Any]:
    """Measure a run at ``items`` items, store that beside its manifest, and return it.

    Raises
    ------
    FewbitsError
        Fewer items than the data set has, or more than fit in memory: nothing is allocated then.
    """
    if items <= codes.n:
        raise FewbitsError(f"items: got {items:,}, but {run.spec.dataset} has {codes.n:,} itself: ask for more")
    refuse_what_does_not_fit(codes, items, run.folder.run_id)
    report("building", f"an index of {items:,} items")
    ids, first = repeated(codes.n, items, pipeline.TIE_SEED)
    many = codes.rows(ids)
    del ids
    indexes.warm_up()
    started = time.perf_counter()
    index = indexes.build(many, pipeline.TIE_SEED)
    built_s = time.perf_counter() - started
    del many
    report("measuring latency", f"single queries on {items:,} items; nothing else should run now")
    seen = run.split.seen()
    samples = latency.measure(index, run.queries, ItemLists(seen.indptr, first[seen.items]), batches=False)
    rows = [row(index, "build_s", built_s, "s"), *memory_rows(index, run.spec.model.dim, items)]
    rows += [row(index, query_bits=bits, **r) for bits, several in samples.items() for r in summarise(several)]
    entry = {"rows": rows, "machine": machine(), "notes": doubts(samples), "finished_ns": time.time_ns()}
    if run.folder.manifest() is None:
        raise FewbitsError(
            f"run {run.folder.run_id} was queued again meanwhile: ask for {items:,} items once it is done"
        )
    write_latency(run.folder.file(f"scale-{items}.parquet"), samples)
    scaling.add_result(run.folder, items, entry)
    return entry


def repeated(n: int, items: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which item stands at each place of the larger catalogue, int64 [items], and the place of each item's first
    copy, int32 [n].
    """
    rng = np.random.default_rng(seed)
    ids = np.empty(items, np.int64)
    for start in range(0, items, n):
        stop = min(start + n, items)
        ids[start:stop] = rng.permutation(n)[: stop - start]
    first = np.empty(n, np.int32)
    first[ids[:n]] = np.arange(n, dtype=np.int32)
    return ids, first


def refuse_what_does_not_fit(codes: Codes, items: int, run_id: str) -> None:
    """Raise a FewbitsError where building an index of so many items would take more memory than there is."""
    each, left = building_bytes(codes), SPARE * memory_left()
    if each * items <= left:
        return
    raise FewbitsError(
        f"{items:,} items of {run_id} do not fit in memory: building their index takes about {each * items / 1e9:,.1f} "
        f"GB ({each:,.0f} bytes an item), and {left / 1e9:,.1f} GB can be used. Ask for at most "
        f"{int(left / each) // 1000 * 1000:,} items, or close other programs"
    )


def building_bytes(codes: Codes) -> float:
    """Return about how many bytes an item building an index takes at its peak, found by a trial build of some items.

    What numpy allocates is counted; kernels may keep another copy of the packed index, which is added.
    """
    ids, _ = repeated(codes.n, max(codes.n + 1, PROBE), 0)
    traced = tracemalloc.is_tracing()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    index = indexes.build(codes.rows(ids), 0)
    _, peak = tracemalloc.get_traced_memory()
    if not traced:
        tracemalloc.stop()
    return (peak - before + index.nbytes) / len(ids) + ORDER_BYTES


def codes_of(run: Finished, report: Any) -> Codes:
    """Return the item codes of a run, unpacked from its index. A peer does not give them back: its vectors are made
    again from the model in the cache, and nothing is trained.

    Raises
    ------
    FewbitsError
        The cache no longer holds the model of a peer.
    """
    if not quantizers.REGISTRY[run.spec.quantizer].peer:
        return run.index.codes()
    root, key = run.folder.path.parent, checkpoint_key(run.spec.model, run.split.fingerprint)
    if not whole(root, key):
        raise FewbitsError(
            f"the vectors of {run.folder.run_id} are gone: its model {key} is not in the cache; "
            f"`python -m engine retry {run.folder.run_id}` measures the run anew"
        )
    return pipeline.make_codes(run.spec, root, run.split, report).coded.items
