"""Product codes: exact where the centroids suffice, nearest elsewhere, and what scale, weights and rotation add."""

import numpy as np
import pytest

from engine.errors import FewbitsError
from engine.quantizers.product import balanced_directions
from engine.quantizers.rotation import random_rotation
from tests.quantizers import tables
from tests.quantizers.kept import fitted, method, overlap

both = pytest.mark.parametrize("name", ["pq", "opq"])
PLAIN = {"scale": "none", "weights": "equal"}


def error(vectors, name, bits=4, **options):
    coder = fitted(name, bits, vectors, **options)
    away = coder.vectors([vectors], "item") - coder.codes([vectors], "item").decode()
    return float((away.astype(float) ** 2).sum())


@both
def test_a_table_of_no_more_rows_than_centroids_is_stored_exactly(name):
    items = tables.items(16, 24)
    for options in (PLAIN, {"scale": "row"}):
        coder = fitted(name, 4, items, **options)
        stored, turned = coder.codes([items], "item").decode(), coder.vectors([items], "item")
        assert np.allclose(stored, turned, rtol=2e-3, atol=1e-4)


@both
def test_users_have_centroids_of_their_own(name):
    items, users = tables.items(200, 24), tables.users(16, 24) * np.float32(50)
    coder = fitted(name, 4, items, users, **PLAIN)
    assert np.allclose(coder.codes([users], "user").decode(), coder.vectors([users], "user"), rtol=1e-4, atol=1e-3)


@both
@pytest.mark.parametrize(("bits", "size"), [(8, 256), (4, 16)])
def test_bits_and_subspaces_say_how_many_centroids_there_are(name, bits, size):
    items = tables.items(60, 24)
    codes = fitted(name, bits, items, subspaces=8).codes([items], "item")
    assert codes.q.shape == (60, 8) and codes.books[0].centroids.shape == (8, size, 3)
    assert codes.nbytes == 60 * 8 * bits // 8 + 4 * size * 24 + 2 * 60 + 4
    assert fitted(name, bits, items, subspaces=8, scale="none").codes([items], "item").row_scale is None


def test_a_rows_scale_makes_its_product_with_itself_exact():
    items = tables.items(300, 24)
    coder = fitted("pq", 4, items)
    products = (coder.codes([items], "item").decode() * items).sum(axis=1)
    assert np.allclose(products, (items**2).sum(axis=1), rtol=2e-3)


def test_a_row_that_fits_no_centroid_does_not_take_the_others_scales():
    items = np.tile(np.eye(8, dtype=np.float32)[0], (300, 1))
    items[7] = -items[7]
    coder = fitted("pq", 4, items)
    coder.books["item"][:] = np.eye(8, dtype=np.float32)[0].reshape(8, 1, 1)  # -x is nowhere near
    codes = coder.codes([items], "item")
    assert codes.unit == pytest.approx(2)
    assert np.allclose(codes.decode()[[0, 8]], items[[0, 8]], atol=1e-3)


def test_where_long_items_count_more_they_are_stored_better():
    items = tables.items(2000, 24)

    def head(weights):
        codes = fitted("pq", 4, items, scale="none", weights=weights).codes([items], "item")
        return ((items - codes.decode())[:100] ** 2).sum()

    assert head("norm") < 0.8 * head("equal")


def test_principal_directions_are_dealt_so_that_the_parts_are_alike():
    variances = np.array([16.0, 8, 4, 2, 1, 0.5])
    turn = random_rotation(6, np.random.default_rng(0))
    directions = balanced_directions(turn @ np.diag(variances) @ turn.T, 3)
    along = np.einsum("di,de,ei->i", directions, turn @ np.diag(variances) @ turn.T, directions)
    assert sorted(along.reshape(3, 2).prod(axis=1)) == pytest.approx([8, 8, 8])
    assert np.isfinite(balanced_directions(np.zeros((4, 4)), 2)).all()


def test_a_rotation_helps_where_dimensions_are_of_unlike_size():
    vectors = np.random.default_rng(0).normal(size=(600, 16)).astype(np.float32) * (1 + np.arange(16)) ** -1.5
    vectors = vectors.astype(np.float32)
    assert error(vectors, "opq", **PLAIN) < 0.7 * error(vectors, "pq", **PLAIN)


@both
def test_a_number_of_subspaces_that_does_not_divide_is_refused(name):
    with pytest.raises(FewbitsError, match="subspaces: got 8, expected a divisor of the 13 dimensions: 1, 13"):
        fitted(name, 8, tables.items(20, 13))
    with pytest.raises(FewbitsError, match="option 'subspaces' of .*pq: got 0"):
        method(name, 8, subspaces=0)


def test_coding_before_fitting_is_refused_with_the_remedy():
    with pytest.raises(FewbitsError, match="call fit with both tables before"):
        method("pq", 8).codes([tables.items(9, 16)], "item")


def test_lists_are_kept_better_with_more_parts_a_scale_and_weights():
    few = overlap("pq", 4, subspaces=16)
    assert overlap("pq", 4, subspaces=32) > few + 0.05
    assert few > overlap("pq", 4, subspaces=16, scale="none") + 0.02
    assert overlap("pq", 4, subspaces=16, scale="none") > overlap("pq", 4, subspaces=16, **PLAIN)
