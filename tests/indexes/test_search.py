"""Every kind of codes, through the layout that stores it, against the naive search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import indexes
from engine.codes import FloatCodes, RerankedCodes, ScalarCodes
from engine.errors import FewbitsError
from engine.indexes import simd
from tests import naive
from tests.indexes.samples import KINDS, pairs, product, queries, rough

every_kind = pytest.mark.parametrize("kind", KINDS)


def same(hits, expected):
    ids, scores = expected
    assert hits.ids.dtype == np.int32 and hits.scores.dtype == np.float32
    assert hits.ids.tolist() == ids.tolist()
    assert hits.scores.tolist() == scores.tolist()


def test_every_layout_stores_one_of_the_kinds():
    rng = np.random.default_rng(0)
    built = {indexes.build(make(2, 3, rng)).layout for make in KINDS.values()}
    assert built == set(indexes.LAYOUTS) - {"peer"}  # other libraries' lists are their own: test_peers.py


@every_kind
@given(
    n=st.integers(0, 40),
    dim=st.integers(1, 130),
    k=st.integers(1, 50),
    spread=st.sampled_from([0, 1, 255]),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_lists_are_the_naive_ones(kind, n, dim, k, spread, seed, data):
    # spread 0 and 1 make nearly everything a tie; n < k and n = 0 leave places missing
    rng = np.random.default_rng(seed)
    items, users = KINDS[kind](n, dim, rng, spread), KINDS[kind](3, dim, rng)
    hidden = [data.draw(st.lists(st.integers(0, n - 1), max_size=n + 2)) for _ in range(3)] if n else [[], [], []]
    index = indexes.build(items, seed)
    asked = queries(3, dim, rng)
    same(index.search(asked, k, pairs(hidden)), naive.search(asked, items.decode(), k, hidden, seed))
    own = index.search(index.pack_queries(users), k, pairs(hidden))
    same(own, naive.search(users.decode(), items.decode(), k, hidden, seed))


@every_kind
def test_lists_are_the_naive_ones_across_blocks(kind):
    rng = np.random.default_rng(1)
    n = 257 * simd.ITEMS + 13  # more blocks than are read at a time; the last is not full
    items, asked = KINDS[kind](n, 9, rng), queries(2, 9, rng)
    hidden = [[], rng.permutation(n)[: n // 2].tolist()]
    same(indexes.build(items, 3).search(asked, 30, pairs(hidden)), naive.search(asked, items.decode(), 30, hidden, 3))


@every_kind
def test_a_list_can_be_as_long_as_the_catalogue(kind):
    rng = np.random.default_rng(2)
    items, asked = KINDS[kind](300, 5, rng), queries(1, 5, rng)
    same(indexes.build(items).search(asked, 300), naive.search(asked, items.decode(), 300))


@every_kind
def test_nothing_is_left_when_everything_is_excluded(kind):
    rng = np.random.default_rng(3)
    hits = indexes.build(KINDS[kind](20, 4, rng)).search(queries(1, 4, rng), 3, pairs([list(range(20))]))
    assert hits.ids.tolist() == [[-1, -1, -1]]
    assert np.isneginf(hits.scores).all()


@every_kind
def test_threads_and_batches_change_nothing(kind):
    rng = np.random.default_rng(4)
    items, users = KINDS[kind](1500, 17, rng), KINDS[kind](7, 17, rng)
    index, hidden = indexes.build(items), [rng.permutation(1500)[: 10 * b].tolist() for b in range(7)]
    for asked in (queries(7, 17, rng), index.pack_queries(users)):
        whole = index.search(asked, 20, pairs(hidden))
        split = index.search(asked, 20, pairs(hidden), threads=2)
        single = [index.search(asked[b : b + 1], 20, pairs([hidden[b]])) for b in range(7)]
        for other in (split.ids, np.concatenate([hits.ids for hits in single])):
            assert (other == whole.ids).all()
        for other in (split.scores, np.concatenate([hits.scores for hits in single])):
            assert (other == whole.scores).all()


@pytest.mark.parametrize("threads", [1, 2])
@every_kind
def test_no_queries_have_no_lists(kind, threads):
    rng = np.random.default_rng(4)
    items, users = (KINDS[kind](n, 5, rng) for n in (20, 0))
    index = indexes.build(items)
    for asked in (queries(0, 5, rng), index.pack_queries(users)):
        hits = index.search(asked, 3, threads=threads)
        assert hits.ids.shape == hits.scores.shape == (0, 3)


@every_kind
def test_scores_are_decode_then_dot_up_to_rounding(kind):
    rng = np.random.default_rng(5)
    dim = 66
    items, users = (rough(KINDS[kind](n, dim, rng), rng) for n in (500, 4))
    index, asked = indexes.build(items), rng.normal(size=(4, dim)).astype(np.float32)
    for vectors, hits in (
        (asked, index.search(asked, 20)),
        (users.decode(), index.search(index.pack_queries(users), 20)),
    ):
        exact = vectors.astype(np.float64) @ items.decode().astype(np.float64).T
        tolerance = 1e-6 * np.linalg.norm(vectors, axis=1).max() * np.linalg.norm(items.decode(), axis=1).max()
        assert np.abs(hits.scores - np.take_along_axis(exact, hits.ids, 1)).max() < tolerance
        assert np.abs(hits.scores - -np.sort(-exact)[:, :20]).max() < tolerance


@pytest.mark.parametrize("bits", [8, 4, 2, 1])
def test_integer_order_is_the_decoded_order(bits):
    # what symmetric levels are for: 2q - M, not q, so that integer products rank like de-quantized ones
    rng = np.random.default_rng(6)
    items = ScalarCodes(rng.integers(0, 1 << bits, (50, 33)).astype(np.uint8), bits, None, float(np.float32(0.1)))
    users = ScalarCodes(rng.integers(0, 1 << bits, (5, 33)).astype(np.uint8), bits, None, float(np.float32(0.3)))
    whole = 2 * items.q.astype(int) - (1 << bits) + 1, 2 * users.q.astype(int) - (1 << bits) + 1
    index = indexes.build(items, 9)
    assert (
        index.search(index.pack_queries(users), 50).ids.tolist()
        == naive.search(whole[1], whole[0], 50, seed=9)[0].tolist()
    )


def test_integer_order_of_layers_is_the_decoded_order():
    rng = np.random.default_rng(6)
    items, users = (KINDS["layered"](n, 99, rng) for n in (60, 5))
    squares = np.rint(16 * items.weights**2).astype(int)  # 1, 4, 16: whole numbers have no rounding to hide behind
    signs = [(2 * codes.q.astype(int) - 1) for codes in (users, items)]
    whole = np.einsum("uld,ild,l->ui", *signs, squares)
    index, decoded = indexes.build(items, 9), naive.search(users.decode(), items.decode(), 60, seed=9)[0].tolist()
    assert index.search(index.pack_queries(users), 60).ids.tolist() == decoded
    assert naive.search(np.eye(5), whole.T, 60, seed=9)[0].tolist() == decoded


@pytest.mark.parametrize("first", ["float16", "1 bits, scaled", "product, a tail of the same book", "layered"])
def test_only_what_the_first_stage_finds_is_ranked_again(first):
    rng = np.random.default_rng(10)
    (coarse, exact), (users, vectors) = ((KINDS[first](n, 12, rng), KINDS["float32"](n, 7, rng, 2)) for n in (300, 3))
    hidden = [[], list(range(0, 300, 2)), list(range(295))]
    index = indexes.build(RerankedCodes(coarse, exact, 25), 4)
    asked = np.hstack([queries(3, 12, rng), vectors.values])
    for k in (8, 40):  # the longer list needs as many candidates as it has places
        found = naive.search(asked[:, :12], coarse.decode(), max(k, 25), hidden, 4)[0]
        same(index.search(asked, k, pairs(hidden)), naive.rerank(asked[:, 12:], exact.values, found, k, 4))
        found = naive.search(users.decode(), coarse.decode(), max(k, 25), hidden, 4)[0]
        own = index.pack_queries(RerankedCodes(users, vectors, 25))
        same(index.search(own, k, pairs(hidden)), naive.rerank(vectors.values, exact.values, found, k, 4))


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("dim", [1, 7, 8, 30])
def test_product_codes_of_any_bits_and_number_are_looked_up(bits, dim):
    rng = np.random.default_rng(11)
    items, asked = product(1 << bits)(70, dim, rng), queries(2, dim, rng)
    same(indexes.build(items).search(asked, 70), naive.search(asked, items.decode(), 70))


def test_users_may_have_other_books_than_the_items():
    rng = np.random.default_rng(12)
    items = KINDS["product"](80, 12, rng)
    for kind in ("product, scaled", "product, a tail of the same book", "product, a tail of another book"):
        index, users = indexes.build(items), KINDS[kind](6, 12, rng)
        same(index.search(index.pack_queries(users), 80), naive.search(users.decode(), items.decode(), 80))


def test_integer_sums_do_not_overflow_at_the_widest():
    dim = indexes.scalar.MAX_DIM
    codes = ScalarCodes(np.full((1, dim), 255, np.uint8), 8, None, 1.0)
    index = indexes.build(codes)
    assert index.search(index.pack_queries(codes), 1).scores[0, 0] == np.float32(255 * 255 * dim)
    with pytest.raises(FewbitsError, match="at most"):
        indexes.build(ScalarCodes(np.zeros((1, dim + 1), np.uint8), 8, None, 1.0))


def test_another_seed_breaks_ties_otherwise_and_changes_nothing_else():
    codes = FloatCodes(np.ones((100, 2), np.float32))
    asked = np.ones((1, 2), np.float32)
    one, two = (indexes.build(codes, seed).search(asked, 10).ids[0].tolist() for seed in (1, 2))
    assert one != two
    distinct = FloatCodes(np.arange(100, dtype=np.float32)[:, None])
    for seed in (1, 2):
        assert indexes.build(distinct, seed).search(asked[:, :1], 3).ids.tolist() == [[99, 98, 97]]


def test_arrays_that_kernels_cannot_take_as_they_are_give_the_same_lists():
    rng = np.random.default_rng(7)
    index, asked = indexes.build(KINDS["8 bits"](60, 6, rng)), queries(4, 6, rng)
    indptr, items = pairs([[1, 2], [], [3], []])
    expected = index.search(asked, 5, (indptr, items)).ids
    frozen = asked.copy()
    frozen.flags.writeable = items.flags.writeable = indptr.flags.writeable = False
    assert (index.search(frozen, 5, (indptr, items)).ids == expected).all()
    assert (index.search(np.asfortranarray(asked), 5, (indptr, items)).ids == expected).all()
    # a slice of longer lists: indptr does not start at 0
    assert (index.search(asked[2:], 5, (indptr[2:], items)).ids == expected[2:]).all()


@every_kind
def test_codes_of_another_kind_are_refused_as_queries(kind):
    rng = np.random.default_rng(8)
    index = indexes.build(KINDS[kind](10, 4, rng))
    with pytest.raises(FewbitsError, match="expected the items' own"):
        index.pack_queries(KINDS[kind](10, 5, rng))
    other = KINDS["4 bits" if "8" in kind else "8 bits"](10, 4, rng)
    with pytest.raises(FewbitsError, match="expected the items' own"):
        index.pack_queries(other)
    with pytest.raises(FewbitsError, match="pack them with this index"):
        index.search(indexes.build(other).pack_queries(other), 1)
