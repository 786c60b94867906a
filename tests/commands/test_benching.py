"""Kernels beside their peers: what is measured and how it is told; how long anything takes is not asked here."""

import itertools
import json

import numpy as np
import pytest
from click.testing import CliRunner
from filelock import Timeout

from engine import indexes
from engine.__main__ import commands
from engine.codes import peers as extra
from engine.commands import benching
from engine.errors import FewbitsError
from engine.measure import bandwidth, faiss_peers, formats, kernels, turns
from engine.measure.formats import FORMATS, Source
from engine.service.token import machine_lock
from engine.store.folders import runs_root

ITEMS = 300  # faiss's codebooks of 256 centroids need as many vectors


def hurry(patch):
    """As few calls as will do; the memory's own bandwidth is given."""
    for name in ("PAIR_S", "WARM_S", "BLOCK_S"):
        patch.setattr(turns, name, 0.0)
    patch.setattr(turns, "LEAST", 1)
    patch.setattr(bandwidth, "PASSES_S", 0.0)
    patch.setattr(bandwidth, "memory_gbs", lambda: (10.0, 1 << 30))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    hurry(monkeypatch)


def measured(peers=False, dim=64):
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return kernels.bench([ITEMS], dim, 5, [1], peers, lambda _: None)


@pytest.fixture(scope="module")
def alone():
    return measured()


@pytest.fixture(scope="module")
def beside():
    pytest.importorskip("faiss", reason="the extra 'peers' is not installed")
    return measured(peers=True)


def test_every_format_is_measured_in_single_queries_and_in_batches(alone):
    asked = {(row["format"], row["queries"], row["batch"]) for row in alone["rows"]}
    assert asked == {(form.name, ask.queries, batch) for form in FORMATS for ask in form.asks for batch in (1, 64)}
    assert not alone["skipped"]


def test_every_format_stands_in_the_text_which_fits_120_columns(alone):
    lines = list(benching.report(alone))
    for form in FORMATS:
        assert sum(line.startswith(form.name + " ") for line in lines) >= 2, form.name
    assert max(map(len, "\n".join(lines).splitlines())) <= 120
    assert any("--peers" in line for line in lines)


def test_odd_figures_fit_120_columns_as_well(beside):
    us = {"median": 999_999.0, "low": 1.0, "high": 9e9, "samples": 3}
    odd = {"us": us, "peer_us": 999_999.0, "ratio": 112.5, "target": 0.15, "met": False, "gbs": 999.9, "own_gbs": 999.0}
    rows = [{**row, **odd, "of_memory": 0.69, "of_memory_met": False} for row in beside["rows"]]
    lines = "\n".join(benching.report({**beside, "rows": rows})).splitlines()
    assert max(map(len, lines)) <= 120
    assert [line for line in lines if "MISSED" in line]


def test_every_peer_that_has_a_target_is_measured_on_its_format(beside):
    measured_pairs = {(row["format"], row["queries"]): row for row in beside["rows"] if row["batch"] == 1}
    for form in FORMATS:
        for ask in form.asks:
            row = measured_pairs[form.name, ask.queries]
            assert set(row["peers"]) == set(ask.peers)
            assert row["target"] == ask.target
            assert (row["met"] is None) == (not ask.peers)
    lines = list(benching.report(beside))
    assert max(map(len, "\n".join(lines).splitlines())) <= 120
    assert any(line.startswith("float32") and "FlatIP" in line for line in lines)


def test_all_is_plain_json_with_the_machine(alone):
    assert json.loads(json.dumps(alone)).keys() == alone.keys()
    assert alone["machine"]["hardware"] and alone["memory_gbs"] == 10.0


def test_ours_and_the_peer_search_the_same_vectors():
    pytest.importorskip("faiss", reason="the extra 'peers' is not installed")
    source, asked = Source(ITEMS, 16), Source(4, 16, seed=1).first(4)
    ours = indexes.build(formats.floats(np.float32, source)).search(asked, 10)
    _, theirs = faiss_peers.build("FlatIP", source, 1).search(asked, 10)
    assert ours.ids.tolist() == theirs.tolist()


def test_the_ratio_is_to_the_fastest_peer_and_a_target_is_met_up_to_itself():
    row = kernels.compared(50.0, {"SQ8": 125.0, "SQ8-direct": 100.0}, 0.5)
    assert row == {"peer": "SQ8-direct", "peer_us": 100.0, "ratio": 0.5, "target": 0.5, "met": True}
    assert kernels.compared(51.0, {"SQ8": 100.0}, 0.5)["met"] is False
    assert kernels.compared(51.0, {"SQ8": 100.0}, None)["met"] is None
    assert kernels.compared(51.0, {}, 0.5)["ratio"] is None


def test_the_middle_of_the_samples_counts_and_not_their_mean():
    assert turns.spread(np.array([1.0, 2.0, 3.0, 4.0, 1000.0])) == {"median": 3, "low": 2, "high": 4, "samples": 5}


def test_sides_take_turns_in_short_blocks(monkeypatch):
    monkeypatch.setattr(turns, "LEAST", 40)
    called = []
    samples = turns.interleaved([lambda i: called.append("a"), lambda i: called.append("b")])
    blocks = [len(list(block)) for _, block in itertools.groupby(called)]
    assert min(map(len, samples)) >= 40
    assert len(blocks) > 10 and max(blocks) == 8  # the order is reversed every time, so that two blocks of 4 meet


def test_what_takes_seconds_is_asked_a_few_times_only(monkeypatch):
    monkeypatch.setattr(turns, "SLOW_S", 0.0)
    called = []
    turns.interleaved([lambda i: called.append("a"), lambda i: called.append("b")])
    assert "".join(called) == "aa" + "bb" + "ab"  # warm, then one sample each
    monkeypatch.setattr(turns, "LEAST", 15)
    assert not turns._enough([2, 9], turns.LONG_S + 1) and turns._enough([3, 9], turns.LONG_S + 1)
    assert not turns._enough([14, 90], 2.0) and turns._enough([15, 90], 2.0)


def test_bytes_and_bandwidth_are_those_of_the_index(alone):
    row = next(r for r in alone["rows"] if (r["format"], r["batch"]) == ("float32", 1))
    assert row["bytes_per_item"] == 256
    assert row["gbs"] == pytest.approx(256 * ITEMS / row["us"]["median"] / 1e3)
    assert row["of_memory"] == pytest.approx(row["gbs"] / 10)
    assert row["of_memory_target"] is None  # 300 items lie in the cache: memory is no roof there


def test_of_two_stages_only_the_first_is_read_in_full():
    index = indexes.build(formats.reranked(Source(ITEMS, 64)))
    assert sum(a.nbytes for a in kernels.scanned(index)) == ITEMS * 10  # 64 bits and a scale


def test_bandwidth_is_measured_of_arrays_of_any_length():
    assert bandwidth.read_gbs([np.zeros(1001, np.uint8), np.zeros((3, 5), np.float16)]) > 0
    assert bandwidth.read_gbs([]) == 0


def test_what_does_not_fit_is_left_out_with_a_sentence(monkeypatch):
    monkeypatch.setattr(kernels, "memory_left", lambda: ITEMS * 64 * 4)
    result = measured()
    assert "float32" not in {row["format"] for row in result["rows"]}
    assert any("float32: needs about" in sentence for sentence in result["skipped"])
    assert {"PQ 8 × 8", "PQ 16 × 4"} <= {row["format"] for row in result["rows"]}


def test_what_cannot_be_cut_into_parts_is_left_out_with_a_sentence(monkeypatch):
    monkeypatch.setattr(kernels, "FORMATS", [form for form in FORMATS if form.name.startswith("PQ")])
    result = measured(dim=24)
    assert {row["format"] for row in result["rows"]} == {"PQ 8 × 8"}
    assert all("24 dimensions cannot be cut into 16 equal parts" in sentence for sentence in result["skipped"])


def test_vectors_are_the_same_however_often_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(formats, "CHUNK", 100)
    once, again = (np.vstack([x for _, x in Source(250, 8).chunks()]) for _ in range(2))
    assert once.shape == (250, 8) and (once == again).all()
    assert not (once[:100] == once[100:200]).any()


def invoked(*arguments):
    return CliRunner().invoke(commands, ["bench", "kernels", "--items", str(ITEMS), "--threads", "1", *arguments])


def test_peers_without_the_extra_say_how_to_install_it(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    error = invoked("--peers").exception
    assert isinstance(error, FewbitsError)
    assert "faiss-cpu" in str(error) and "pip install -e '.[peers]'" in str(error)


@pytest.mark.parametrize("arguments, words", [
    (["--items", "0"], "expected 1 or more"), (["--threads", "1,4096"], "at most"), (["--items", "many"], "--items"),
])  # fmt: skip
def test_what_cannot_be_measured_is_a_sentence(arguments, words):
    error = invoked(*arguments).exception
    assert isinstance(error, FewbitsError) and words in str(error)


def test_no_run_measures_meanwhile(monkeypatch, alone):
    held = []

    def look(*_):
        with pytest.raises(Timeout):
            machine_lock(runs_root(None)).acquire(timeout=0)
        held.append(True)
        return alone

    monkeypatch.setattr(kernels, "bench", look)
    done = invoked("--json")
    assert held and json.loads(done.stdout) == json.loads(json.dumps(alone))
    machine_lock(runs_root(None)).acquire(timeout=0).lock.release()
