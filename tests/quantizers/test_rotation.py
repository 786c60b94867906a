"""Signs after a rotation: what is learned, what the scales promise, and what is kept of the lists."""

import numpy as np
import pytest

from engine.errors import FewbitsError
from engine.quantizers.rotation import learned_rotation, random_rotation, rotated
from tests.quantizers import tables
from tests.quantizers.kept import fitted, method, overlap


def rng(seed=0):
    return np.random.default_rng(seed)


def test_rotations_are_orthogonal_and_follow_the_seed():
    for rotation in (random_rotation(17, rng()), learned_rotation(tables.items(200, 17), 5, rng())):
        assert np.allclose(rotation @ rotation.T, np.eye(17), atol=1e-6)
    assert (random_rotation(5, rng(1)) == random_rotation(5, rng(1))).all()
    assert not np.allclose(random_rotation(5, rng(1)), random_rotation(5, rng(2)))


@pytest.mark.parametrize("seed", range(5))
def test_a_turned_square_is_turned_back(seed):
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) @ random_rotation(2, rng(seed))
    found = corners @ learned_rotation(corners.astype(np.float32), 50, rng(9))
    assert np.allclose(np.abs(found), 1, atol=1e-5)  # which axis and which sign cannot be told


def test_each_turn_brings_vectors_nearer_to_their_signs():
    vectors = tables.items(300, 16)

    def error(rounds):
        z = vectors @ learned_rotation(vectors, rounds, rng())
        scale = np.abs(vectors).max()  # the objective of the learning: vectors relative to a power of two above this
        return ((np.where(z >= 0, 1, -1) - z / 2 ** np.ceil(np.log2(scale))) ** 2).sum()

    errors = [error(rounds) for rounds in (0, 1, 2, 5, 50)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0]


def test_the_scale_of_rabitq_gives_a_vectors_product_with_itself_exactly():
    items = tables.items(100, 24)
    method = fitted("rabitq", 1, items)
    stored, turned = method.codes([items], "item").decode(), method.vectors([items], "item")
    assert np.allclose((stored * turned).sum(axis=1), (items**2).sum(axis=1), rtol=2e-3)  # float16 scales


def test_products_estimated_by_rabitq_are_right_on_average_and_those_of_lsh_too_small():
    items, users = tables.items(200, 32), tables.users(40, 32)
    exact = users @ items.T

    def slope(name):
        estimates = []
        for seed in range(12):
            method = fitted(name, 1, items, users, seed=seed)
            estimates.append(method.vectors([users], "user") @ method.codes([items], "item").decode().T)
        return (np.mean(estimates, axis=0) * exact).sum() / (exact**2).sum()

    assert slope("rabitq") == pytest.approx(1, abs=0.02)
    assert slope("lsh") < 0.75  # 2 / pi for long vectors


@pytest.mark.parametrize("name", ["lsh", "itq"])
def test_a_scale_is_the_mean_size_and_without_one_every_entry_is_one(name):
    items = tables.items(60, 16)
    method = fitted(name, 1, items)
    expected = np.abs(method.vectors([items], "item")).mean(axis=1)
    assert np.allclose(method.codes([items], "item").steps(), expected, rtol=1e-3)
    plain = fitted(name, 1, items, scale="none").codes([items], "item")
    assert plain.row_scale is None and set(np.unique(plain.decode())) == {-1, 1}


def test_both_tables_are_turned_by_the_rotation_that_the_items_taught():
    items, users = tables.items(100, 16), tables.users(20, 16)
    one, two = fitted("itq", 1, items, users), fitted("itq", 1, items, 3 * users[::-1])
    assert (one.rotation == two.rotation).all()


def test_what_float32_cannot_hold_stays_its_largest_number():
    edge = np.full((2, 4), 3e38, np.float32)
    assert np.isfinite(rotated(edge, random_rotation(4, rng()))).all()


@pytest.mark.parametrize("name", ["lsh", "itq", "rabitq", "opq"])
def test_coding_before_fitting_is_refused_with_the_remedy(name):
    with pytest.raises(FewbitsError, match="call fit with both tables before"):
        method(name, 8 if name == "opq" else 1).codes([tables.items(9, 16)], "item")


def test_a_learned_rotation_keeps_more_than_a_random_one_and_a_scale_more_than_none():
    assert overlap("itq", 1) > overlap("lsh", 1) + 0.02
    assert overlap("itq", 1, own=True) > overlap("lsh", 1, own=True) + 0.02
    assert overlap("itq", 1) > overlap("itq", 1, scale="none") + 0.2
