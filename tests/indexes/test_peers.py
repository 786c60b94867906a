"""Other libraries' indexes in the place of ours: their lists, what they leave out, and their files."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine import indexes
from engine.codes import FloatCodes
from engine.codes import peers as extra
from engine.codes.peers import KINDS, PeerCodes
from engine.errors import FewbitsError
from engine.indexes.peers import FEWEST, _places
from tests import naive
from tests.indexes.samples import pairs
from tests.quantizers import tables

pytest.importorskip("faiss", reason="the extra 'peers' is not installed")
pytest.importorskip("usearch", reason="the extra 'peers' is not installed")
pytest.importorskip("hnswlib", reason="the extra 'peers' is not installed")

N, DIM = 600, 24
KNOBS = {"links": 16, "ef_build": 100, "ef_search": 64, "nprobe": 16, "subspaces": 8}
LEAST_OVERLAP = {"flat": 1.0, "sq8": 0.95, "sq4": 0.8, "pq": 0.5, "pqfastscan": 0.3, "binary": 0.0, "rabitq": 0.4,
                 "hnsw": 0.85, "ivf": 0.4, "usearch": 0.85, "hnswlib": 0.85}  # fmt: skip

every_kind = pytest.mark.parametrize("kind", KINDS)


def codes(kind, n=N, dim=DIM, **knobs):
    return PeerCodes(tables.items(n, dim), kind, {**KNOBS, **knobs})


@pytest.fixture(scope="module")
def built():
    return {kind: indexes.build(codes(kind), seed=5) for kind in KINDS}


def equal(one, two):
    return one.ids.tolist() == two.ids.tolist() and one.scores.tolist() == two.scores.tolist()


@every_kind
def test_lists_overlap_the_exact_ones_as_far_as_the_format_allows(built, kind):
    users = tables.users(40, DIM)
    hits = built[kind].search(users, 10)
    exact = built["flat"].search(users, 10)
    overlap = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(hits.ids, exact.ids, strict=True)])
    assert hits.ids.dtype == np.int32 and hits.scores.dtype == np.float32
    assert (np.diff(hits.scores, axis=1) <= 0).all()
    assert overlap >= LEAST_OVERLAP[kind]


def test_the_flat_peer_gives_our_own_exact_lists(built):
    users, items = tables.users(30, DIM), tables.items(N, DIM)
    hidden = pairs([list(range(0, N, 2))] * 30)
    ours = indexes.build(FloatCodes(items), seed=5).search(users, 20, hidden)
    theirs = built["flat"].search(users, 20, hidden)
    assert ours.ids.tolist() == theirs.ids.tolist()
    assert np.allclose(ours.scores, theirs.scores, rtol=1e-5)


def test_the_binary_peer_counts_equal_signs(built):
    users, items = tables.users(5, DIM), tables.items(N, DIM)
    hits = built["binary"].search(users, 7)
    signs = np.where(users >= 0, 1, -1) @ np.where(items >= 0, 1, -1).T
    assert (np.take_along_axis(signs, hits.ids, 1) == hits.scores).all()
    assert (hits.scores == -np.sort(-signs, axis=1)[:, :7]).all()


def test_items_of_equal_score_come_in_an_order_of_chance():
    items, user = np.ones((50, 8), np.float32), np.ones((1, 8), np.float32)
    hits = indexes.build(PeerCodes(items, "flat"), seed=3).search(user, 50)
    expected = naive.search(user, items, 50, [[]], 3)[0].tolist()
    assert hits.ids[0].tolist() in (expected[0], expected[0][::-1])  # faiss takes the later of two equal positions


@every_kind
def test_nobody_gets_what_they_have_and_lists_are_filled_all_the_same(built, kind):
    users = tables.users(20, DIM)
    first = built[kind].search(users, 30)
    hidden = [[*row, *row[:3]] for row in first.ids[:, ::2].tolist()]  # some of them twice, in the order of the lists
    hits = built[kind].search(users, 30, pairs(hidden))
    for row, out in zip(hits.ids, hidden, strict=True):
        assert not set(row) & set(out)
    if kind != "ivf":  # its cells hold only so many
        assert (hits.ids >= 0).all()


@every_kind
def test_lists_do_not_depend_on_the_batch_or_on_the_threads(built, kind):
    users = tables.users(12, DIM)
    hidden = pairs([list(range(7 * user)) for user in range(12)])
    together = built[kind].search(users, 15, hidden)
    assert equal(built[kind].search(users, 15, hidden, threads=2), together)
    for user in range(12):
        indptr = np.array([0, 7 * user], np.int64)
        alone = built[kind].search(users[user : user + 1], 15, (indptr, np.arange(7 * user, dtype=np.int32)))
        assert alone.ids[0].tolist() == together.ids[user].tolist()


@every_kind
def test_the_same_vectors_and_seed_give_the_same_index(built, kind):
    again, users = indexes.build(codes(kind), seed=5), tables.users(20, DIM)
    assert equal(again.search(users, 10), built[kind].search(users, 10))
    assert (again.arrays()["serialised"] == built[kind].arrays()["serialised"]).all()


@every_kind
def test_a_loaded_peer_gives_the_same_lists_at_the_bytes_of_its_file(built, kind, tmp_path):
    users = tables.users(20, DIM)
    indexes.save(built[kind], tmp_path / "index")
    loaded = indexes.load(tmp_path / "index")
    assert equal(loaded.search(users, 10), built[kind].search(users, 10))
    (serialised,) = loaded.arrays().values()
    assert loaded.nbytes == built[kind].nbytes == len(serialised) < (tmp_path / "index").stat().st_size


@every_kind
@pytest.mark.parametrize("n", [1, 5])
def test_few_items_are_listed_or_refused_in_the_librarys_words(kind, n):
    try:
        index = indexes.build(codes(kind, n))
    except FewbitsError as error:
        assert kind in ("pq", "pqfastscan") and "training points" in str(error)
        return
    hits = index.search(tables.users(3, DIM), 9, pairs([[], [0], list(range(n))]))
    assert [sorted(i for i in row if i >= 0) for row in hits.ids.tolist()] == [[*range(n)], [*range(1, n)], []]
    assert (hits.scores[hits.ids < 0] == -np.inf).all()


def test_a_graph_that_is_told_to_look_further_finds_more():
    users, items = tables.users(40, DIM), indexes.build(codes("flat", 3000))
    exact = items.search(users, 10).ids
    few, many = (indexes.build(codes("hnswlib", 3000, links=4, ef_search=ef)).search(users, 10).ids for ef in (1, 500))
    found = [sum(len(set(a) & set(b)) for a, b in zip(ids, exact, strict=True)) for ids in (few, many)]
    assert found[1] > found[0]


@pytest.mark.parametrize("kind", ["hnsw", "hnswlib", "usearch"])
def test_a_graph_that_reaches_few_items_leaves_places_missing(kind):
    index, users = indexes.build(codes(kind, links=2, ef_build=1, ef_search=1)), tables.users(6, DIM)
    hits = index.search(users, 500)
    for user, (ids, scores) in enumerate(zip(hits.ids, hits.scores, strict=True)):
        found = int((ids >= 0).sum())
        assert 0 < found < 500 and len(set(ids[:found])) == found
        assert (ids[found:] == -1).all() and (scores[found:] == -np.inf).all()
        assert index.search(users[user : user + 1], 500).ids[0].tolist() == ids.tolist()


def test_a_list_of_hnswlib_is_as_long_as_its_graph_reaches():
    index, users = indexes.build(codes("hnswlib", links=2, ef_build=1, ef_search=1)), tables.users(6, DIM)
    for user, ids in zip(users, index.search(users, 500).ids, strict=True):
        found = int((ids >= 0).sum())
        index.inner.index.knn_query(user[None], k=found, num_threads=1)
        with pytest.raises(RuntimeError):  # what it says where there are fewer
            index.inner.index.knn_query(user[None], k=found + 1, num_threads=1)


@pytest.mark.parametrize("threads", [0, 1.5, "2"])
def test_threads_that_are_no_whole_number_are_refused(built, threads):
    with pytest.raises(FewbitsError, match=f"threads {threads!r}, expected whole numbers"):
        built["flat"].search(tables.users(2, DIM), 3, threads=threads)


@pytest.mark.parametrize("wanted, n, places", [(20, 1000, FEWEST), (32, 1000, 32), (33, 1000, 64), (500, 100, 100)])
def test_more_is_asked_for_in_powers_of_two(wanted, n, places):
    assert _places(wanted, n) == places


@pytest.mark.parametrize("key, value", [
    ("n", "11"), ("dim", "200"), ("bits", "5"), ("seed", "-1"), ("kind", "annoy"), ("kind", None), ("knobs", "{"),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["flat", "binary", "hnsw", "usearch", "hnswlib"])
def test_metadata_that_do_not_fit_are_refused(built, kind, key, value, tmp_path):
    meta = {"format": indexes.INDEX_FORMAT, **built[kind].meta(), key: value}
    save_file(built[kind].arrays(), tmp_path / "index", {name: text for name, text in meta.items() if text is not None})
    with pytest.raises(FewbitsError, match="do not fit"):
        indexes.load(tmp_path / "index")


@every_kind
@pytest.mark.parametrize("kept", [0, 40, 1000])
def test_bytes_that_are_cut_off_are_refused(built, kind, kept, tmp_path):
    data = built[kind].arrays()["serialised"][:kept].copy()
    save_file({"serialised": data}, tmp_path / "index", {"format": indexes.INDEX_FORMAT, **built[kind].meta()})
    with pytest.raises(FewbitsError, match="do not fit"):
        indexes.load(tmp_path / "index")


def test_vectors_are_not_given_back(built):
    with pytest.raises(FewbitsError, match="make them again"):
        built["flat"].codes()


def test_users_keep_their_float_vectors(built):
    with pytest.raises(FewbitsError, match="takes no codes"):
        built["flat"].pack_queries(codes("flat", 3))


def test_no_items_an_unknown_kind_and_other_codes_are_refused():
    with pytest.raises(FewbitsError, match="got no items"):
        indexes.build(codes("flat", 0))
    with pytest.raises(FewbitsError, match="got 'annoy', expected one of flat"):
        codes("annoy")
    with pytest.raises(FewbitsError, match="values: got float64"):
        PeerCodes(np.zeros((1, 1)), "flat")
    with pytest.raises(FewbitsError, match="expected PeerCodes"):
        indexes.LAYOUTS["peer"].build(FloatCodes(np.zeros((1, 1), np.float32)))


def test_without_the_extra_building_and_loading_say_how_to_install_it(built, tmp_path, monkeypatch):
    indexes.save(built["flat"], tmp_path / "index")
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    for attempt in (lambda: indexes.build(codes("flat")), lambda: indexes.load(tmp_path / "index")):
        with pytest.raises(FewbitsError, match="pip install -e"):
            attempt()
