"""Item-kNN and EASE: what they compute on small data, and that the test set does not choose."""

from dataclasses import replace

import numpy as np
import pytest

from engine.data.interactions import ItemLists
from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.errors import FewbitsError
from engine.measure import baselines, training
from engine.spec import ModelSpec


@pytest.fixture(scope="module")
def blocks():
    """Two communities that share nothing."""
    return split("two-blocks", Reading(two_blocks(per_user=20), None))


def dense(data):
    owned = np.zeros((data.n_users, data.n_items))
    owned[data.train.users(), data.train.items] = 1
    return owned


def best(scores, owned):
    """Return each user's 20 best new items, ties in any order."""
    return np.argsort(-np.where(owned > 0, -np.inf, scores), axis=1, kind="stable")[:, :20]


def score_of(scores, ids):
    return np.take_along_axis(scores, ids, 1)


@pytest.mark.parametrize(("k", "shrinkage"), [(3, 0.0), (7, 10.0), (200, 0.0)])
def test_an_items_score_is_the_sum_of_its_nearest_neighbours_that_the_user_has(blocks, k, shrinkage):
    owned, users = dense(blocks), np.arange(blocks.n_users)
    common, count = owned.T @ owned, owned.sum(0)
    near = common / (np.sqrt(np.outer(count, count)) + shrinkage)
    np.fill_diagonal(near, 0)
    sparse = baselines._matrix(blocks)
    ids, values = baselines._neighbours(sparse, shrinkage)
    np.testing.assert_allclose(values[:, :79], -np.sort(-near, 1)[:, :79], atol=1e-6)
    kept = np.zeros_like(near)
    for item, row in enumerate(ids[:, :k]):
        kept[row[row >= 0], item] = near[row[row >= 0], item]
    expected = owned @ kept
    found = baselines._knn_search(sparse, ids[:, :k], values[:, :k])(users, blocks.train)
    there = score_of(expected, best(expected, owned)) > 0  # what has no score is not listed
    assert np.array_equal(found >= 0, there)
    np.testing.assert_allclose(
        np.where(there, score_of(expected, found), 0), np.where(there, score_of(expected, best(expected, owned)), 0)
    )


def test_the_largest_of_a_row_come_in_order_and_without_what_is_skipped():
    rng = np.random.default_rng(0)
    indptr, indices = np.array([0, 40, 40, 43]), np.concatenate([rng.permutation(50)[:40], [7, 3, 9]]).astype(np.int32)
    data = rng.random(43).astype(np.float32)
    ids, values = np.empty((3, 5), np.int32), np.empty((3, 5), np.float32)
    skip = indices[np.argmax(data[:40])]
    baselines._largest(indptr, indices, data, np.array([0, 1, 1, 2]), np.array([skip, 3], np.int32), 50, ids, values)
    order = np.argsort(-data[:40])[1:6]
    assert ids[0].tolist() == indices[order].tolist() and values[0].tolist() == data[order].tolist()
    assert ids[1].tolist() == [-1] * 5 and not values[1].any()
    assert sorted(ids[2].tolist()) == [-1, -1, -1, 7, 9]


def test_ease_is_its_closed_form(blocks):
    owned = dense(blocks)
    inverse = np.linalg.inv(owned.T @ owned + 100 * np.eye(blocks.n_items))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    weights = baselines._ease(owned.T @ owned, 100.0)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    scores = owned @ weights
    found = baselines._ease_search(baselines._matrix(blocks), weights)(np.arange(blocks.n_users), blocks.train)
    np.testing.assert_allclose(score_of(scores, found), score_of(scores, best(scores, owned)), atol=1e-5)


def test_ease_lists_no_item_that_is_left_out():
    data = replace(split("two-blocks", Reading(two_blocks(3, 4, 3), None)))
    found = baselines._ease_search(baselines._matrix(data), np.ones((8, 8), np.float32))(np.arange(6), data.train)
    assert found.shape == (6, 20)
    for user, items in enumerate(found):
        listed = items[items >= 0]
        assert sorted([*listed, *data.train.of(user)]) == list(range(8))


@pytest.mark.parametrize("baseline", [baselines.item_knn, baselines.ease])
def test_both_find_the_two_blocks(blocks, baseline):
    popular = training.trained(ModelSpec(encoder="popularity"), blocks, lambda _: None)
    assert baseline(blocks)["recall@20"] > 1.6 * popular["recall@20"]


@pytest.mark.parametrize("baseline", [baselines.item_knn, baselines.ease])
def test_validation_chooses_and_test_does_not(blocks, baseline):
    first, other = baseline(blocks), baseline(replace(blocks, test=blocks.test.rows(np.arange(blocks.n_users)[::-1])))
    assert first["settings"] == other["settings"] and first["valid_ndcg@20"] == other["valid_ndcg@20"]
    assert first["recall@20"] != other["recall@20"]


def test_without_validation_the_first_settings_are_taken(blocks):
    nobody = ItemLists(np.zeros(blocks.n_users + 1, np.int64), np.empty(0, np.int32))
    row = baselines.item_knn(replace(blocks, valid=nobody))
    assert row["settings"] == {"k": 50, "shrinkage": 0.0} and row["recall@20"] > 0


def test_a_perfect_search_has_recall_and_ndcg_of_one(blocks):
    lists = np.full((blocks.n_users, 20), -1, np.int32)
    for user in range(blocks.n_users):
        lists[user, : len(blocks.test.of(user))] = blocks.test.of(user)
    assert baselines.quality(blocks, lambda users, seen: lists[users]) == {"recall@20": 1, "ndcg@20": 1}


def test_train_and_validation_are_left_out_of_the_test_search(blocks):
    given = []

    def search(users, seen):
        given.append((users, seen))
        return np.full((len(users), 20), -1, np.int32)

    assert baselines.quality(blocks, search)["recall@20"] == 0
    users, seen = given[0]
    both = {*blocks.train.of(users[0]), *blocks.valid.of(users[0])}
    assert set(seen.of(0)) == both and len(both) > len(blocks.train.of(users[0]))


def test_what_is_too_large_for_ease_is_a_sentence(blocks, monkeypatch):
    with pytest.raises(FewbitsError, match=r"EASE.*10,001 items.*10,000"):
        baselines.ease(replace(blocks, n_items=10_001))
    monkeypatch.setattr(baselines, "memory_left", lambda: 1000)
    with pytest.raises(FewbitsError, match="are free"):
        baselines.ease(blocks)
