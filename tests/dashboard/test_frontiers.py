"""Which points are compared with which, and with what reference."""

import numpy as np
import pandas as pd
import pytest

from dashboard import columns, frontiers


def table() -> pd.DataFrame:
    """Two data sets; on "a" two checkpoints, the second without a float32 run."""
    return pd.DataFrame({
        "run_id": ["a-float", "a-four", "a-other", "b-four"], "index": "flat", "query_bits": [32, 4, 32, 32],
        "dataset": ["a", "a", "a", "b"], "quantizer": ["float32", "uniform", "uniform", "uniform"],
        "checkpoint": ["m1", "m1", "m2", "m3"], "hardware": ["one", "one", "two", "one"],
        "recall@20": [0.20, 0.15, 0.18, 0.01], "bytes_per_item": [256.0, 32.0, 64.0, 300.0],
        "queries": ["float32", "own", "float32", "float32"],
    })  # fmt: skip


def test_the_reference_is_the_float32_run_on_the_same_checkpoint():
    assert frontiers.reference(table(), "recall@20").tolist()[:2] == [0.20, 0.20]
    assert np.isnan(frontiers.reference(table(), "recall@20").iloc[2])  # no float32 run on m2: unknown, not 1


def test_the_share_of_float32_is_one_for_float32_itself():
    assert frontiers.share_of_float(table(), "recall@20")["recall@20_share"].tolist()[:2] == pytest.approx([1.0, 0.75])


def test_points_of_another_data_set_never_dominate():
    judged = frontiers.judged(table(), "bytes_per_item", "recall@20").set_index("run_id")
    assert judged.loc["b-four", "frontier"]  # worse in both than a's points, but of other users and items


def test_points_without_a_metric_are_left_out():
    some = table()
    some.loc[0, "recall@20"] = None
    assert "a-float" not in set(frontiers.judged(some, "bytes_per_item", "recall@20")["run_id"])


def test_a_filter_without_values_lets_everything_pass():
    shown = frontiers.filtered(table(), ["a"], None, {"quantizer": [], "queries": ["float32"]})
    assert list(shown["run_id"]) == ["a-float", "a-other"]


def test_one_hardware_at_a_time():
    assert list(frontiers.filtered(table(), ["a"], "two", {})["run_id"]) == ["a-other"]


def test_originals_are_the_catalogs_own_rows():
    shown = frontiers.share_of_float(table(), "recall@20").iloc[[1]]
    pd.testing.assert_frame_equal(frontiers.originals(table(), shown), table().iloc[[1]])


def test_the_shares_that_are_shown_are_exported_beside_the_catalogs_own_rows():
    shown = frontiers.share_of_float(table(), "recall@20").iloc[[0, 1]]
    found = frontiers.with_shares(table(), shown)
    pd.testing.assert_frame_equal(found.drop(columns="recall@20_share"), table())
    assert found["recall@20_share"].head(2).tolist() == shown["recall@20_share"].tolist()
    assert found["recall@20_share"].iloc[2:].isna().all()
    assert "share of what float32 reaches" in columns.meaning("recall@20_share")


def test_times_of_another_machine_never_dominate():
    timed = table().assign(dataset="a", latency_p50_us=[9.0, 8.0, 1.0, 7.0])
    judged = frontiers.judged(timed, "latency_p50_us", "recall@20", ["dataset", "hardware"])
    assert judged["frontier"].all()  # "a-other" is faster than all and better than some, but on machine "two"


@pytest.mark.parametrize("x, y, best", [
    ("cost", "other", {"a-float"}),  # two costs: less of both
    ("throughput_qps", "recall@20", {"a-float", "a-four", "b-four"}),  # more of both
    ("ndcg@20", "cost", {"a-float", "b-four"}),  # more across, less upward
])  # fmt: skip
def test_a_frontier_knows_the_direction_of_both_metrics(x, y, best):
    of = table().assign(dataset="a", cost=[1.0, 2.0, 3.0, 4.0], other=[1.0, 2.0, 3.0, 4.0],
                        throughput_qps=[1.0, 2.0, 0.5, 9.0])  # fmt: skip
    of["ndcg@20"] = [0.5, 0.4, 0.5, 0.9]
    judged = frontiers.judged(of, x, y)
    assert set(judged.loc[judged["frontier"], "run_id"]) == best


def test_each_data_set_and_machine_has_a_chart_named_by_what_differs():
    judged = frontiers.judged(table(), "bytes_per_item", "recall@20", ["dataset", "hardware"])
    assert [t for t, _ in frontiers.panels(judged, ["dataset", "hardware"], ["b", "a"])] == [
        "b · one",
        "a · one",
        "a · two",
    ]
    assert [t for t, _ in frontiers.panels(judged, ["dataset"])] == ["a", "b"]
    assert [t for t, _ in frontiers.panels(judged[judged["dataset"] == "a"], ["dataset"])] == [""]


def test_a_shortened_table_keeps_the_frontier_and_the_best():
    judged = frontiers.judged(table().assign(dataset="a"), "bytes_per_item", "recall@20")
    assert list(frontiers.best_first(judged, "recall@20", 3)["run_id"]) == ["a-float", "a-other", "a-four"]
    few = frontiers.best_first(judged.assign(frontier=judged["run_id"] == "b-four"), "recall@20", 2)
    assert list(few["run_id"]) == ["a-float", "b-four"]  # the frontier's own, whatever it reaches
    first = frontiers.best_first(judged.assign(frontier=judged["run_id"] == "a-float"), "recall@20", 2)
    assert list(first["run_id"]) == ["a-float", "a-other"]  # its own place is not taken twice
