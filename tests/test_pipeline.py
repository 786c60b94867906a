"""One real run on the demo set: what was measured is what lies in its folder, packed."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from engine import indexes, pipeline, quantizers
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.measure import latency
from engine.spec import KS, ModelSpec, RunSpec
from engine.store import catalog, folders, lists, prepared

MODEL = ModelSpec(dim=16, layers=1, epochs=1, pooling="all")
ITEMS, HEAD = 3000, 300
"""The demo set's items, and the tenth of them that MGQE calls frequent."""
CASES = [  # quantizer, bits, options, bytes of the packed items and of all that is stored beside them
    ("float32", 32, {}, ITEMS * 64),
    ("uniform", 8, {"scale": "table"}, ITEMS * 16 + 4),
    ("sign", 1, {"scale": "none"}, ITEMS * 2 + 4),
    ("opq", 8, {}, ITEMS * (8 + 2) + 4 + 4 * 256 * 16),
    ("hqgnn", 4, {"steps": 20}, ITEMS * (8 + 2) + 4),
    ("l2qgcn", 1, {"steps": 20}, ITEMS * 2 * (2 + 2) + 4 + 2 * 4),  # two layers, their unit and their weights
    ("mgqe", 8, {"steps": 20}, HEAD * 16 + (ITEMS - HEAD) * 8 + ITEMS * 2 + 4 + 4 * 256 * 16 + -(-ITEMS // 8)),
    ("hashgnn", 1, {"steps": 20, "rerank": True}, ITEMS * (2 + 64) + 4 + 4),  # the depth and the unit
]


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory):
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module", params=CASES, ids=lambda c: f"{c[0]}{c[1]}")
def finished(request, shared_root, few_samples):
    """Return the folder of a finished run of each kind; all share one checkpoint."""
    name, bits, options, _ = request.param
    spec = quantizers.resolve(RunSpec(dataset="demo", quantizer=name, bits=bits, options=options, model=MODEL))
    folder = folders.create(shared_root, spec)
    if folder.state() != "done":
        pipeline.run(spec, folder, lambda *_a, **_k: None)
    return folder


def rows(folder, metric):
    return [r for r in folder.manifest()["measurements"] if r["metric"] == metric]


def test_the_run_is_committed_with_a_checksum_of_every_file(finished):
    assert finished.state() == "done"
    assert finished.verify() is None
    assert {"index.safetensors", "lists.parquet", "users.parquet", "latency.parquet"} <= set(
        finished.manifest()["files"]
    )


def test_index_bytes_are_those_of_the_resident_arrays_and_of_the_file(finished):
    index = indexes.load(finished.file("index.safetensors"))
    (row,) = rows(finished, "index_bytes")
    unit = 0 if index.unit is None else 4
    assert row["value"] == index.nbytes == sum(a.nbytes for a in index.arrays().values()) + unit
    assert row["value"] == sum(a.nbytes for a in load_file(finished.file("index.safetensors")).values()) + unit
    (per_item,) = rows(finished, "bytes_per_item")
    assert per_item["value"] == pytest.approx(row["value"] / index.n)


def test_the_index_has_the_bytes_of_its_formula(request, finished):
    (row,) = rows(finished, "index_bytes")
    assert row["value"] == request.node.callspec.params["finished"][-1]


def test_a_tuned_run_tells_how_its_tuning_went(finished):
    tuning = finished.manifest()["tuning"]
    if not quantizers.REGISTRY[finished.spec().quantizer].trained:
        assert tuning is None and not rows(finished, "tune_s")
        return
    assert tuning["key"].startswith("tuned-") and [h["epoch"] for h in tuning["history"]] == [0, 1]
    assert rows(finished, "tune_s")[0]["unit"] == "s"


def test_loading_the_saved_codes_and_searching_gives_the_same_lists(finished):
    split = load_split("demo", finished.path.parent)
    index, seen = indexes.load(finished.file("index.safetensors")), split.seen()
    for bits in finished.spec().query_bits:
        queries = indexes.load_queries(finished.file(f"queries_{bits}.safetensors"))
        hits = index.search(queries, lists.LIST_K, (seen.indptr, seen.items))
        for user in (0, 17, split.n_users - 1):
            (stored,) = prepared.read_row(finished.file("lists.parquet"), user, bits)
            assert stored["items"] == hits.ids[user].tolist()
            np.testing.assert_array_equal(np.array(stored["scores"], np.float32), hits.scores[user])


def test_nobody_is_recommended_what_they_have(finished):
    split = load_split("demo", finished.path.parent)
    seen = split.seen()
    listed = pq.read_table(finished.file("lists.parquet")).to_pylist()
    assert len(listed) == split.n_users * len(finished.spec().query_bits)
    assert not any(set(row["items"]) & set(seen.of(row["user"]).tolist()) for row in listed)


def test_every_query_precision_has_quality_latency_and_throughput(finished):
    for bits in finished.spec().query_bits:
        measured = {(r["metric"], r["k"]) for r in finished.manifest()["measurements"] if r["query_bits"] == bits}
        assert {(m, k) for m in ("recall", "ndcg", "overlap", "tied") for k in KS} <= measured
        assert {
            ("latency_p50_us", 20),
            ("latency_p95_us", 20),
            ("latency_p99_us", 20),
            ("latency_cold_p50_us", 20),
            ("throughput_qps", 20),
            ("calibration_drift", None),
        } <= measured


def test_recall_is_counted_on_the_test_items_of_the_stored_lists(finished):
    split = load_split("demo", finished.path.parent)
    told = pq.read_table(finished.file("users.parquet")).to_pandas().set_index(["user", "query_bits"])
    for row in pq.read_table(finished.file("lists.parquet")).to_pylist():
        if len(wanted := set(split.test.of(row["user"]).tolist())):
            found = len(wanted & set(row["items"][:20])) / len(wanted)
            assert told.loc[(row["user"], row["query_bits"]), "recall@20"] == pytest.approx(found, abs=1e-6)
    tested = int((split.test.counts() > 0).sum())
    assert {r["value"] for r in rows(finished, "users")} == {tested} == {len(told) / len(finished.spec().query_bits)}


def test_what_is_told_of_bytes_follows_from_the_index_and_the_queries(finished):
    split, spec = load_split("demo", finished.path.parent), finished.spec()
    (size,), (compression,) = rows(finished, "index_bytes"), rows(finished, "compression")
    assert compression["value"] == pytest.approx(4 * spec.model.dim * split.n_items / size["value"])
    for row in rows(finished, "query_bytes"):
        queries = indexes.load_queries(finished.file(f"queries_{row['query_bits']}.safetensors"))
        assert row["value"] == pytest.approx(queries.nbytes / split.n_users)


def test_raw_samples_are_kept_by_setting_and_round(finished):
    samples = pq.read_table(finished.file("latency.parquet")).to_pandas()
    assert set(samples["query_bits"]) == set(finished.spec().query_bits)
    single = samples[(samples["batch"] == 1) & ~samples["cold"]]
    for row in rows(finished, "latency_p50_us"):
        times = single[single["query_bits"] == row["query_bits"]].groupby("round")["microseconds"].median()
        assert len(times) == latency.ROUNDS
        assert row["value"] == pytest.approx(times.median())
        assert (row["low"], row["high"]) == pytest.approx((times.min(), times.max()))
    assert len(samples[samples["cold"]]) == latency.ROUNDS * len(finished.spec().query_bits)


def test_means_are_those_of_the_per_user_file(finished):
    import pandas as pd

    users = pd.read_parquet(finished.file("users.parquet"))
    for row in rows(finished, "recall"):
        column = users[users["query_bits"] == row["query_bits"]][f"recall@{row['k']}"]
        assert row["value"] == pytest.approx(column.mean(), rel=1e-5)
        assert row["low"] <= row["value"] <= row["high"]


def test_full_precision_overlaps_itself_entirely(shared_root, finished):
    if finished.spec().quantizer == "float32":
        assert {r["value"] for r in rows(finished, "overlap")} == {1.0}
    else:
        assert all(0 < r["value"] <= 1 for r in rows(finished, "overlap"))


def test_the_catalog_shows_the_run(finished):
    root = finished.path.parent
    catalog.Catalog(root, []).refresh()
    points = catalog.points(root)
    mine = points[points["run_id"] == finished.run_id]
    assert sorted(mine["query_bits"]) == sorted(finished.spec().query_bits)
    assert mine[["recall@20", "latency_p50_us", "bytes_per_item", "compression"]].notna().all(axis=None)


def test_a_catalogue_shorter_than_k_leaves_out_the_long_lists_and_says_so(root, tmp_path, monkeypatch, few_samples):
    folder = tmp_path / "data" / "ml-1m"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, catalogue, count in (("train", np.arange(30), 12), ("test", np.arange(30, 40), 3)):
        chosen = [" ".join(map(str, sorted(rng.choice(catalogue, count, replace=False)))) for _ in range(30)]
        (folder / f"{name}.txt").write_text("\n".join(f"{user} {items}" for user, items in enumerate(chosen)))
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "data"))
    spec = RunSpec(dataset="ml-1m", model=MODEL)
    run = folders.create(root, spec)
    pipeline.run(spec, run, lambda *_a, **_k: None)
    assert {r["k"] for r in rows(run, "recall")} == {10, 20}
    assert any("catalogue has 40 items" in note for note in run.manifest()["notes"])


def test_a_model_that_cannot_be_turned_is_refused_before_it_is_trained(root):
    spec = RunSpec(dataset="demo", model=MODEL.model_copy(update={"encoder": "ngcf"}), quantizer="l2qgcn", bits=1)
    with pytest.raises(FewbitsError, match="ngcf is not linear"):
        pipeline.run(spec, folders.create(root, spec), lambda *_a, **_k: None)
    assert not (root / "cache").exists()


def test_a_broken_data_file_stops_the_run_with_file_and_line(root, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "gowalla"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("0 1 2\n1 x 3\n")
    (folder / "test.txt").write_text("0 3\n")
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "data"))
    spec = RunSpec(dataset="gowalla", model=MODEL)
    with pytest.raises(FewbitsError, match=r"train\.txt.*line 2"):
        pipeline.run(spec, folders.create(root, spec), lambda *_a, **_k: None)
