"""What a search refuses at its door, in a sentence that says what was got and what was expected."""

import numpy as np
import pytest

from engine import indexes
from engine.data.interactions import ItemLists
from engine.errors import FewbitsError
from tests.indexes.samples import KINDS, pairs


@pytest.fixture(scope="module")
def index():
    return indexes.build(KINDS["8 bits"](10, 4, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("asked", "k", "exclude", "said"),
    [
        (np.zeros((1, 4)), 1, None, "got float64"),
        (np.zeros(4, np.float32), 1, None, r"got float32 \[4\]"),
        ([[0.0] * 4], 1, None, "got list"),
        (np.zeros((1, 5), np.float32), 1, None, "5 dimensions"),
        (np.full((1, 4), np.nan, np.float32), 1, None, "NaN"),
        (np.zeros((1, 4), np.float32), 0, None, "k 0"),
        (np.zeros((1, 4), np.float32), 2.9, None, "k 2.9 and threads 1, expected whole numbers"),
        (np.zeros((1, 4), np.float32), "a", None, "k 'a'"),
        (np.zeros((1, 4), np.float32), None, None, "k None"),
        (np.zeros((1, 4), np.float32), 1, ([0, 0], np.zeros(0, np.int32)), "got list and int32"),
        (np.zeros((1, 4), np.float32), 1, (np.zeros(2, np.int64), None), r"got int64 \[2\] and NoneType"),
        (np.zeros((1, 4), np.float32), 1, pairs([[]])[:1], r"got tuple of 1, expected \(indptr, items\)"),
        (np.zeros((1, 4), np.float32), 1, np.zeros((2, 2), np.int64), "got ndarray"),
        (np.zeros((1, 4), np.float32), 1, 7, "got int"),
        (np.zeros((1, 4), np.float32), 1, pairs([[], []]), "indptr of 3, expected 2"),
        (np.zeros((1, 4), np.float32), 1, pairs([[10]]), "outside 0 … 9"),
        (np.zeros((1, 4), np.float32), 1, pairs([[-1]]), "outside 0 … 9"),
        (np.zeros((1, 4), np.float32), 1, (np.array([0, 2]), np.zeros(1, np.int32)), "ascend"),
        (np.zeros((1, 4), np.float32), 1, (np.array([1, 0]), np.zeros(1, np.int32)), "ascend"),
        (np.zeros((1, 4), np.float32), 1, (np.array([0, 1]), np.zeros(1, np.int64)), "int64"),
    ],
)
def test_questions_that_make_no_sense_are_refused_at_the_door(index, asked, k, exclude, said):
    with pytest.raises(FewbitsError, match=said):
        index.search(asked, k, exclude)


@pytest.mark.parametrize("threads", [0, 1.5, "2", None])
def test_threads_that_are_no_whole_number_are_refused(index, threads):
    with pytest.raises(FewbitsError, match=f"threads {threads!r}, expected whole numbers of at least 1"):
        index.search(np.zeros((2, 4), np.float32), 1, threads=threads)


def test_whole_numbers_of_numpy_are_whole_numbers(index):
    hits = index.search(np.zeros((2, 4), np.float32), np.int32(3), threads=np.int64(2))
    assert hits.ids.shape == (2, 3)


def test_lists_of_a_data_set_are_given_as_their_arrays(index):
    lists, asked = ItemLists.from_pairs(np.zeros(9, int), np.arange(9), 1), np.zeros((1, 4), np.float32)
    assert index.search(asked, 2, (lists.indptr, lists.items)).ids.tolist() == [[9, -1]]
    with pytest.raises(FewbitsError, match=r"got ItemLists, expected \(indptr, items\)"):
        index.search(asked, 2, lists)
