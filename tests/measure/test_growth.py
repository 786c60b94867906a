"""Computed graphs of any size: what they look like, and that each is measured in a process of its own."""

import sys

import numpy as np
import pytest

from engine.measure import growth


def test_a_computed_graph_is_as_large_as_asked_and_its_parts_share_nothing():
    data = growth.world(60_000)
    assert data.n_users == data.n_items == 2_000
    assert 0.8 * 60_000 < len(data.train.items) + len(data.valid.items) < 1.1 * 60_000
    assert len(data.valid.items) == 2_000 and not len(data.test.items)
    train, valid = (set(part.keys(data.n_items).tolist()) for part in (data.train, data.valid))
    assert not train & valid


def test_few_items_have_much_and_they_lie_anywhere_among_the_ids():
    data = growth.world(60_000)
    counts = np.bincount(data.train.items, minlength=data.n_items)
    assert np.sort(counts)[-200:].sum() > 0.3 * counts.sum(), "a tenth of the items has over 30 % of all"
    top = np.argsort(counts)[-200:]
    assert 0.35 * data.n_items < np.median(top) < 0.65 * data.n_items


def test_equal_seeds_give_equal_graphs():
    assert growth.world(3_000).fingerprint == growth.world(3_000).fingerprint != growth.world(3_000, 1).fingerprint


def test_a_size_is_measured_in_a_process_of_its_own(monkeypatch):
    said = []
    result = growth.grown(1, said.append, [3_000])
    assert said == ["3,000 computed interactions"] and not result["skipped"]
    row = result["rows"][0]
    assert row["interactions"] == len(growth.world(3_000).train.items) and row["users"] == 100
    assert row["epoch_s"] == pytest.approx(row["steps"] * row["step_s"])
    assert row["steps"] == -(-row["interactions"] // row["batch"])
    assert 0 < row["peak_bytes"] < row["needed_bytes"] and row["valid_s"] > 0


def test_a_size_that_does_not_fit_is_skipped_with_a_sentence(monkeypatch):
    monkeypatch.setattr(growth, "memory_left", lambda: 10**9)
    result = growth.grown(1, lambda _: None, [30_000_000])
    assert result["rows"] == [] and result["growth"] == {}
    assert result["skipped"][0].startswith("30,000,000 interactions: up to ") and "1.0 GB are free" in str(result)


def test_a_process_that_ends_without_a_word_is_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    result = growth.grown(1, lambda _: None, [3_000])
    assert "3,000 interactions: the process ended with status 1" in result["skipped"][0]


def test_growth_is_the_exponent_of_a_power():
    rows = [
        {"interactions": n, "step_s": 2e-6 * n, "epoch_s": 1e-9 * n**2, "peak_bytes": 7 * n**0.5} for n in (10, 30, 100)
    ]
    assert growth.growth(rows) == pytest.approx({"step_s": 1.0, "epoch_s": 2.0, "peak_bytes": 0.5})
    assert growth.growth(rows[:1]) == {}


def test_memory_that_is_given_back_is_seen_at_its_peak():
    growth._trim()
    with growth._watched() as watch:
        for _ in range(3):
            np.ones(6_000_000).sum()
    assert 48e6 * 0.9 < watch["peak"] < 48e6 * 1.5
