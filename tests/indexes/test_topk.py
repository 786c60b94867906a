"""The seeded order of the items, and the running top k."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.indexes import topk
from tests import naive

SEEDS = st.integers(0, 2**63 - 1)


@given(n=st.integers(1, 3000), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_order_is_a_permutation(n, seed):
    assert (np.sort(topk.permutation(n, seed)) == np.arange(n)).all()


@given(n=st.integers(1, 2**31 - 1), seed=SEEDS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_position_undoes_id_and_both_agree_with_whole_numbers(n, seed, data):
    position = data.draw(st.integers(0, n - 1))
    item = topk.id_at(position, n, seed)
    assert item == naive.id_at(position, n, seed)  # where signed and unsigned mix, numba would round to float64
    assert topk.position_of(item, n, seed) == position


def test_the_order_of_a_seed_never_changes():
    # files hold items in this order: another answer here makes every saved index wrong
    assert topk.permutation(10, 0).tolist() == [9, 1, 3, 5, 6, 8, 2, 4, 0, 7]
    assert topk.permutation(10, 1).tolist() == [2, 0, 3, 7, 4, 5, 8, 1, 9, 6]


def test_no_items_have_an_empty_order():
    assert topk.permutation(0, 0).tolist() == []


def test_position_does_not_follow_the_id():
    order = topk.permutation(20_000, 7)
    assert abs(np.corrcoef(order, np.arange(20_000))[0, 1]) < 0.05
    assert (order == np.arange(20_000)).sum() < 20


def test_excluded_positions_ascend():
    items = np.random.default_rng(0).permutation(5000).astype(np.int32)[:3000]
    got = topk.excluded_positions(np.array([0, 2000, 3000]), items, 5000, 3)
    for part in (slice(0, 2000), slice(2000, 3000)):
        assert got[part].tolist() == sorted(topk.position_of(int(i), 5000, 3) for i in items[part])
