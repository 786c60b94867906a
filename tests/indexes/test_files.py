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
        assert (index.search(indexes.load_queries(path), 5).scores == index.search(asked, 5).scores).all()


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
    save_file({"planes": np.array([[8]], np.uint64)}, tmp_path / "index", meta)
    with pytest.raises(FewbitsError, match="bits behind dimension 3"):
        indexes.load(tmp_path / "index")
    save_file(
        {"planes": np.array([[7]], np.uint64), "row_scale": np.full(1, np.nan, np.float16)}, tmp_path / "index", meta
    )
    with pytest.raises(FewbitsError, match="row_scale"):
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
