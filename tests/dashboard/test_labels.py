"""Names of methods and options in words."""

import json

import pytest

from dashboard import budget_words, data, labels, naming, peers
from engine.codes.peers import KINDS
from tests.dashboard import make_runs

DEFAULTS = {"hqgnn": {"scale": "row", "gste": True, "centred": False, "ema": 0.9, "rounds": 50}}


def told(**options: object) -> str:
    return labels.options_text(json.dumps(options), DEFAULTS["hqgnn"])


def test_large_numbers_are_written_out():
    """Nobody reads 1.3e+02 × or 1.235e+04 µs."""
    assert [labels.number(v) for v in (0.0123456, 61.456, 9876.5, 12346.0)] == ["0.01235", "61.46", "9,876", "12,346"]
    assert labels.number(9999.7) == "10,000" and labels.amount(999.7e6) == "1,000 MB"
    assert [labels.number(v, 2) for v in (0.104, 1.26, 14.2, 99.6, 128.0)] == ["0.1", "1.3", "14", "100", "128"]
    assert budget_words.times(128.0, 1.0) == "128 ×"


def test_no_two_runs_are_called_the_same():
    """A choice goes by its words: of two that are equal only one could be chosen."""
    words, ids = ["a", "a", "b", "c", "c"], [f"demo-sign1-{n:012d}" for n in range(5)]
    settings = ["{}", '{"lr": 0.1, "split_seed": 1}', "{}", None, "{}"]
    assert naming.told_apart(words, settings, ids) == [
        "a", "a · learning rate 0.1, split seed 1", "b", "c · 000000000003", "c · 000000000004",
    ]  # fmt: skip
    assert len(set(naming.told_apart(["a"] * 5, ["{}"] * 5, ids))) == 5


def test_options_at_their_default_are_not_told():
    assert told(scale="row", gste=True, centred=False, ema=0.9, rounds=50) == ""


@pytest.mark.parametrize("options, words", [
    ({"scale": "none"}, "no scale"), ({"scale": "table"}, "scale table"), ({"gste": False}, "no gste"),
    ({"centred": True}, "centred"), ({"ema": 0.99, "rounds": 50}, "ema 0.99"), ({"later_option": 3}, "later option 3"),
])  # fmt: skip
def test_what_differs_is_told_in_words(options, words):
    assert told(**options) == words


def test_without_a_description_all_options_are_told():
    row = {"quantizer": "gone", "bits": 4, "options": {"scale": "row", "rounds": 50, "centred": False}}
    assert labels.method(row, DEFAULTS) == labels.method(row) == "gone 4 bit, scale row, rounds 50"


def test_a_run_of_defaults_is_named_by_method_and_bits():
    row = {"quantizer": "hqgnn", "bits": 4, "options": {"scale": "row", "gste": True}}
    assert labels.method(row, DEFAULTS) == "HQ-GNN 4 bit"


@pytest.mark.parametrize("options, name", [
    ({"index": "hnsw", "ef_search": 64}, "faiss HNSW (peer)"), ({"index": "usearch"}, "usearch (peer)"),
    ({"index": "hnswlib", "ef_search": 128}, "hnswlib (peer), ef search 128"),
    ('{"index": "flat"}', "faiss Flat (peer)"), ({"index": "later"}, "later (peer)"),
])  # fmt: skip
def test_peers_are_named_by_library_and_index_and_marked(options, name):
    row = {"quantizer": "peer", "bits": 32, "options": options}
    assert labels.method(row, {"peer": {"index": "hnsw", "ef_search": 64}}) == name


def test_every_index_of_faiss_has_its_own_name():
    assert set(peers.NAMES) == {kind for kind, library in KINDS.items() if library == "faiss"}


def test_the_defaults_are_those_of_the_catalogs_descriptions(root):
    assert data.defaults() == {}
    make_runs.publish(root)
    assert data.defaults()["hqgnn"]["ema"] == 0.9 and data.defaults()["float32"] == {}


@pytest.mark.parametrize("name, title", [
    ("head_share", "Head share"), ("lr", "Learning rate"), ("k_tail", "K tail"), ("gste", "GSTE"), ("l2", "L2 weight"),
])  # fmt: skip
def test_option_names_are_readable(name, title):
    assert labels.option_title(name) == title
