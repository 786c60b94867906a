"""The demo must be worth a first look: knowing the tastes clearly beats popularity, and nothing looks observed."""

import numpy as np
import pytest

from engine.data.interactions import Interactions
from engine.data.split import load_split
from engine.data.synthetic import GENRES, demo, two_blocks, world


@pytest.fixture(scope="module")
def data() -> Interactions:
    return demo()


def recall_at_20(scores, split):
    """Mean share of the test items among the best 20 unseen ones; ``scores`` [U, I]."""
    seen = split.seen()
    scores = scores.copy()
    scores[seen.users(), seen.items] = -np.inf
    top = np.argpartition(-scores, 20, axis=1)[:, :20]
    return np.mean([np.isin(split.test.of(u), top[u]).mean() for u in range(split.n_users)])


def test_knowing_the_tastes_beats_popularity_more_than_twice(tmp_path):
    split, truth = load_split("demo", tmp_path), world()
    popularity = np.bincount(split.train.items, minlength=split.n_items).astype(float)
    of_popularity = recall_at_20(np.tile(popularity, (split.n_users, 1)), split)
    of_oracle = recall_at_20(truth.taste[:, truth.genre] * truth.weight, split)
    assert 0.05 < of_popularity < 0.10  # not hopeless
    assert of_oracle > 2.5 * of_popularity


def test_the_demo_is_the_same_every_time(data, tmp_path):
    """A changed value here makes every demo run incomparable: it needs a reason."""
    assert np.array_equal(demo().item, data.item)
    assert load_split("demo", tmp_path).fingerprint == "dcd6f2e2886b9ae6"


def test_no_pair_occurs_twice_and_every_user_has_at_least_ten_items(data):
    assert len(data.lists().items) == len(data)
    counts = np.bincount(data.user, minlength=data.n_users)
    assert counts.min() >= 10 and counts.max() > 5 * np.median(counts)  # activity varies


def test_popularity_falls_like_a_power(data):
    popularity = np.sort(np.bincount(data.item, minlength=data.n_items))[::-1]
    assert popularity[: data.n_items // 10].sum() > 0.35 * len(
        data
    )  # a tenth of the items has a third of the interactions
    assert popularity[data.n_items // 2 :].sum() > 0.1 * len(data)  # and the tail is alive


def test_item_names_are_different_and_end_with_their_genre(data):
    assert len(set(data.item_labels)) == data.n_items
    assert all(label.endswith(f"({GENRES[g]})") for label, g in zip(data.item_labels, world().genre, strict=True))


def test_users_are_labelled_as_synthetic(data):
    assert len(data.user_labels) == data.n_users
    assert all(label.startswith("Synthetic user") for label in data.user_labels)


def test_a_users_label_names_the_genre_that_most_of_the_items_have(data):
    genre = world().genre
    counts = np.zeros((data.n_users, len(GENRES)))
    np.add.at(counts, (data.user, genre[data.item]), 1)
    named = [label.split("(")[1].split(",")[0] for label in data.user_labels]
    agree = np.mean([GENRES[row.argmax()] == name for row, name in zip(counts, named, strict=True)])
    assert agree > 0.95


def test_two_blocks_share_no_item():
    data = two_blocks(users=30, items=20, per_user=8, seed=1)
    assert (data.n_users, data.n_items, len(data)) == (60, 40, 480)
    assert ((data.user < 30) == (data.item < 20)).all()
    assert (data.lists().counts() == 8).all()


def test_two_blocks_follow_their_seed():
    assert np.array_equal(two_blocks(seed=1).item, two_blocks(seed=1).item)
    assert not np.array_equal(two_blocks(seed=1).item, two_blocks(seed=2).item)


def test_a_user_cannot_have_more_items_than_the_block():
    with pytest.raises(ValueError, match="expected 1 to 20"):
        two_blocks(items=20, per_user=21)
