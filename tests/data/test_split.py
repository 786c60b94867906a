"""The split: what goes where, that the parts are disjoint, and that a seed gives the same parts everywhere."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import registry
from engine.data.interactions import Interactions, ItemLists
from engine.data.readers import Reading
from engine.data.split import load_split, split
from engine.data.synthetic import two_blocks
from engine.errors import FewbitsError
from tests.conftest import DATA


def interactions(lists, n_items=None):
    user = np.repeat(np.arange(len(lists)), [len(items) for items in lists]).astype(np.int32)
    item = np.array([item for items in lists for item in items], np.int32)
    return Interactions(user, item, len(lists), n_items or int(item.max()) + 1)


def published(train, test, n_items=50, seed=0):
    return split("small", Reading(interactions(train, n_items), interactions(test, n_items)), seed)


def lists(part):
    return [part.of(user).tolist() for user in range(len(part))]


def test_item_lists_are_ascending_without_duplicates():
    built = ItemLists.from_pairs(np.array([2, 0, 0, 0]), np.array([1, 9, 4, 9]), 4)
    assert lists(built) == [[4, 9], [], [1], []]
    assert built.counts().tolist() == [2, 0, 1, 0] and len(built) == 4
    assert built.users().tolist() == [0, 0, 2]
    assert (built.indptr.dtype, built.items.dtype, built.users().dtype) == (np.int64, np.int32, np.int32)


def test_item_lists_hold_the_largest_ids():
    top = 2**31 - 1
    assert ItemLists.from_pairs(np.array([1]), np.array([top]), 2).items.tolist() == [top]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=60))
def test_item_lists_equal_sets_of_pairs(pairs):
    user, item = np.array(pairs, np.int32).reshape(-1, 2).T
    assert lists(ItemLists.from_pairs(user, item, 6)) == [
        sorted({i for u, i in pairs if u == user}) for user in range(6)
    ]


def test_a_published_test_is_kept():
    done = published([[1, 2], [3]], [[5], [4, 6]])
    assert lists(done.train) == [[1, 2], [3]]
    assert lists(done.test) == [[5], [4, 6]]
    assert "Published split" in done.rule


def test_test_pairs_of_train_are_removed_and_counted():
    done = published([[1, 2], [3]], [[2, 5], [4]])
    assert lists(done.test) == [[5], [4]]
    assert "1 test pairs are in train too: left out of test" in done.notes


def test_odd_users_and_items_are_counted():
    done = published([[1, 2], [3], []], [[], [4], [2]], n_items=6)
    assert "1 users have no test items: left out of the means" in done.notes
    assert "1 users have no training items: nothing is known of their taste" in done.notes
    assert "3 items are in nobody's training items: they have no edge in the graph but can be recommended" in done.notes


def test_without_a_published_test_a_fifth_of_each_user_is_test():
    sizes = [1, 2, 3, 4, 5, 7, 8, 12, 13, 100]
    done = split("small", Reading(interactions([range(size) for size in sizes]), None))
    assert done.test.counts().tolist() == [0, 1, 1, 1, 1, 1, 2, 2, 3, 20]
    assert (done.train.counts() + done.valid.counts() + done.test.counts()).tolist() == sizes
    assert "A fifth" in done.rule and done.rule.endswith(".")


def test_users_with_ten_training_items_give_one_to_validation():
    done = published([range(9), range(10), range(30)], [[40], [40], [40]])
    assert done.valid.counts().tolist() == [0, 1, 1]
    assert done.train.counts().tolist() == [9, 9, 29]
    assert "2 users with at least 10" in done.rule


def test_no_more_than_5000_users_are_validated():
    done = published([range(10)] * 6_000, [[40]] * 6_000)
    assert len(done.valid.items) == 5_000 and done.valid.counts().max() == 1
    assert done.valid.counts()[:1_000].sum() < 1_000  # not simply the first ones


def test_validation_items_are_spread_over_the_lists():
    """Ids often follow popularity, so always taking the first or last would bias the model selection."""
    done = published([range(10)] * 2_000, [[40]] * 2_000)
    assert np.bincount(done.valid.items, minlength=10).min() > 140  # 200 expected, standard deviation 13


@settings(max_examples=30)
@given(st.integers(0, 2**31 - 1), st.booleans())
def test_the_parts_are_disjoint_and_nothing_is_lost(seed, with_test):
    data = two_blocks(users=5, items=20, per_user=13, seed=seed)
    other = two_blocks(users=5, items=20, per_user=4, seed=seed + 1) if with_test else None
    done = split("small", Reading(data, other), seed)
    for user in range(done.n_users):
        train, valid, test = (set(part.of(user).tolist()) for part in (done.train, done.valid, done.test))
        assert not train & valid and not train & test and not valid & test
        expected = set(data.lists().of(user).tolist()) | (set(other.lists().of(user).tolist()) if other else set())
        assert train | valid | test == expected
        assert done.seen().of(user).tolist() == sorted(train | valid)


def test_a_seed_gives_the_same_split_and_another_seed_another():
    data = Reading(two_blocks(), None)
    assert split("small", data, 3).fingerprint == split("small", data, 3).fingerprint
    assert split("small", data, 3).fingerprint != split("small", data, 4).fingerprint


def test_the_order_of_the_lines_makes_no_difference():
    data = two_blocks()
    order = np.random.default_rng(0).permutation(len(data))
    shuffled = dataclasses.replace(data, user=data.user[order], item=data.item[order])
    assert split("small", Reading(data, None)).fingerprint == split("small", Reading(shuffled, None)).fingerprint


def test_the_split_is_the_same_on_every_machine():
    """A changed value here makes every published run incomparable: it needs a reason."""
    assert split("small", Reading(two_blocks(), None), 7).fingerprint == "0e3217fd49b67d8d"


def test_the_fingerprint_sees_the_parts_and_not_the_labels():
    done = published([[1, 2], [3]], [[5], [4]])
    assert dataclasses.replace(done, item_labels=("a",) * 50, notes=()).fingerprint == done.fingerprint
    assert dataclasses.replace(done, train=done.test, test=done.train).fingerprint != done.fingerprint
    assert dataclasses.replace(done, n_items=51).fingerprint != done.fingerprint


@pytest.mark.parametrize("reading", [([[1]], None), ([[1], [2]], [[1], [2]])])
def test_nothing_to_test_is_an_error(reading):
    train, test = (None if part is None else interactions(part) for part in reading)
    with pytest.raises(FewbitsError, match=r"small: got \d training and 0 test interactions"):
        split("small", Reading(train, test))


def test_the_demo_needs_neither_files_nor_network(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "nothing"))
    done = load_split("demo", tmp_path)
    assert done.dataset == "demo" and done.n_users == 2_000 and done.item_labels is not None
    assert not list(tmp_path.iterdir())


def test_an_unknown_data_set_is_named(tmp_path):
    with pytest.raises(FewbitsError, match="unknown data set 'netflix'"):
        load_split("netflix", tmp_path)


@pytest.fixture
def real(tmp_path, monkeypatch):
    """Return what gives the split of a real data set."""
    monkeypatch.setenv("FEWBITS_DATA", str(DATA))

    def load(name):
        if not (DATA / name).is_dir():
            pytest.skip(f"{DATA} has no {name}: FEWBITS_DATA names the folder of real data sets")
        return load_split(name, tmp_path)

    return load


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("gowalla", 810_128, 217_242), ("ml-1m", 796_244, 99_455), ("amazon-book-kgat", 652_514, 193_920)],
)
def test_a_published_set_has_its_published_size(real, name, train, test):
    done, known = real(name), registry.info(name)
    assert (done.n_users, done.n_items) == (known.users, known.items)
    assert len(done.train.items) + len(done.valid.items) == train and len(done.test.items) == test
    assert known.interactions == train + test and len(done.valid.items) == 5_000


def test_movielens_100k_has_its_published_size(real):
    done = real("ml-100k")
    assert (done.n_users, done.n_items) == (943, 1_682)
    assert len(done.seen().items) + len(done.test.items) == 100_000
    assert done.item_labels[0] == "Toy Story (1995)"
