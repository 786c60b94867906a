"""The metrics against definitions written out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.interactions import ItemLists
from engine.indexes import Hits
from engine.measure import ranking


def lists(*rows: list[int]) -> ItemLists:
    users = np.concatenate([np.full(len(r), u) for u, r in enumerate(rows)]).astype(np.int64)
    return ItemLists.from_pairs(users, np.concatenate([np.array(r, np.int64) for r in rows]), len(rows))


def hits(ids, scores):
    return Hits(np.array(ids, np.int32), np.array(scores, np.float32))


def measured(ids, held_out, scores=None, reference=None, ks=(2, 3), n_items=10):
    ids = np.array(ids, np.int32)
    scores = (
        np.array(scores, np.float32)
        if scores is not None
        else -np.arange(ids.shape[1], dtype=np.float32) + np.zeros(ids.shape, np.float32)
    )
    reference = ids if reference is None else np.array(reference, np.int32)
    return ranking.per_user(Hits(ids, scores), np.arange(len(ids)), held_out, reference, n_items, ks)


def test_recall_is_hits_over_held_out_items():
    columns = measured([[1, 2, 3], [4, 5, 6]], lists([1, 3, 7, 8], [9]))
    assert columns["recall@2"].tolist() == [0.25, 0]
    assert columns["recall@3"].tolist() == [0.5, 0]


def test_ndcg_weighs_places_and_divides_by_the_best_list_possible():
    columns = measured([[1, 2, 3]], lists([2, 3, 7]), ks=(3,))
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert columns["ndcg@3"][0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / best)


def test_a_perfect_list_has_ndcg_one_even_when_k_exceeds_the_held_out_items():
    assert measured([[5, 1, 2]], lists([5]), ks=(3,))["ndcg@3"].tolist() == [1]


def test_a_short_search_is_lengthened_by_what_a_longer_one_found_below_it():
    gone = -np.inf
    long = hits([[1, 2, 3, 9, 4], [5, 6, 7, -1, -1]], [[5, 4, 3, 2, 1], [9, 8, 7, gone, gone]])
    short = hits([[2, 3], [5, 6]], [[4, 3], [9, 8]])
    found = ranking.lengthened(short, long)
    assert found.ids.tolist() == [[2, 3, 9, 4, -1], [5, 6, 7, -1, -1]], "1 was missed by the search for two"
    assert found.scores.tolist() == [[4, 3, 2, 1, gone], [9, 8, 7, gone, gone]]
    empty = hits([[2, -1], [-1, -1]], [[4, gone], [gone, gone]])
    assert ranking.lengthened(empty, long).ids.tolist() == [[2, -1, -1, -1, -1], [-1] * 5]


def test_users_without_held_out_items_are_left_out():
    columns = measured([[1, 2, 3], [1, 2, 3]], lists([], [1]))
    assert columns["user"].tolist() == [1]
    assert columns["recall@2"].tolist() == [1]


def test_a_place_is_tied_with_the_one_before_or_after_it():
    columns = measured([[1, 2, 3, 4]], lists([9]), scores=[[2, 2, 1, 0]], ks=(1, 2, 3))
    assert [columns[f"tied@{k}"][0] for k in (1, 2, 3)] == pytest.approx([1, 1, 2 / 3])


def test_overlap_is_a_share_of_what_the_reference_has():
    columns = measured([[1, -1, -1]], lists([9]), reference=[[1, 2, -1]], ks=(3,))
    assert columns["overlap@3"].tolist() == [0.5], "a missing place is in common with nobody"


def test_missing_places_are_no_hits_and_no_ties():
    columns = measured([[0, -1, -1]], lists([0, 1]), scores=[[1.0, -np.inf, -np.inf]])
    assert columns["recall@3"].tolist() == [0.5]
    assert columns["tied@3"].tolist() == [0]


def test_an_item_of_the_next_user_is_no_hit():
    # keys are user × catalogue + item: −1 for user 1 must not be read as the last item of user 0
    assert measured([[0, 1, 2], [-1, -1, -1]], lists([9], [9]))["recall@3"].tolist() == [0, 0]


def test_overlap_counts_kept_items_and_not_their_order():
    columns = measured([[3, 2, 1]], lists([1]), reference=[[1, 2, 4]])
    assert columns["overlap@2"].tolist() == [0.5]
    assert columns["overlap@3"][0] == pytest.approx(2 / 3)


def test_a_tie_across_the_end_of_the_list_is_seen():
    columns = measured([[1, 2, 3]], lists([1]), scores=[[3.0, 1.0, 1.0]], ks=(2,))
    assert columns["tied@2"].tolist() == [0.5]


def test_lists_longer_than_the_catalogue_are_not_measured():
    assert "recall@50" not in measured([[1, 2, 3]], lists([1]), ks=(2, 50))


@given(st.integers(0, 2**32 - 1))
def test_metrics_agree_with_sets_on_random_lists(seed):
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.permutation(10)[:6] for _ in range(4)])
    reference = np.stack([rng.permutation(10)[:6] for _ in range(4)])
    wanted = [sorted(rng.permutation(10)[: rng.integers(1, 8)].tolist()) for _ in range(4)]
    columns = measured(ids, lists(*wanted), reference=reference, ks=(5,))
    for u in range(4):
        top = set(ids[u, :5].tolist())
        assert columns["recall@5"][u] == pytest.approx(len(top & set(wanted[u])) / len(wanted[u]))
        assert columns["overlap@5"][u] == pytest.approx(len(top & set(reference[u, :5].tolist())) / 5)


def test_the_summary_is_the_mean_with_an_interval_around_it():
    columns = {"user": np.arange(100), "recall@20": np.repeat([0.0, 1.0], 50).astype(np.float32)}
    (row,) = ranking.summarise(columns)
    assert (row["metric"], row["k"], row["value"]) == ("recall", 20, 0.5)
    assert 0.38 < row["low"] < 0.42
    assert 0.58 < row["high"] < 0.62


def test_nobody_to_measure_gives_no_rows():
    assert ranking.summarise({"user": np.array([], int), "recall@20": np.array([], np.float32)}) == []
