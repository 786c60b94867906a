"""Saved indexes and queries come back as they were, and files that are no such thing are refused with a sentence."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from engine import indexes
from engine.codes import ScalarCodes
from engine.errors import FewbitsError
from tests.indexes.samples import KINDS, pairs, queries

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("n", [0, 70])
def test_a_loaded_index_gives_the_same_lists_at_the_same_bytes(kind, n, tmp_path):
    rng = np.random.default_rng(0)
    index, path = indexes.build(KINDS[kind](n, 21, rng), seed=5), tmp_path / "index"
    indexes.save(index, path)
    loaded = indexes.load(path)
    assert loaded.nbytes == index.nbytes
    assert sum(a.nbytes for a in load_file(path).values()) == index.nbytes - (0 if index.unit is None else 4)
    hidden = pairs([list(range(0, n, 2)), []])
    for asked in (queries(2, 21, rng), index.pack_queries(KINDS[kind](2, 21, rng))):
        before, after = index.search(asked, 9, hidden), loaded.search(asked, 9, hidden)
        assert (before.ids == after.ids).all() and (before.scores == after.scores).all()


@every_kind
def test_loaded_queries_ask_the_same(kind, tmp_path):
    rng = np.random.default_rng(1)
    index, path = indexes.build(KINDS[kind](70, 21, rng)), tmp_path / "queries"
    for asked in (queries(3, 21, rng), index.pack_queries(KINDS[kind](3, 21, rng))):
        indexes.save_queries(asked, path)
        assert sum(a.nbytes for a in load_file(path).values()) == asked.nbytes
        assert (index.search(indexes.load_queries(path), 5).scores == index.search(asked, 5).scores).all()


def test_a_rotation_comes_back_exactly_and_what_is_none_is_refused(tmp_path):
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    indexes.save_turn(turn, tmp_path / "turn")
    assert np.array_equal(indexes.load_turn(tmp_path / "turn"), turn)
    indexes.save_queries(np.ones((2, 3), np.float32), tmp_path / "queries")
    save_file({"turn": np.ones((2, 3))}, tmp_path / "flat", {"format": "fewbits-turn-1"})
    for name, words in (("queries", "expected 'fewbits-turn-1'"), ("flat", r"got shape \[2, 3\]"), ("none", "save it")):
        with pytest.raises(FewbitsError, match=words):
            indexes.load_turn(tmp_path / name)


def test_a_unit_comes_back_exactly(tmp_path):
    unit = float(np.float32(0.1))
    indexes.save(indexes.build(ScalarCodes(np.zeros((1, 1), np.uint8), 8, None, unit)), tmp_path / "index")
    assert indexes.load(tmp_path / "index").unit == unit


@pytest.mark.parametrize("length", [0, 7, 60, -1])
def test_a_truncated_file_is_refused(length, tmp_path):
    path = tmp_path / "index"
    indexes.save(indexes.build(KINDS["8 bits"](10, 4, np.random.default_rng(0))), path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(FewbitsError, match="no readable safetensors file"):
        indexes.load(path)


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(FewbitsError, match="nowhere"):
        indexes.load(tmp_path / "nowhere")
    save_file({"values": np.zeros((2, 2), np.float32)}, tmp_path / "other")
    with pytest.raises(FewbitsError, match="got format None"):
        indexes.load(tmp_path / "other")
    with pytest.raises(FewbitsError, match="got format None"):
        indexes.load_queries(tmp_path / "other")


@every_kind
@pytest.mark.parametrize(
    ("key", "value"),
    [("n", "11"), ("dim", "200"), ("bits", "5"), ("bits", "x"), ("seed", "-1"), ("layout", "cubic"), ("n", None)],
)
def test_metadata_that_do_not_fit_the_arrays_are_refused(kind, key, value, tmp_path):
    index = indexes.build(KINDS[kind](10, 4, np.random.default_rng(0)))
    meta = {"format": indexes.INDEX_FORMAT, **index.meta(), key: value}
    save_file(index.arrays(), tmp_path / "index", {name: text for name, text in meta.items() if text is not None})
    with pytest.raises(FewbitsError):
        indexes.load(tmp_path / "index")


def test_arrays_that_would_corrupt_scores_are_refused(tmp_path):
    meta = {
        "format": indexes.INDEX_FORMAT,
        "layout": "binary",
        "n": "1",
        "dim": "3",
        "bits": "1",
        "seed": "0",
        "unit": "1.0",
    }
    save_file({"rows": np.array([8], np.uint8)}, tmp_path / "index", meta)
    with pytest.raises(FewbitsError, match="bits behind dimension 3"):
        indexes.load(tmp_path / "index")
    save_file({"rows": np.array([7], np.uint8), "row_scale": np.full(1, np.nan, np.float16)}, tmp_path / "index", meta)
    with pytest.raises(FewbitsError, match="row_scale"):
        indexes.load(tmp_path / "index")


def spoil(arrays, name, place, value):
    """Arrays of which one has another number at a place, or is missing at all."""
    changed = {key: array.copy() for key, array in arrays.items()}
    if value is None:
        del changed[name]
    else:
        changed[name].flat[place] = value
    return changed


@pytest.mark.parametrize(
    ("kind", "name", "place", "value"),
    [
        ("product, a tail of the same book", "flags", 0, 0),  # fewer ones than rows of the tail
        ("product, a tail of the same book", "flags", -1, 1 << 7),  # a bit behind the last item
        ("product, a tail of the same book", "rows", 0, 255),  # there are 200 centroids
        ("product, a tail of the same book", "tail_rows", None, None),
        ("product, a tail of another book", "tail_book", 0, np.nan),
        ("product, a tail of another book", "flags", None, None),
        ("product, a tail of another book", "row_scale", None, None),  # leaves a unit that nothing uses
        ("layered", "rows", 0, 1 << 7),  # seven bits a layer
        ("layered", "weights", 0, np.inf),
        ("layered, scaled", "row_scale", 0, np.nan),
        ("reranked", "depth", 0, 0),
        ("reranked", "exact", None, None),
        ("reranked", "first.rows", None, None),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(kind, name, place, value, tmp_path):
    index = indexes.build(KINDS[kind](70, 21, np.random.default_rng(0)))
    spoilt = spoil(index.arrays(), name, place, value)
    save_file(spoilt, tmp_path / "index", {"format": indexes.INDEX_FORMAT, **index.meta()})
    with pytest.raises(FewbitsError, match="do not fit"):
        indexes.load(tmp_path / "index")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("product", "table_0", np.zeros((21, 1, 5), np.float32)),  # codes of 8 bits, 5 centroids
        ("product", "table_0", np.zeros((21, 1, 129), np.float32)),  # codes up to 255, 129 centroids
        ("product", "table_0", np.zeros((21, 1, 257), np.float32)),
        ("product", "table_0", np.zeros((3, 1, 256), np.float32)),
        ("product", "table_0", np.zeros((21, 256), np.float32)),
        ("product", "table_0", np.zeros((21, 1, 256))),
        ("product", "table_0", None),
        ("product", "values", np.zeros((3, 20), np.uint8)),
        ("product, scaled", "steps", np.ones(2, np.float32)),
        ("product, a tail of another book", "table_1", None),
        ("layered, scaled", "steps", np.ones(3, np.float32)),
        ("layered", "values", np.zeros((3, 3, 2), np.uint8)),
        ("reranked", "exact", np.zeros((3, 9), np.float32)),
        ("reranked", "exact", None),
        ("8 bits", "exact", np.zeros((3, 10), np.float32)),
    ],
)
def test_queries_that_kernels_would_misread_are_refused(kind, name, value, tmp_path):
    rng = np.random.default_rng(0)
    index = indexes.build(KINDS[kind](70, 21, rng))
    asked = index.pack_queries(KINDS[kind](3, 21, rng))
    arrays = {key: array for key, array in {**asked.arrays(), name: value}.items() if array is not None}
    spoilt = indexes.Packed.from_arrays(asked.layout, asked.dim, asked.bits, arrays)
    with pytest.raises(FewbitsError, match="pack them with this index"):
        index.search(spoilt, 1)


def test_a_tail_that_the_metadata_deny_is_refused(tmp_path):
    index = indexes.build(KINDS["product, a tail of another book"](70, 21, np.random.default_rng(0)))
    meta = {**index.meta(), "tail_bits": "0", "n": str(len(index.arrays()["rows"]))}
    save_file(index.arrays(), tmp_path / "index", {"format": indexes.INDEX_FORMAT, **meta})
    with pytest.raises(FewbitsError, match="a tail of 0 bits"):
        indexes.load(tmp_path / "index")


def test_a_first_stage_of_two_stages_is_refused(tmp_path):
    index = indexes.build(KINDS["reranked"](10, 4, np.random.default_rng(0)))
    meta = {"format": indexes.INDEX_FORMAT, **index.meta(), "first": "reranked"}
    save_file(index.arrays(), tmp_path / "index", meta)
    with pytest.raises(FewbitsError, match="first stage 'reranked'"):
        indexes.load(tmp_path / "index")


def test_queries_of_another_shape_than_they_say_are_refused_by_the_search(tmp_path):
    rng = np.random.default_rng(0)
    index = indexes.build(KINDS["4 bits"](10, 64, rng))
    meta = {"format": indexes.QUERIES_FORMAT, "layout": "scalar", "dim": "64", "bits": "4"}
    for values, steps in (
        (np.zeros((2, 3), np.uint8), np.ones(2, np.float32)),
        (np.zeros((2, 32), np.uint8), np.ones(1, np.float32)),
    ):
        save_file({"values": values, "steps": steps}, tmp_path / "queries", meta)
        with pytest.raises(FewbitsError, match="pack them with this index"):
            index.search(indexes.load_queries(tmp_path / "queries"), 1)
