"""What raw samples say: medians of rounds, percentiles, and intervals that cover what they should."""

import numpy as np
import pytest

from engine.measure import latency
from engine.measure.samples import Samples, median_of_rounds, percentile, summarise


def test_the_median_is_that_of_the_rounds_so_that_one_slow_round_does_not_move_it():
    times = np.array([10.0, 11, 12, 10, 11, 12, 90, 91, 92])
    samples = Samples(1, 1, times, np.repeat(np.arange(3, dtype=np.int32), 3))
    assert median_of_rounds(samples) == (11.0, 11.0, 91.0)


def test_a_percentile_for_which_the_samples_are_too_few_is_absent():
    few = Samples(1, 1, np.arange(1.0, 31), np.zeros(30, np.int32))
    assert {r["metric"] for r in summarise([few])} == {"latency_p50_us", "latency_p95_us", "calibration_drift"}
    assert latency.ROUNDS * latency.LEAST >= 100, "a run always has a p99"


def test_percentiles_and_their_interval():
    value, low, high = percentile(np.arange(1000.0), 50)
    assert value == 500
    assert 460 < low < 475
    assert 525 < high < 540


def test_an_interval_is_open_above_where_no_sample_bounds_it():
    few = np.arange(102.0)
    assert percentile(few, 99) == (100, 98, None), "none of 102 may reach the true p99: 0.99 ** 102 is 36 %"
    assert percentile(few, 95)[2] == 101
    rows = summarise([Samples(1, 1, few, np.repeat(np.arange(6, dtype=np.int32), 17))])
    assert [r["high"] for r in rows if r["metric"] == "latency_p99_us"] == [None]


@pytest.mark.parametrize("n", [102, 400, 1000])
def test_an_interval_of_the_99th_percentile_covers_it_in_nearly_95_of_100_cases(n):
    rng, covered = np.random.default_rng(0), 0
    for _ in range(1000):
        _, low, high = percentile(rng.random(n), 99)
        covered += low <= 0.99 and (high is None or high >= 0.99)
    assert covered >= 930, "one sample higher at the lower end covered it in 91 of 100 where n is 102"


def test_times_are_microseconds_and_throughput_is_queries_a_second():
    def value(samples, metric):
        (row,) = (r for r in summarise([samples]) if r["metric"] == metric)
        return row["value"], row["unit"]

    times, rounds = np.full(120, 1000.0), np.repeat(np.arange(6, dtype=np.int32), 20)
    assert value(Samples(1, 1, times, rounds), "latency_p50_us") == (1000, "us")
    assert value(Samples(2, 64, times, rounds), "throughput_qps") == (64_000, "queries/s")
