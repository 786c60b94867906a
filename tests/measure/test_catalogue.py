"""A finished run at a larger catalogue: its own codes, repeated without a period, in an index that was really built."""

import json
import tracemalloc

import numpy as np
import pytest

from engine import indexes, pipeline, quantizers
from engine.errors import FewbitsError
from engine.measure import calibration, catalogue, finished, latency
from engine.spec import ModelSpec, RunSpec
from engine.store import catalog, folders, scaling
from tests.indexes.samples import KINDS

MODEL = ModelSpec(encoder="mf", dim=16, epochs=1, damping="none")
ITEMS, LARGE = 3000, 7500


@pytest.fixture(scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:  # fewer samples; they are real all the same
        patch.setattr(latency, "SAMPLE_S", 0.02)
        patch.setattr(latency, "COLD", 1)
        patch.setattr(latency, "AGAIN", 0)
        patch.setattr(calibration, "STEPS", 1000)
        patch.setattr(catalogue, "PROBE", 4000)
        yield


@pytest.fixture(scope="module")
def run(quick, tmp_path_factory):
    """Return a finished run of 4-bit codes on the demo set."""
    root = tmp_path_factory.mktemp("catalogue")
    spec = quantizers.resolve(RunSpec(dataset="demo", quantizer="uniform", bits=4, model=MODEL))
    folder = folders.create(root, spec)
    pipeline.run(spec, folder, quiet)
    return finished.load(folder)


@pytest.fixture(scope="module")
def measured(run):
    """Measure the run once at LARGE items; return the entry, and what was given to the latency measurement."""
    given = {}
    real = latency.measure

    def measure(index, queries, seen, **more):
        given.update(index=index, queries=queries, seen=seen)
        return real(index, queries, seen, **more)

    manifest = run.folder.file("manifest.json").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "measure", measure)
        entry = catalogue.measure_at(run, catalogue.codes_of(run, quiet), LARGE, quiet)
    assert run.folder.file("manifest.json").read_bytes() == manifest, "a finished run stays as it is"
    return entry, given


def quiet(*_arguments, **_more):
    pass


def test_each_copy_of_the_catalogue_is_in_an_order_of_its_own_and_the_last_one_is_cut():
    ids, first = catalogue.repeated(100, 350, seed=3)
    copies = [ids[start : start + 100] for start in (0, 100, 200)]
    assert all(sorted(copy) == list(range(100)) for copy in copies)
    assert len({copy.tobytes() for copy in copies}) == 3
    assert len(ids) == 350 and len(set(ids[300:])) == 50
    np.testing.assert_array_equal(ids[first], np.arange(100))
    assert first.max() < 100


def test_the_codes_of_a_run_are_those_that_it_measured(run):
    again = indexes.build(catalogue.codes_of(run, quiet), pipeline.TIE_SEED).arrays()
    stored = run.index.arrays()
    assert again.keys() == stored.keys()
    assert all(np.array_equal(again[name], stored[name]) for name in stored)


def test_memory_is_that_of_a_real_index_of_so_many_items(measured):
    entry, given = measured
    index = given["index"]
    values = {r["metric"]: r["value"] for r in entry["rows"] if r["query_bits"] is None}
    assert index.n == LARGE
    assert values["index_bytes"] == index.nbytes >= LARGE * (8 + 2)
    assert values["bytes_per_item"] == index.nbytes / LARGE
    assert values["build_s"] > 0


def test_every_item_of_the_larger_catalogue_has_the_scores_of_the_item_that_it_repeats(run, measured):
    large = measured[1]["index"]
    ids, _ = catalogue.repeated(ITEMS, LARGE, pipeline.TIE_SEED)
    query = run.queries[32][:3]
    own, hits = run.index.search(query, ITEMS), large.search(query, LARGE)
    for b in range(3):
        scores = np.empty(ITEMS, np.float32)
        scores[own.ids[b]] = own.scores[b]
        np.testing.assert_array_equal(scores[ids[hits.ids[b]]], hits.scores[b])


def test_users_are_asked_as_in_the_run_and_the_first_copy_of_what_they_have_is_left_out(run, measured):
    _, given = measured
    seen, large = run.split.seen(), given["seen"]
    ids, _ = catalogue.repeated(ITEMS, LARGE, pipeline.TIE_SEED)
    assert given["queries"] is run.queries
    for user in (0, 17, 99):
        assert (large.of(user) < ITEMS).all(), "the first copy takes the first places"
        assert sorted(ids[large.of(user)]) == seen.of(user).tolist()


def test_every_query_precision_has_warm_and_cold_latency_and_no_quality(measured):
    entry, _ = measured
    for bits in (32, 4):
        metrics = {r["metric"] for r in entry["rows"] if r["query_bits"] == bits}
        assert metrics == {"latency_p50_us", "latency_p95_us", "latency_p99_us", "latency_cold_p50_us",
                           "calibration_drift"}  # fmt: skip


def test_the_result_lies_beside_the_manifest_and_the_run_stays_whole(run, measured):
    entry, _ = measured
    assert scaling.results(run.folder)[LARGE]["rows"] == json.loads(json.dumps(entry["rows"]))
    assert run.folder.file(f"scale-{LARGE}.parquet").exists()
    assert run.folder.verify() is None


def test_the_catalog_shows_it_with_its_number_of_items(run, measured):
    root = run.folder.path.parent
    catalog.Catalog(root, []).refresh()
    points = catalog.scaled_points(root)
    assert points["items"].tolist() == [LARGE] * 2 and sorted(points["query_bits"]) == [4, 32]
    assert points[["latency_p50_us", "index_bytes", "bytes_per_item"]].notna().all(axis=None)
    own = catalog.points(root)
    assert set(own["index_bytes"]) == {run.index.nbytes}, "the run's own points do not change"


def test_no_more_items_than_there_are_is_refused(run):
    with pytest.raises(FewbitsError, match=r"got 3,000, but demo has 3,000 itself: ask for more"):
        catalogue.measure_at(run, run.index.codes(), ITEMS, quiet)


def test_what_does_not_fit_in_memory_is_refused_before_it_is_allocated(run, monkeypatch):
    monkeypatch.setattr(catalogue, "memory_left", lambda: 200 * 10**6)
    monkeypatch.setattr(catalogue, "repeated", only(5000, catalogue.repeated))
    codes = run.index.codes()
    with pytest.raises(FewbitsError, match=r"100,000,000 items of demo-uniform4.* do not fit in memory") as error:
        catalogue.measure_at(run, codes, 100_000_000, quiet)
    most = int(str(error.value).split("at most ")[1].split(" items")[0].replace(",", ""))
    catalogue.refuse_what_does_not_fit(codes, most, "")  # what the sentence offers is not refused in turn


def only(most, real):
    def repeated(n, items, seed):
        assert items <= most, "nothing of the size asked for may be allocated"
        return real(n, items, seed)

    return repeated


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_covers_what_building_takes_in_every_layout(quick, kind):
    codes, items = KINDS[kind](700, 24, np.random.default_rng(0)), 40_000
    estimate = catalogue.building_bytes(codes) * items
    ids, _ = catalogue.repeated(codes.n, items, 0)
    tracemalloc.start()
    indexes.build(codes.rows(ids), 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= estimate < 5 * peak + 10**6


def test_a_peer_gives_no_codes_back_so_its_vectors_come_from_the_model_in_the_cache(run, monkeypatch):
    monkeypatch.setattr(quantizers.REGISTRY["uniform"], "peer", True)
    codes = catalogue.codes_of(run, quiet)
    np.testing.assert_array_equal(codes.q, run.index.codes().q)
    monkeypatch.setattr(catalogue, "whole", lambda *_: False)
    with pytest.raises(FewbitsError, match="not in the cache; `python -m engine retry demo-uniform4"):
        catalogue.codes_of(run, quiet)


def test_a_run_that_is_not_finished_is_a_sentence(root):
    with pytest.raises(FewbitsError, match=r"is queued: expected a run that is done"):
        finished.load(folders.create(root, RunSpec(dataset="demo", model=MODEL)))
