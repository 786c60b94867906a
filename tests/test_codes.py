"""What codes stand for, and what they cost."""

import numpy as np
import pytest

from engine.codes import Book, FloatCodes, LayeredBinaryCodes, ProductCodes, RerankedCodes, ScalarCodes
from engine.errors import FewbitsError


def test_levels_are_odd_multiples_of_the_rows_step():
    q = np.array([[0, 1, 2, 3], [3, 3, 0, 0]], np.uint8)
    codes = ScalarCodes(q, 2, np.array([1.0, 0.5], np.float16), 2.0)
    assert codes.decode().tolist() == [[-6, -2, 2, 6], [3, 3, -3, -3]]
    assert codes.decode().dtype == np.float32


def test_without_row_scale_every_row_has_the_unit():
    codes = ScalarCodes(np.array([[0], [255]], np.uint8), 8, None, 0.25)
    assert codes.decode().tolist() == [[-63.75], [63.75]]


@pytest.mark.parametrize(("bits", "row_bytes"), [(8, 9), (4, 5), (2, 3), (1, 2)])
def test_bytes_are_packed_rows_scales_and_unit(bits, row_bytes):
    q = np.zeros((10, 9), np.uint8)
    assert ScalarCodes(q, bits, None, 1.0).nbytes == 10 * row_bytes + 4
    assert ScalarCodes(q, bits, np.ones(10, np.float16), 1.0).nbytes == 10 * row_bytes + 20 + 4


def test_float_codes_cost_their_arrays():
    assert FloatCodes(np.zeros((3, 5), np.float32)).nbytes == 60
    assert FloatCodes(np.zeros((3, 5), np.float16)).nbytes == 30
    assert FloatCodes(np.zeros((3, 5), np.float16)).bits == 16


def test_rows_keep_their_kind_scale_and_order():
    codes = ScalarCodes(np.array([[0], [1], [1]], np.uint8), 1, np.array([0.5, 1, 0.25], np.float16), 4.0)
    part = codes.rows(np.array([2, 0]))
    assert isinstance(part, ScalarCodes)
    assert part.decode().tolist() == [[1], [-2]]
    assert FloatCodes(np.eye(3, dtype=np.float16)).rows(slice(1, 2)).values.tolist() == [[0, 1, 0]]


def test_a_step_below_half_precision_survives_relative_to_its_unit():
    codes = ScalarCodes(np.array([[1]], np.uint8), 1, np.array([1.0], np.float16), float(np.float32(1e-20)))
    assert codes.decode()[0, 0] == np.float32(1e-20)


@pytest.mark.parametrize(
    ("q", "bits", "scale", "unit", "said"),
    [
        (np.zeros((1, 1), np.int32), 8, None, 1.0, "q: got int32"),
        (np.zeros(3, np.uint8), 8, None, 1.0, "2 axes"),
        (np.full((1, 1), 4, np.uint8), 2, None, 1.0, "got 4, expected 0 … 3"),
        (np.zeros((1, 1), np.uint8), 3, None, 1.0, "bits: got 3"),
        (np.zeros((1, 1), np.uint8), 8, None, np.nan, "unit"),
        (np.zeros((1, 1), np.uint8), 8, None, 0.1, "float32"),
        (np.zeros((1, 1), np.uint8), 8, np.ones(2, np.float16), 1.0, "one for each of 1 rows"),
        (np.zeros((1, 1), np.uint8), 8, np.full(1, 1.5, np.float16), 1.0, "outside"),
        (np.zeros((1, 1), np.uint8), 8, np.full(1, np.nan, np.float16), 1.0, "outside"),
        (np.zeros((1, 1), np.uint8), 8, np.ones(1, np.float32), 1.0, "float32"),
    ],
)
def test_codes_that_break_their_promise_are_refused(q, bits, scale, unit, said):
    with pytest.raises(FewbitsError, match=said):
        ScalarCodes(q, bits, scale, unit)


def test_float_codes_of_another_dtype_are_refused():
    with pytest.raises(FewbitsError, match="got float64"):
        FloatCodes(np.zeros((1, 1)))


BOOK = Book(np.array([[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]], np.float32))  # M = 2, K = 3, w = 2
FLAT = Book(np.array([[[-1, -2, -3, -4], [0, 0, 0, 9]]], np.float32))  # M = 1, K = 2, w = 4


def test_product_codes_are_centroids_side_by_side():
    codes = ProductCodes(np.array([[0, 2], [1, 0]], np.uint8), (BOOK,))
    assert codes.decode().tolist() == [[0, 1, 10, 11], [2, 3, 6, 7]]
    assert (codes.n, codes.dim, codes.bits) == (2, 4, 2)
    halved = ProductCodes(codes.q, (BOOK,), row_scale=np.array([1, 0.25], np.float16), unit=2.0)
    assert halved.decode().tolist() == [[0, 2, 20, 22], [1, 1.5, 3, 3.5]]


def test_the_tail_is_read_by_its_own_book():
    codes = ProductCodes(np.array([[0, 2], [1, 0], [0, 0]], np.uint8), (BOOK, FLAT), np.array([False, True, True]))
    assert codes.decode().tolist() == [[0, 1, 10, 11], [0, 0, 0, 9], [-1, -2, -3, -4]]
    assert codes.rows(np.array([1])).decode().tolist() == [[0, 0, 0, 9]]


@pytest.mark.parametrize(("size", "bits"), [(2, 1), (3, 2), (4, 2), (5, 3), (64, 6), (200, 8), (256, 8)])
def test_a_book_has_the_bits_that_count_its_centroids(size, bits):
    assert Book(np.zeros((1, size, 1), np.float32)).bits == bits


def test_product_bytes_are_codes_centroids_flags_and_scales():
    one, two = np.zeros((9, 2), np.uint8), np.arange(9) > 0
    assert ProductCodes(one, (BOOK,)).nbytes == 9 * 1 + 4 * 12
    assert ProductCodes(one, (BOOK,), row_scale=np.ones(9, np.float16)).nbytes == 9 * 1 + 4 * 12 + 2 * 9 + 4
    assert ProductCodes(one, (BOOK, FLAT), two).nbytes == 1 * 1 + 8 * 1 + 4 * (12 + 8) + 2
    first = Book(BOOK.centroids[:, :2])
    assert ProductCodes(one, (BOOK, first), two, shared=True).nbytes == 9 * 1 + 4 * 12 + 2


def test_a_tenth_of_256_and_the_rest_of_64_centroids_take_19_percent():
    # MGQE's figure at D = d = 64: (0.1 * 8 + 0.9 * 6) bits of 32, beside the book and one flag a row
    head, n = Book(np.random.default_rng(0).normal(size=(64, 256, 1)).astype(np.float32)), 1000
    tail, books = np.arange(n) >= n // 10, (head, Book(head.centroids[:, :64]))
    codes = ProductCodes(np.zeros((n, 64), np.uint8), books, tail, shared=True)
    assert (codes.nbytes - head.centroids.nbytes - n // 8) / (4 * 64 * n) == pytest.approx(0.194, abs=5e-4)
    plain = ProductCodes(np.zeros((n, 64), np.uint8), (head,))
    assert (plain.nbytes - head.centroids.nbytes) / (4 * 64 * n) == 0.25


def test_layers_stand_side_by_side_with_weight_and_scale():
    q, scale = np.array([[[0, 1], [1, 1]]], np.uint8), np.array([[1, 0.5]], np.float16)
    weights = np.array([1, 3], np.float32)
    assert LayeredBinaryCodes(q, None, 1.0, weights).decode().tolist() == [[-1, 1, 3, 3]]
    codes = LayeredBinaryCodes(q, scale, 2.0, weights)
    assert codes.decode().tolist() == [[-2, 2, 3, 3]]
    assert (codes.n, codes.dim, codes.bits, codes.layers) == (1, 4, 1, 2)
    assert codes.rows(np.array([0, 0])).decode().tolist() == [[-2, 2, 3, 3]] * 2


def test_layered_bytes_are_packed_layers_scales_and_weights():
    q, weights = np.zeros((10, 3, 9), np.uint8), np.ones(3, np.float32)
    assert LayeredBinaryCodes(q, None, 1.0, weights).nbytes == 10 * 3 * 2 + 12
    assert LayeredBinaryCodes(q, np.ones((10, 3), np.float16), 1.0, weights).nbytes == 10 * 3 * 2 + 2 * 30 + 4 + 12


def test_three_layers_of_256_bits_are_ten_times_smaller_than_floats():
    n = 1000
    q, scale = np.zeros((n, 3, 256), np.uint8), np.ones((n, 3), np.float16)
    codes = LayeredBinaryCodes(q, scale, 1.0, np.ones(3, np.float32))
    assert 4 * 256 * n / codes.nbytes == pytest.approx(10.0, abs=0.05)


def test_two_stages_cost_both_and_mean_the_exact_vectors():
    first = ScalarCodes(np.array([[1, 0], [0, 0]], np.uint8), 1, None, 1.0)
    codes = RerankedCodes(first, FloatCodes(np.array([[5, 6, 7], [8, 9, 10]], np.float32)), 500)
    assert codes.nbytes == (2 * 1 + 4) + 4 * 6 + 4
    assert codes.rows(slice(1, 2)).decode().tolist() == [[0, 0, 8, 9, 10]]
    assert (codes.n, codes.dim, codes.bits) == (2, 5, 1)


Q, ONE = np.zeros((3, 2), np.uint8), np.array([True, False, False])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Book(np.zeros((1, 2, 3))), "centroids: got float64"),
        (lambda: Book(np.zeros((1, 257, 3), np.float32)), "2 … 256"),
        (lambda: Book(np.full((1, 2, 3), np.inf, np.float32)), "infinite"),
        (lambda: ProductCodes(Q, (BOOK, Book(np.zeros((2, 2, 1), np.float32))), ONE), "equal dimension"),
        (lambda: ProductCodes(Q[:, :1], (BOOK,)), "got 1 codes a row, expected 2"),
        (lambda: ProductCodes(Q + np.uint8(3), (BOOK,)), "got codes up to 3"),
        (lambda: ProductCodes(Q + np.uint8(1), (BOOK, FLAT), ONE), "0 behind the last subspace"),
        (lambda: ProductCodes(Q, (BOOK,), ONE), "tail: got"),
        (lambda: ProductCodes(Q, (BOOK, FLAT)), "tail: got None"),
        (lambda: ProductCodes(Q, (BOOK, FLAT), ONE[:2]), "got 2 flags"),
        (lambda: ProductCodes(Q, (BOOK, Book(BOOK.centroids[:, 1:])), ONE, shared=True), "the first of the head's"),
        (lambda: ProductCodes(Q, (BOOK,), unit=2.0), "without row_scale"),
        (lambda: ProductCodes(Q, (BOOK,), row_scale=np.ones(2, np.float16)), "one for each of 3 rows"),
        (
            lambda: LayeredBinaryCodes(Q[None] + np.uint8(2), None, 1.0, np.ones(3, np.float32)),
            "got 2, expected 0 and 1",
        ),
        (lambda: LayeredBinaryCodes(Q[None], None, 1.0, np.ones(2, np.float32)), "each of 3 layers"),
        (lambda: LayeredBinaryCodes(Q[None], None, 0.5, np.ones(3, np.float32)), "without row_scale"),
        (
            lambda: LayeredBinaryCodes(Q[None], np.ones((1, 2), np.float16), 1.0, np.ones(3, np.float32)),
            "row_scale: got",
        ),
        (lambda: RerankedCodes(ProductCodes(Q, (BOOK,)), FloatCodes(np.zeros((2, 2), np.float32)), 5), "got 2 rows"),
        (lambda: RerankedCodes(ProductCodes(Q, (BOOK,)), FloatCodes(np.zeros((3, 2), np.float32)), 0), "depth: got 0"),
        (lambda: RerankedCodes(ProductCodes(Q, (BOOK,)), FloatCodes(np.zeros((3, 2), np.float16)), 5), "float32"),
        (lambda: RerankedCodes(None, FloatCodes(np.zeros((3, 2), np.float32)), 5), "codes of one stage"),
    ],
)
def test_books_groups_layers_and_stages_that_do_not_fit_are_refused(make, said):
    with pytest.raises(FewbitsError, match=said):
        make()
