"""Our kernels beside their peers, on random codes: single queries on one thread, batches, and the bandwidth reached.

Ours and the peers' searches are called through their Python doors, on the same vectors and the same queries, by turns
(`engine.measure.turns`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import indexes
from engine.codes.peers import require
from engine.errors import FewbitsError
from engine.measure import bandwidth, calibration, faiss_peers
from engine.measure.formats import FORMATS, Ask, Format, Source
from engine.measure.machine import cores, machine, memory_left
from engine.measure.turns import Search, interleaved, pinned, spread

BATCH = 64
BATCH_TARGET = 0.7
"""Ratio to the peer aimed at for batches on several threads."""
MEMORY_SHARE, MEMORY_ITEMS = 0.7, 10_000_000
"""Share of the read bandwidth aimed at, from so many items on."""
RESERVE = 0.9
"""Share of the free memory that building may take."""


def bench(
    items: Sequence[int], dim: int, k: int, threads: Sequence[int], peers: bool, report: Callable[[str], None]
) -> dict[str, Any]:
    """Return everything that was measured, as plain JSON: machine, memory_gbs, rows, skipped (sentences) and settings.

    A row is one format asked in one way at one number of items: single queries on one thread (batch 1), or batches of
    64 on the largest number of threads; see `_row` for its fields.

    Raises
    ------
    FewbitsError
        For numbers below 1, more threads than cores, and peers where the extra is not installed.
    """
    _check(items, dim, k, threads, peers)
    with pinned():
        gbs, size = bandwidth.memory_gbs()
    result: dict[str, Any] = {
        "machine": machine(), "dim": dim, "k": k, "threads": list(threads), "peers": peers,
        "memory_gbs": gbs, "memory_gbs_bytes": size, "clock_moved": {}, "rows": [], "skipped": [],
    }  # fmt: skip
    for n in items:
        before = calibration.seconds()
        built: dict[str, Any] = {}
        for form in FORMATS:  # peers are kept as long as the next format wants them
            built = {name: index for name, index in built.items() if name in _wanted(form, peers)}
            rows, skipped = _format(form, Source(n, dim), built, result, report)
            result["rows"] += rows
            result["skipped"] += skipped
        result["clock_moved"][n] = calibration.seconds() / before - 1
    return result


def _check(items: Sequence[int], dim: int, k: int, threads: Sequence[int], peers: bool) -> None:
    numbers = [*items, dim, k, *threads]
    if not items or not threads or min(numbers) < 1 or max(items) >= 2**31:
        raise FewbitsError(f"got items {list(items)}, dim {dim}, k {k}, threads {list(threads)}; expected 1 or more")
    if max(threads) > cores():
        raise FewbitsError(f"threads: got {max(threads)}, expected at most the {cores()} cores of this process")
    if peers:
        require()


def _format(
    form: Format, source: Source, built: dict[str, Any], asked: dict[str, Any], report: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of a format, and sentences on what was left out; its peers are added to those built."""
    where, skipped = f"{source.n:,} items, {form.name}", []
    wanted = _wanted(form, asked["peers"])
    new = [name for name in wanted if name not in built]
    if sentence := unfit(form, source, new):
        return [], [f"{where}: {sentence}"]
    report(where)
    for name in new:
        try:
            built[name] = faiss_peers.build(name, source, cores())
        except FewbitsError as error:
            skipped.append(f"{where}: {error}")
    index = indexes.build(form.make(source))
    rows = [_measured(index, form, ask, built, source, asked, batch) for ask in form.asks for batch in (1, BATCH)]
    return rows, skipped


def _wanted(form: Format, peers: bool) -> list[str]:
    return list(dict.fromkeys(name for ask in form.asks for name in ask.peers)) if peers else []


def unfit(form: Format, source: Source, new_peers: Sequence[str]) -> str:
    """Return why a format cannot be measured here, empty where it can."""
    parts = {"PQ 16 × 4": 16, "PQ 8 × 8": 8, "PQ 16 × 8": 16}.get(form.name, 1)
    if source.dim % parts:
        return f"{source.dim} dimensions cannot be cut into {parts} equal parts"
    needed = source.n * (source.dim * (form.peak + sum(faiss_peers.PEERS[p].bytes for p in new_peers)) + 16)
    free = RESERVE * memory_left()
    return f"needs about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free" if needed > free else ""


def _measured(
    index: Any, form: Format, ask: Ask, built: dict[str, Any], source: Source, asked: dict[str, Any], batch: int
) -> dict[str, Any]:
    """Return the row of one format asked in one way: single queries on one thread, or batches on the most threads."""
    threads = 1 if batch == 1 else max(asked["threads"])
    asking, names = Source(BATCH, source.dim, seed=1), [name for name in ask.peers if name in built]
    queries, starts = _queries(index, form, ask, asking), range(0, BATCH, batch)
    ours = [queries[i : i + batch] for i in starts]
    sides: list[Search] = [lambda i: index.search(ours[i % len(ours)], asked["k"], None, threads)]
    for name in names:
        given = faiss_peers.PEERS[name].given(asking.first(BATCH))
        sides.append(_theirs(built[name], [given[i : i + batch] for i in starts], asked["k"]))
    if names:
        faiss_peers.set_threads(threads)
    with pinned(threads == 1):
        samples = [microseconds / batch for microseconds in interleaved(sides)]
        row = _row(form, ask, source, threads, batch, samples, names)
        if batch == 1:
            row |= _bandwidth(index, source.n, row["us"]["median"], asked["memory_gbs"])
    return {**row, "bytes_per_item": index.nbytes / source.n}


def _theirs(index: Any, parts: list[np.ndarray], k: int) -> Search:
    return lambda i: index.search(parts[i % len(parts)], k)


def _queries(index: Any, form: Format, ask: Ask, asking: Source) -> Any:
    """Return 64 queries: float32 [64, D], or packed from users' own codes."""
    if ask.queries == "float32":
        return Source(asking.n, index.dim, asking.seed).first(BATCH)
    return index.pack_queries(form.make(asking))


def _bandwidth(index: Any, n: int, us: float, memory_gbs: float) -> dict[str, Any]:
    """Return gbs (10^9 bytes a second), own_gbs (what this core reads of the same arrays) and of_memory (a share), with
    its target where memory is the roof.
    """
    arrays, aimed = scanned(index), n >= MEMORY_ITEMS
    gbs = sum(array.nbytes for array in arrays) / (us * 1e3)
    share = gbs / memory_gbs
    return {
        "gbs": gbs, "own_gbs": bandwidth.read_gbs(arrays), "of_memory": share,
        "of_memory_target": MEMORY_SHARE if aimed else None, "of_memory_met": share >= MEMORY_SHARE if aimed else None,
    }  # fmt: skip


def scanned(index: Any) -> list[np.ndarray]:
    """Return the arrays that every search reads in full: of two stages the first's."""
    arrays = index.arrays()
    return [array for name, array in arrays.items() if name.startswith("first.")] or list(arrays.values())


def _row(
    form: Format, ask: Ask, source: Source, threads: int, batch: int, samples: list[np.ndarray], names: list[str]
) -> dict[str, Any]:
    """Return what was measured in microseconds a query, and the ratio to the fastest peer."""
    us, *others = (spread(s) for s in samples)
    medians = {name: other["median"] for name, other in zip(names, others, strict=True)}
    return {
        "items": source.n, "format": form.name, "queries": ask.queries, "threads": threads, "batch": batch, "us": us,
        "peers": dict(zip(names, others, strict=True)),
        **compared(us["median"], medians, _target(ask, threads, batch)),
    }  # fmt: skip


def _target(ask: Ask, threads: int, batch: int) -> float | None:
    return ask.target if batch == 1 else BATCH_TARGET if threads > 1 else None


def compared(ours: float, peers: dict[str, float], target: float | None) -> dict[str, Any]:
    """Return peer (the fastest), its microseconds, ratio, target and whether it is met; None where there is no peer."""
    if not peers:
        return {"peer": None, "peer_us": None, "ratio": None, "target": target, "met": None}
    best = min(peers, key=lambda name: peers[name])
    ratio = ours / peers[best]
    return {
        "peer": best, "peer_us": peers[best], "ratio": ratio, "target": target,
        "met": None if target is None else ratio <= target,
    }  # fmt: skip
