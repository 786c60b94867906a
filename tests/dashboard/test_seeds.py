"""Several seeds of one configuration are one point: means and medians of what was measured, and of nothing else."""

import math

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import drawings, labels, seeds
from engine.store import reference as store
from engine.study.figures import LIGHTGCN, Study
from tests.dashboard.conftest import texts
from tests.dashboard.fake_points import RECALL, points
from tests.study.shipped_rows import ship

ABOUT = {"source": "own", "tested": "split seed 0", "bits": 4, "options": "{}", "index": "bits", "query_bits": 32,
         "quantizer": "uniform", "method": "uniform 4 bit", "calibration_drift": 1.0}  # fmt: skip


def three(**columns) -> pd.DataFrame:
    """Three seeds of one configuration."""
    table = points(run_id=["a", "b", "c"], seed=[0, 1, 2], checkpoint=["m0", "m1", "m2"], **ABOUT)
    values = {"recall@20": [0.18, 0.20, 0.19], "bytes_per_item": [34.0, 34.0, 37.0],
              "latency_p50_us": [10.0, 30.0, 14.0]}  # fmt: skip
    return table.assign(**{**values, **columns})


def test_a_point_is_the_mean_over_seeds_with_student_s_interval_and_the_median_of_costs():
    (row,) = seeds.merged(three(), by_machine=False).to_dict("records")
    half = 4.303 * 0.01 / math.sqrt(3)
    found = [row[column] for column in ("recall@20", "recall@20_low", "recall@20_high")]
    assert found == pytest.approx([0.19, 0.19 - half, 0.19 + half])
    assert (row["bytes_per_item"], row["latency_p50_us"], row["seeds"]) == (34.0, 14.0, 3)
    assert row["run_id"] == "a" and row["members"] == [("a", 32), ("b", 32), ("c", 32)]
    assert labels.model(row) == "LightGCN, 64 dimensions, 2 layers, softmax, 3 seeds"


def test_one_seed_stays_what_it_was():
    table = three().iloc[1:2]
    (row,) = seeds.merged(table, by_machine=False).to_dict("records")
    for column in ("recall@20", "recall@20_low", "recall@20_high", "latency_p50_us", "run_id", "hardware"):
        assert row[column] == table[column].iloc[0], column
    assert row["seeds"] == 1 and labels.model(row).endswith("softmax, seed 1")


@pytest.mark.parametrize(("column", "values"), [
    ("source", ["own", "own", "reference"]), ("tested", ["split seed 0", "split seed 0", "split seed 1"]),
    ("dim", [64, 64, 128]), ("settings", ["{}", "{}", '{"lr": 0.1}']), ("settings", ["{}", "{}", None]),
    ("options", ["{}", "{}", '{"scale": "table"}']), ("bits", [4, 4, 2]), ("query_bits", [32, 32, 4]),
    ("dataset", ["demo", "demo", "other"]), ("index", ["bits", "bits", "planes"]), ("items", [10, 10, 20]),
])  # fmt: skip
def test_what_differs_in_anything_but_the_seed_stays_apart(column, values):
    found = seeds.merged(three(**{column: values}), by_machine=False)
    assert found["members"].map(len).tolist() == [2, 1]


def test_times_of_two_machines_are_in_no_median():
    table = three(hardware=["My CPU", "My CPU", "Another CPU"])
    (row,) = seeds.merged(table, by_machine=False).to_dict("records")
    assert row["recall@20"] == pytest.approx(0.19) and math.isnan(row["latency_p50_us"])
    assert row["hardware"] == "2 machines"
    apart = seeds.merged(table, by_machine=True)
    assert dict(zip(apart["hardware"], apart["latency_p50_us"], strict=True)) == {"My CPU": 20.0, "Another CPU": 14.0}


def test_seeds_on_which_the_machine_lost_its_pace_do_not_count_for_times_where_there_are_others():
    (row,) = seeds.merged(three(calibration_drift=[1.0, 40.0, float("nan")]), False).to_dict("records")
    assert (row["latency_p50_us"], row["calibration_drift"]) == (12.0, 1.0)
    (row,) = seeds.merged(three(calibration_drift=40.0), False).to_dict("records")
    assert (row["latency_p50_us"], row["calibration_drift"]) == (14.0, 40.0), "in doubt, and it says so"


@pytest.mark.parametrize(("shown", "line"), [([0, 1, 2], "float32: 0.1900"), ([1], "float32: 0.2000")])
def test_the_line_of_float32_is_the_mean_of_the_seeds_that_are_shown(shown, line):
    """A filter may leave some; the float32 points of the others are there all the same."""
    own = seeds.merged(three().iloc[shown], False)
    exact = seeds.beside(own, three(quantizer="float32", bits=32))
    assert [found.text for found in drawings._references(own, exact, RECALL, "y")] == [line]


def test_a_seed_that_two_runs_measured_counts_once():
    """They differ in what else they were searched with."""
    twice = three(seed=[0, 0, 1])
    (row,) = seeds.merged(twice, False).to_dict("records")
    assert (row["recall@20"], row["recall@20_high"]) == pytest.approx((0.19, 0.19)) and row["seeds"] == 2
    assert row["latency_p50_us"] == 17.0, "the median of 20 and 14"
    (row,) = seeds.merged(twice.iloc[:2], False).to_dict("records")
    assert (row["seeds"], row["recall@20_low"], row["recall@20_high"]) == (1, 0.19, 0.22), "as it was, over users"


def test_a_median_has_no_interval_of_one_of_its_seeds():
    table = three(latency_p50_us_low=9.8, latency_p50_us_high=10.2)
    (row,) = seeds.merged(table, False).to_dict("records")
    assert math.isnan(row["latency_p50_us_low"]) and math.isnan(row["latency_p50_us_high"])
    (row,) = seeds.merged(table.iloc[:1], False).to_dict("records")
    assert (row["latency_p50_us_low"], row["latency_p50_us_high"]) == (9.8, 10.2)


def test_nothing_merges_to_nothing():
    assert seeds.merged(three().iloc[:0], False).empty


def test_the_points_of_a_study_are_the_figures_that_are_told_of_it(tmp_path):
    ship(tmp_path, ["gowalla"])
    table = store.points(tmp_path).assign(source="reference", tested="split seed 0")
    table["latency_p50_us"] *= 1 + table["seed"] % 3  # else all seeds take as long
    found = seeds.merged(table, by_machine=False)
    study = Study(table)
    for form in ("float32 32 bit", "sign 1 bit", "hqgnn 2 bit"):
        told = study.value("gowalla", form, "float32", "recall@20", LIGHTGCN)
        usual = (found[list(LIGHTGCN._fields)] == list(LIGHTGCN)).all(axis=1)
        (row,) = found[usual & (found["form"] == form) & (found["query_bits"] == 32)].to_dict("records")
        assert (row["recall@20"], row["recall@20_high"]) == pytest.approx((told.mean, told.high)), form
        assert row["seeds"] == told.seeds == 5
        assert row["latency_p50_us"] == study.p50("gowalla", form, "float32")


@pytest.fixture
def reference(tmp_path, monkeypatch):
    ship(tmp_path / "reference", ["gowalla"], ["core"])
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path / "reference"))


def test_means_are_shown_first_and_one_click_parts_the_seeds(show, root, reference):
    app = show("tradeoffs")
    assert "Each point stands for 3 seeds: the mean of its quality" in texts(app)
    merged = next(c.value for c in app.caption if " points, " in c.value and "frontier" in c.value)
    app.toggle(key="t_mean").set_value(False).run()
    parted = next(c.value for c in app.caption if " points, " in c.value and "frontier" in c.value)
    assert int(merged.split()[0]) * 3 == int(parted.split()[0])
    assert "Each seed is a point of its own" in texts(app) and not app.exception


def test_the_table_has_each_configuration_once_with_its_seeds_and_interval(show, root, reference):
    table = show("tradeoffs").dataframe[0].value
    assert set(table["Seeds"]) == {3} and (table["± Recall@20"] > 0).all()
    assert not table.duplicated(["Method", "Users searched at", "Model"]).any()
    parted = show("tradeoffs", t_mean="false").dataframe[0].value
    assert "Seeds" not in parted and "± Recall@20" not in parted


def test_one_seed_has_no_switch(show, runs):
    assert not [t for t in show("tradeoffs").toggle if t.key == "t_mean"]


def test_a_selected_mean_is_exported_with_all_its_seeds(runs, monkeypatch):
    def page() -> None:
        import streamlit as st

        from dashboard import data, downloads
        from dashboard.tradeoff_parts import actions

        points = data.points()
        pairs = list(zip(points["run_id"], points["query_bits"].astype(int), strict=True))
        exported = []
        downloads.table = lambda rows, *_: exported.append(rows())
        actions(pairs[:1], pairs[:1], lambda: points, {pairs[0]: pairs[:3]})
        st.markdown(f"exported {len(exported[0])}")

    from dashboard import downloads

    monkeypatch.setattr(downloads, "table", downloads.table)
    app = AppTest.from_function(page).run()
    assert "exported 3" in texts(app)
    assert "Of several seeds it is the first." in next(b.help for b in app.button if b.label == "Open run")
