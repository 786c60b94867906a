"""The Pareto frontier and the bootstrap, against what they mean."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import FewbitsError
from engine.frontier import bootstrap_means, interval, on_frontier


def brute_force(points: pd.DataFrame, x: str, y: str) -> list[bool]:
    """Return for each point whether none is at least as good in both and better in one (x low, y high)."""
    rows = list(points[[x, y]].itertuples(index=False, name=None))
    return [not any(a <= px and b >= py and (a < px or b > py) for a, b in rows) for px, py in rows]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30))
def test_the_frontier_is_what_no_point_dominates(pairs):
    points = pd.DataFrame(pairs, columns=["latency_p50_us", "recall@20"], dtype=float)
    assert on_frontier(points, "latency_p50_us", "recall@20").tolist() == brute_force(
        points, "latency_p50_us", "recall@20"
    )


def test_more_throughput_is_better():
    points = pd.DataFrame({"throughput_qps": [10.0, 20.0], "recall@20": [0.1, 0.1]})
    assert on_frontier(points, "throughput_qps", "recall@20").tolist() == [False, True]


def test_a_point_that_was_not_measured_is_not_on_the_frontier():
    points = pd.DataFrame({"bytes_per_item": [10.0, np.nan], "recall@20": [0.1, 0.9]})
    assert on_frontier(points, "bytes_per_item", "recall@20").tolist() == [True, False]


def test_an_unknown_metric_lists_the_known_ones():
    with pytest.raises(FewbitsError, match="bytes_per_item"):
        on_frontier(pd.DataFrame({"bytes_per_item": [1.0]}), "bytes_per_item", "recal@20")
    with pytest.raises(FewbitsError, match="no point has a number 'encoder'; measured are: bytes_per_item"):
        on_frontier(pd.DataFrame({"bytes_per_item": [1.0], "encoder": ["mf"]}), "bytes_per_item", "encoder")


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = [
        low[0] <= 0.3 <= high[0]
        for low, high in (interval(rng.random((200, 1)) < 0.3, seed=s, resamples=300) for s in range(200))
    ]
    assert 0.90 <= np.mean(covered) <= 0.985


def test_a_paired_difference_is_surer_than_two_intervals():
    rng = np.random.default_rng(1)
    a = rng.random(500)
    b = a - 0.01 + 0.001 * rng.standard_normal(500)
    low, high = interval(np.stack([a, b, a - b], 1))
    assert 0 < low[2] < 0.01 < high[2] and high[2] - low[2] < 0.001
    assert low[0] < high[1], "the intervals of the two overlap"


@pytest.mark.parametrize("block", (1, 32))
def test_resamples_share_the_draw_of_rows_however_many_are_summed_at_once(block):
    values = np.random.default_rng(3).normal(size=(200, 5))
    rng = np.random.default_rng(7)
    expected = [values[rng.integers(0, 200, 200, dtype=np.int32)].mean(0) for _ in range(70)]  # 70: no multiple of 32
    np.testing.assert_allclose(bootstrap_means(values, 7, 70, block), expected, rtol=0, atol=1e-12)
