"""k-means in sub-spaces: known centroids are found, and tables that have too little to find them in are survived."""

import numpy as np
import pytest

from engine.errors import FewbitsError
from engine.quantizers.kmeans import SAMPLE_ROWS, improved, kmeans_books, nearest


def rng(seed=0):
    return np.random.default_rng(seed)


def decode(vectors, books):
    codes = nearest(vectors, books)
    return np.concatenate([book[codes[:, m]] for m, book in enumerate(books)], axis=1)


def test_each_part_gets_the_centroid_that_is_nearest_by_squared_distance():
    vectors, books = rng().normal(size=(70, 6)).astype(np.float32), rng(1).normal(size=(3, 5, 2)).astype(np.float32)
    parts = vectors.reshape(70, 3, 1, 2).astype(float)
    slow = ((parts - books[None]) ** 2).sum(axis=3).argmin(axis=2)
    assert (nearest(vectors, books) == slow).all() and nearest(vectors, books).dtype == np.uint8


def test_of_equally_near_centroids_the_first_is_taken():
    books = np.array([[[1], [-1], [1]]], np.float32)
    assert nearest(np.array([[0], [2], [-2]], np.float32), books).tolist() == [[0], [0], [1]]


def test_well_separated_groups_become_the_centroids_even_from_a_bad_start():
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    vectors = np.repeat(centres, 50, axis=0) + rng().normal(size=(200, 2)).astype(np.float32) * 0.1
    bad = np.full((1, 4, 2), 3, np.float32)  # all at one place: three have no rows and must move
    found = improved(vectors, bad, 20)[0]
    assert sorted(found.round().tolist()) == sorted(centres.tolist())


def test_as_many_different_rows_as_centroids_are_kept_exactly():
    grid = np.stack(np.meshgrid(np.arange(8), np.arange(8)), axis=-1).reshape(-1, 2).astype(np.float32)  # 64 rows
    assert (decode(grid, kmeans_books(grid, 2, 8, 20, rng())) == grid).all()  # 8 different numbers in each part
    few = rng().normal(size=(5, 4)).astype(np.float32)
    books = kmeans_books(few, 2, 16, 10, rng())
    assert books.shape == (2, 16, 2) and (decode(few, books) == few).all()


def test_more_turns_and_more_centroids_lower_the_error():
    vectors = rng().normal(size=(500, 8)).astype(np.float32)

    def error(centroids, rounds):
        return ((vectors - decode(vectors, kmeans_books(vectors, 4, centroids, rounds, rng()))) ** 2).sum()

    assert error(16, 20) < error(16, 2) < error(16, 0)
    assert error(32, 20) < 0.8 * error(16, 20)


def test_centroids_are_weighted_means_and_rows_without_weight_do_not_count():
    vectors, weights = np.array([[0], [1], [4]], np.float32), np.array([1.0, 3.0, 0.0])
    assert kmeans_books(vectors, 1, 1, 5, rng(), weights)[0, 0, 0] == pytest.approx(0.75)
    assert np.isfinite(kmeans_books(vectors, 1, 2, 5, rng(), np.zeros(3))).all()


def test_equal_seeds_give_equal_books_and_the_tables_size_is_no_matter():
    vectors = rng().normal(size=(300, 4)).astype(np.float32)
    one = kmeans_books(vectors, 2, 16, 10, rng())
    assert (one == kmeans_books(vectors, 2, 16, 10, rng())).all()
    for power in (-100, 100):  # squares of such numbers are not in float32
        assert (np.ldexp(one, power) == kmeans_books(np.ldexp(vectors, power), 2, 16, 10, rng())).all()


@pytest.mark.parametrize("edge", [0, 1e-44, 3e38])
def test_odd_tables_give_finite_books(edge):
    for rows in (0, 1, 7):
        vectors = np.full((rows, 4), edge, np.float32)
        vectors[::2] *= -1
        books = kmeans_books(vectors, 2, 4, 5, rng())
        assert books.shape == (2, 4, 2) and np.isfinite(books).all()
        assert (decode(vectors, books) == vectors).all()


def test_large_tables_are_sampled():
    vectors = np.tile(rng().normal(size=(9, 2)).astype(np.float32), (SAMPLE_ROWS // 8, 1))
    books = kmeans_books(vectors, 1, 16, 3, rng())
    assert np.abs(decode(vectors[:9], books) - vectors[:9]).max() == pytest.approx(0, abs=1e-5)


def test_what_does_not_divide_is_refused_with_the_divisors():
    with pytest.raises(FewbitsError, match="subspaces: got 8, expected a divisor of the 13 dimensions: 1, 13"):
        kmeans_books(np.zeros((3, 13), np.float32), 8, 4, 1, rng())
    with pytest.raises(FewbitsError, match="centroids: got 257, expected 1 … 256"):
        kmeans_books(np.zeros((3, 4), np.float32), 2, 257, 1, rng())
