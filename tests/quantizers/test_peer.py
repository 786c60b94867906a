"""Other libraries as one more choice of quantizer: offered where they are installed, and equal runs are equal."""

from typing import get_args

import numpy as np
import pytest

from engine import indexes, pipeline, quantizers
from engine.codes import peers as extra
from engine.codes.peers import KINDS
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.measure import latency, ranking
from engine.quantizers.peer import KNOBS, Peer
from engine.spec import ModelSpec, RunSpec
from engine.store import folders
from engine.store.lists import read_ids
from tests.quantizers import tables

INDEXES = get_args(Peer.Options.model_fields["index"].annotation)


def spec(**options):
    return RunSpec(dataset="d", quantizer="peer", bits=32, options=options)


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: name)


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "hnswlib" else name)


def described():
    return next(method for method in quantizers.describe() if method["name"] == "peer")


def test_where_the_extra_is_missing_it_is_not_offered_and_says_what_to_do(absent):
    assert described()["unavailable"] == "not installed: hnswlib; `pip install -e '.[peers]'` adds what is missing"
    for check in (quantizers.resolve, quantizers.create):
        with pytest.raises(FewbitsError, match=r"quantizer 'peer' cannot be used yet: not installed: hnswlib; `pip"):
            check(spec())


def test_where_the_extra_is_installed_it_is_offered(installed):
    assert described()["unavailable"] == ""
    assert quantizers.create(spec()).options.index == "hnsw"


def test_nothing_else_needs_the_extra(absent):
    assert all(m["unavailable"] == "" for m in quantizers.describe() if m["name"] != "peer")


def test_the_choices_are_what_an_index_can_be_built_of():
    assert set(INDEXES) == set(KINDS) and {index for known in KNOBS.values() for index in known} <= set(KINDS)


def test_options_that_the_index_does_not_know_make_no_other_run(installed):
    plain = quantizers.resolve(spec(index="flat"))
    assert quantizers.resolve(spec(index="flat", ef_search=500, nprobe=3)).run_id == plain.run_id
    assert quantizers.resolve(plain) == plain
    assert quantizers.resolve(spec(index="hnsw", ef_search=500)).run_id != quantizers.resolve(spec()).run_id


@pytest.mark.parametrize("options, said", [
    ({"index": "annoy"}, "option 'index' of peer: got 'annoy'"), ({"ef_search": 0}, "got 0"),
    ({"index": "pq", "subspaces": 10}, "a divisor of the 64 dimensions"), ({"links": "16"}, "got '16'"),
    ({"trees": 10}, "unknown option of peer 'trees'"),
])  # fmt: skip
def test_what_no_peer_knows_is_refused(installed, options, said):
    with pytest.raises(FewbitsError, match=said):
        quantizers.resolve(spec(**options))


@pytest.mark.parametrize("index", INDEXES)
def test_a_peer_is_given_the_served_vectors_and_its_own_knobs(installed, index):
    layers = [tables.items(20, 16, seed=s) for s in range(3)]
    codes = quantizers.create(spec(index=index)).codes(layers, "item")
    assert np.allclose(codes.decode(), np.mean(layers, axis=0), atol=1e-6)
    assert (codes.n, codes.dim, codes.bits, codes.kind) == (20, 16, 32, index)
    assert set(codes.knobs) == {name for name, known in KNOBS.items() if index in known}


@pytest.mark.parametrize("index", INDEXES)
def test_what_is_chosen_is_built_and_searched(index):
    for name in ("faiss", "usearch", "hnswlib"):
        pytest.importorskip(name, reason="the extra 'peers' is not installed")
    codes = quantizers.create(spec(index=index)).codes([tables.items(400)], "item")
    hits = indexes.build(codes).search(tables.users(5), 10)
    assert hits.ids.shape == (5, 10) and (hits.ids >= 0).all()


def test_a_run_of_a_peer_has_the_rows_of_any_other(root, monkeypatch):
    pytest.importorskip("hnswlib", reason="the extra 'peers' is not installed")
    for name, little in (("SAMPLE_S", 0.01), ("MAX_S", 0.1), ("COLD", 1), ("AGAIN", 0)):
        monkeypatch.setattr(latency, name, little)
    model, asked = ModelSpec(encoder="mf", dim=8, epochs=1), {"index": "hnswlib", "links": 4, "ef_search": 10}
    run = quantizers.resolve(RunSpec(dataset="demo", model=model, quantizer="peer", bits=32, options=asked))
    folder = folders.create(root, run)
    rows = pipeline.run(run, folder, lambda *_a, **_k: None)
    metrics = {row["metric"]: row["value"] for row in rows if row["k"] in (None, 20)}
    assert {"recall", "ndcg", "latency_p50_us", "throughput_qps", "build_s"} <= set(metrics)
    assert {row["query_bits"] for row in rows} == {None, 32} and {row["index"] for row in rows} == {"peer"}
    assert metrics["overlap"] > 0.6
    assert metrics["bytes_per_item"] > 8 * 4  # the vectors, and the links between them
    index = indexes.load(folder.file("index.safetensors"))
    assert metrics["index_bytes"] == index.nbytes and folder.verify() is None
    split, queries = load_split("demo", root), indexes.load_queries(folder.file("queries_32.safetensors"))
    users, seen, nothing = np.arange(split.n_users), split.seen(), np.full((split.n_users, 20), -1, np.int32)

    def recall(k):
        hits = index.search(queries, k, (seen.indptr, seen.items))
        return ranking.per_user(hits, users, split.test, nothing, split.n_items, [20])["recall@20"].mean(dtype=float)

    assert metrics["recall"] == pytest.approx(recall(20), abs=1e-9), "of the search that is timed"
    seen_first = index.search(queries, 20, (seen.indptr, seen.items)).ids
    assert np.array_equal(read_ids(folder.file("lists.parquet"), 20), seen_first), "and so are the lists"
    assert metrics["recall"] != pytest.approx(recall(pipeline.DEPTH), abs=1e-4), "asked for more it finds others"


def test_odd_numbers_are_refused_with_table_and_row(installed):
    vectors = tables.items(20)
    vectors[7, 3] = np.nan
    with pytest.raises(FewbitsError, match="item table, row 7"):
        quantizers.create(spec()).codes([vectors], "item")
