"""How long a search takes: one query on one pinned thread, warm and cold, and batches of 64; raw samples kept.

What is timed is ``index.search`` as a server would call it: the user's vector or code goes in, the list comes out,
with what the user has seen left out. The data set's real users are asked in random order. The caller sees to it that
nothing else of ours runs meanwhile.

A setting is a query precision, a number of threads and a batch. After each has warmed up until it is steady, ROUNDS
rounds go through all settings in turn, so that a slow minute of the machine falls on all of them alike and not on one
alone. Around each part of a round stands a calibration (`engine.measure.calibration`). Where one was more than
DRIFT_LIMIT per cent slower than the fastest of all, that part is measured again once the machine is back at its pace,
within a limit of time; where that did not help, the row ``calibration_drift`` tells.
"""

import gc
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np

from engine.measure import calibration, cold
from engine.measure.machine import cores
from engine.measure.samples import Samples
from engine.spec import DRIFT_LIMIT, LATENCY_K

BATCH = 64
USERS = 1000
"""Users asked, at most, in one random order that comes round again: nobody twice before all others once. Samples of
SAMPLE_S reach all of them where a search takes up to 0.3 ms; of 3 ms or more, a round asks the next LEAST.
"""
ROUNDS = 6
"""The lowest and the highest of 6 rounds have the median of what a round gives between them in 97 of 100 cases."""
SAMPLE_S, MAX_S = 0.3, 4.0
"""Seconds that the samples of one setting should fill, and the most that its warm-up may take."""
LEAST = 17
"""Single queries a round at least, however slow: 6 rounds then have a 99th percentile."""
COLD = 6
"""Cold queries a round."""
STEADY = 0.02
"""Warm-up ends once two medians in a row differ by less than this share."""
AGAIN, AGAIN_S = 2.0, 30.0
"""How many times as long as the rounds, and how many seconds, it may take to measure parts that moved again."""
LOOK_S = 0.02
"""Seconds between two looks at whether the machine is back at its pace."""


@dataclass(frozen=True, eq=False)
class _Setting:
    """What is timed together: the arguments of its searches, which come round again and again in the same order."""

    bits: int
    calls: Iterator[Any]
    different: int
    threads: int
    batch: int
    cold: bool = False


@dataclass(frozen=True, eq=False)
class _Part:
    """What one setting gave in one round, and the calibrations around it in seconds."""

    microseconds: np.ndarray
    around: tuple[float, float]

    def drift(self, fastest: float) -> float:
        return 100 * (max(self.around) / fastest - 1)


def measure(
    index: Any, queries: Mapping[int, Any], seen: Any, batches: bool = True, seed: int = 0, rounds: int = 0
) -> dict[int, list[Samples]]:
    """Return samples for each query precision: one query on one thread, warm and cold, and (``batches``) batches of 64
    on one thread and on all cores where there are several.

    Parameters
    ----------
    queries : query bits → float32 [U, D] or packed, one a user
    seen : ItemLists of the same users, left out of their lists
    rounds : ROUNDS where 0; more of them take longer, and repeat better where others use the machine as well
    """
    rounds = rounds or ROUNDS
    settings = [s for bits, packed in queries.items() for s in _settings(bits, packed, seen, batches, seed)]
    with _no_collector():
        for setting in settings:
            _warm_up(index, setting)
        parts, fastest = _all_parts(index, settings, rounds)
    found: dict[int, list[Samples]] = {bits: [] for bits in queries}
    for number, s in enumerate(settings):
        own = [parts[number, r] for r in range(rounds)]
        times = np.concatenate([p.microseconds for p in own])
        of_round = np.repeat(np.arange(rounds, dtype=np.int32), [len(p.microseconds) for p in own])
        drift = max(p.drift(fastest) for p in own)
        found[s.bits].append(Samples(s.threads, s.batch, times, of_round, drift, s.cold))
    return found


def _settings(bits: int, queries: Any, seen: Any, batches: bool, seed: int) -> list[_Setting]:
    users = np.random.default_rng(seed).permutation(len(queries))[:USERS]
    kinds = [(1, 1, False), (1, 1, True)]
    if batches and len(users) > 1:
        kinds += [(threads, min(BATCH, len(users)), False) for threads in sorted({1, cores()})]
    settings = []
    for threads, batch, is_cold in kinds:
        calls = _calls(queries, seen, users, batch)
        settings.append(_Setting(bits, cycle(calls), len(calls), threads, batch, is_cold))
    return settings


def _calls(queries: Any, seen: Any, users: np.ndarray, batch: int) -> list[tuple[Any, tuple[np.ndarray, np.ndarray]]]:
    """Return the arguments of every search, so that no slicing is timed; a short last batch is left out."""
    calls = []
    for start in range(0, len(users) - batch + 1, batch):
        rows = users[start : start + batch]
        lists = seen.rows(rows)
        calls.append((queries[rows], (lists.indptr, lists.items)))
    return calls


def _warm_up(index: Any, setting: _Setting) -> None:
    """Search until two medians in a row are nearly equal. A cold setting needs none: its warm twin came before."""
    previous, started = 0.0, time.perf_counter()
    while not setting.cold and time.perf_counter() - started < MAX_S:
        with _pinned(setting.threads):
            median = float(np.median(_ask(index, setting, min(200, setting.different), started + MAX_S)))
        if abs(median - previous) < STEADY * median:
            break
        previous = median


def _all_parts(index: Any, settings: list[_Setting], rounds: int) -> tuple[dict[tuple[int, int], _Part], float]:
    """Return what each setting gave in each round, (number, round) → part, and the seconds of the fastest calibration
    of all; parts that moved are taken again.

    A neighbour on the same core comes and goes for seconds, while a part takes a twentieth of one: measured again at
    once, most parts would meet the same neighbour. The fastest calibration counts for good, also where its own part was
    replaced: it tells what the machine can do.
    """
    order, began = [(number, r) for r in range(rounds) for number in range(len(settings))], time.perf_counter()
    parts = {at: _part(index, settings[at[0]]) for at in order}
    until = time.perf_counter() + min(AGAIN_S, AGAIN * (time.perf_counter() - began))
    fastest = min(min(part.around) for part in parts.values())
    while moved := _moved(parts, fastest):
        for at in moved:
            setting = settings[at[0]]
            if (looked := _back(setting.threads, fastest, until)) is None:
                return parts, fastest
            again = _part(index, setting)
            fastest = min(fastest, looked, *again.around)
            parts[at] = min(parts[at], again, key=lambda part: max(part.around))
    return parts, fastest


def _moved(parts: Mapping[tuple[int, int], _Part], fastest: float) -> list[tuple[int, int]]:
    """Return the parts around which the calibration was too slow, in the order in which they were taken."""
    return [at for at, part in parts.items() if part.drift(fastest) > DRIFT_LIMIT]


def _back(threads: int, fastest: float, until: float) -> float | None:
    """Wait until the calibration takes no longer than it should; return its seconds, None where the time was up."""
    while time.perf_counter() < until:
        with _pinned(threads):
            if (looked := calibration.seconds()) <= fastest * (1 + DRIFT_LIMIT / 100):
                return looked
        time.sleep(LOOK_S)
    return None


def _part(index: Any, setting: _Setting) -> _Part:
    """Return the samples of one round, calibrations before and after."""
    least = 1 if setting.batch > 1 else COLD if setting.cold else LEAST
    with _pinned(setting.threads):
        before, enough = calibration.seconds(), time.perf_counter() + SAMPLE_S / ROUNDS
        taken = [_ask(index, setting, least)]
        while not setting.cold and time.perf_counter() < enough:
            taken.append(_ask(index, setting, least))
        return _Part(np.concatenate(taken), (before, calibration.seconds()))


def _ask(index: Any, setting: _Setting, count: int, deadline: float = np.inf) -> np.ndarray:
    """Return the microseconds of the next ``count`` searches, the clock's own time subtracted."""
    clock, nanoseconds = time.perf_counter_ns, []
    overhead = min(-(clock() - clock()) for _ in range(100))
    for queries, exclude in islice(setting.calls, count):
        if setting.cold:
            cold.empty()
        before = clock()
        index.search(queries, LATENCY_K, exclude, setting.threads)
        nanoseconds.append(clock() - before - overhead)
        if before > deadline * 1e9:
            break
    return np.array(nanoseconds, np.float64) / 1e3


@contextmanager
def _pinned(threads: int) -> Iterator[None]:
    """Keep a single thread on one core while the block runs; several may use all."""
    if threads > 1 or not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})  # the highest: interrupts mostly arrive at the first
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the garbage collector away while the block runs."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
