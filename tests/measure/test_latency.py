"""What latency rows are made of: real searches, as many as asked, on the users there are."""

import os

import numpy as np
import pytest

from engine import indexes
from engine.codes import FloatCodes
from engine.data.interactions import ItemLists
from engine.measure import latency
from engine.measure.machine import machine


class Counting:
    """An index that notes how it is asked."""

    def __init__(self, index):
        self.index, self.asked = index, []

    def search(self, queries, k, exclude, threads):
        self.asked.append((len(queries), k, threads, len(exclude[0]) - 1, frozenset(os.sched_getaffinity(0))))
        return self.index.search(queries, k, exclude, threads)


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(latency, "SAMPLE_S", 0.02)
    monkeypatch.setattr(latency, "MAX_S", 0.1)
    rng = np.random.default_rng(0)
    index = Counting(indexes.build(FloatCodes(rng.standard_normal((500, 8), dtype=np.float32))))
    seen = ItemLists.from_pairs(np.arange(100), np.arange(100), 100)
    samples = latency.measure(index, rng.standard_normal((100, 8), dtype=np.float32), seen)
    return index.asked, samples


def test_single_queries_are_searched_one_at_a_time_for_twenty_items_without_seen_ones(asked):
    calls, samples = asked
    single = [c for c in calls if c[0] == 1]
    assert {c[1:4] for c in single} == {(20, 1, 1)}
    assert len(single) >= len(samples[0].microseconds)


def test_the_thread_is_pinned_to_one_core_while_single_queries_run_and_freed_after(asked):
    calls, _ = asked
    assert all(len(c[4]) == 1 for c in calls if c[0] == 1)
    assert len(os.sched_getaffinity(0)) == machine()["cores"]


def test_rows_name_unit_threads_and_batch_and_are_in_order(asked):
    _, samples = asked
    rows = latency.summarise(samples)
    p50, p95, p99 = (next(r for r in rows if r["metric"] == f"latency_p{q}_us") for q in (50, 95, 99))
    assert 0 < p50["value"] <= p95["value"] <= p99["value"]
    assert all(r["low"] <= r["value"] <= r["high"] for r in rows)
    assert {(r["threads"], r["batch"], r["unit"]) for r in rows if r["metric"].startswith("latency")} == {(1, 1, "us")}


def test_percentiles_and_their_interval():
    value, low, high = latency.percentile(np.arange(1000.0), 50)
    assert value == 500
    assert 460 < low < 475
    assert 525 < high < 540


def test_the_machine_says_what_a_reader_needs():
    known = machine()
    assert known["cores"] >= 1
    assert known["hardware"].endswith("cores")
    assert known["numba"]
    assert known["torch"]
