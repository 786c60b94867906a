"""The Trade-offs page: charts side by side, links that show the same again, and what selected points are for."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data, drawings, labels, point_table, results
from dashboard.tradeoff_controls import EVERY
from engine.store import inbox
from engine.store.files import write_json
from engine.store.folders import run_folders
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts
from tests.dashboard.fake_points import RECALL, points


def test_several_data_sets_have_a_chart_and_a_frontier_each(show, runs, root):
    make_runs.make_runs(root, 8, dataset="other")
    app = show("tradeoffs", {"t_datasets": ["demo", "other"]})
    assert len(app.get("plotly_chart")) == 2
    assert [m.value for m in app.markdown if m.value in ("**demo**", "**other**")] == ["**demo**", "**other**"]


def test_several_machines_can_be_shown_each_on_its_own_chart(show, runs, root):
    make_runs.make_runs(root, 8, hardware="Another CPU", first=8)
    app = show("tradeoffs", {"t_x": "latency_p50_us", "t_hardware": EVERY})
    assert len(app.get("plotly_chart")) == 2
    assert "Each machine has its own chart." in texts(app)
    assert len(show("tradeoffs", {"t_x": "index_bytes"}).get("plotly_chart")) == 1  # bytes are the same anywhere


def test_a_link_shows_the_same_again(show, runs):
    link = {"t_y": "NDCG", "t_x": "Latency, median (µs)", "t_k": "50", "t_share": "true", "t_quantizer": "uniform"}
    app = show("tradeoffs", **link)
    chosen = {key: app.selectbox(key=key).value for key in ("t_y", "t_x", "t_k")}
    assert chosen == {"t_y": "ndcg", "t_x": "latency_p50_us", "t_k": 50}
    assert app.toggle(key="t_share").value and app.multiselect(key="t_quantizer").value == ["uniform"]
    assert app.expander[0].label == "Filters and axes (1 active)"


def test_a_filter_that_a_link_names_and_nothing_has_is_not_active(show, runs):
    app = show("tradeoffs", t_quantizer="of tomorrow")
    assert app.expander[0].label == "Filters and axes" and not app.exception
    assert app.multiselect(key="t_quantizer").value == []


def test_choices_survive_a_visit_to_another_page(show, runs):
    app = show("tradeoffs")
    app.selectbox(key="t_y").set_value("ndcg").run()
    app.switch_page("views/queue.py").run()
    app.switch_page("views/tradeoffs.py").run()
    assert app.selectbox(key="t_y").value == "ndcg"


def test_one_metric_on_both_axes_is_a_sentence(show, runs):
    app = show("tradeoffs", {"t_x": "recall", "t_y": "recall"})
    assert "Both axes show the same metric" in app.info[0].value and not app.get("plotly_chart")


def test_two_costs_can_be_set_against_each_other(show, runs):
    app = show("tradeoffs", {"t_x": "bytes_per_item", "t_y": "latency_p99_us"})
    assert app.get("plotly_chart") and not app.error
    assert app.selectbox(key="t_k").disabled and app.toggle(key="t_share").disabled  # neither is about lists


def test_a_shared_table_is_not_changed_by_who_uses_it(runs):
    for table in (results.described(), data.points()):
        table["quantizer"] = "spoilt"
    assert "spoilt" not in set(results.described()["quantizer"]) | set(data.points()["quantizer"])


def test_runs_of_two_splits_have_a_chart_and_a_frontier_each(show, runs, root):
    """Their test items differ: the recall of one says nothing beside that of the other."""
    make_runs.make_runs(root, 8, first=8)
    for folder in run_folders(root):
        if folder.spec().model.seed == 1:
            spec = folder.spec().model_dump(mode="json")
            write_json(folder.file("spec.json"), {**spec, "split_seed": 3})
    make_runs.publish(root)
    app = show("tradeoffs")
    assert len(app.get("plotly_chart")) == 2
    assert {"**split seed 0**", "**split seed 3**"} <= {m.value for m in app.markdown}
    budget = show("budget")
    assert budget.selectbox(key="b_split").options == ["split seed 0", "split seed 3"]
    counted = next(e.label for e in budget.expander if e.label.startswith("All "))
    assert counted == next(e.label for e in show("budget", {"b_split": "split seed 3"}).expander if "All " in e.label)
    none = show("budget", {"b_split": "split seed 3"}, b_keep="120")
    next(b for b in none.button if b.label.startswith("Queue ")).click().run()
    assert {c["spec"]["split_seed"] for _, c in inbox.pending(root)} == {3}, "what is missing there is missing of it"
    shutil.rmtree(next(f.path for f in run_folders(root) if f.spec().split_seed == 3))
    make_runs.publish(root)
    assert counted in [e.label for e in show("budget").expander], "of the other split one is gone"


def test_the_table_s_selection_goes_with_its_rows(runs):
    """It goes by the rows' numbers: with other rows, or in another order, they would name other points."""
    x, y = labels.axis("bytes_per_item"), labels.axis("recall")
    table = results.described().assign(frontier=True)
    whole = point_table.listing(table, x, y, [])
    assert whole.name == point_table.listing(table, x, y, []).name
    assert whole.name != point_table.listing(table[table["quantizer"] != "sign"], x, y, []).name
    assert whole.name != point_table.listing(table.assign(**{"recall@20": -table["recall@20"]}), x, y, []).name


def chosen(n: int, here: int | None = None) -> AppTest:
    """The row of buttons with the first n points selected, of which the first (None: all) have runs here."""

    def page() -> None:
        import streamlit as st

        from dashboard import data
        from dashboard.tradeoff_parts import actions

        points = data.points()
        pairs = list(zip(points["run_id"], points["query_bits"].astype(int), strict=True))
        chosen = pairs[: st.session_state["n"]]
        actions(chosen, chosen[: st.session_state["here"]], points)

    app = AppTest.from_function(page)
    app.session_state["n"], app.session_state["here"] = n, here
    return app.run()


def test_runs_on_data_that_changed_meanwhile_have_a_chart_and_a_frontier_of_their_own(show, runs, root):
    """A folder of one's own data may hold others tomorrow, under the same name and split seed."""
    make_runs.make_runs(root, 8, first=8)
    for folder in run_folders(root):
        if folder.spec().model.seed == 1:
            manifest = folder.manifest()
            split = {**manifest["split"], "key": "split-demo-0-" + "e" * 16}
            write_json(folder.file("manifest.json"), {**manifest, "split": split})
    make_runs.publish(root)
    assert set(results.described()["tested"]) == {"split seed 0, data eeeeee", "split seed 0, data ffffff"}
    app = show("tradeoffs")
    assert len(app.get("plotly_chart")) == 2
    assert show("budget").selectbox(key="b_split").options == ["split seed 0, data eeeeee", "split seed 0, data ffffff"]


def test_nothing_selected_says_what_selecting_is_for(runs):
    app = chosen(0)
    assert not app.button and "Click a point to open, compare or export it" in texts(app)


@pytest.mark.parametrize("n, can_compare", [(1, False), (2, True), (6, True), (7, False)])
def test_selected_points_can_be_opened_compared_or_exported(runs, n, can_compare):
    app = chosen(n)
    points = data.points()
    one_run = points["run_id"].head(n).nunique() == 1
    assert one_run or n > 1, "one point is of one run"
    assert button(app, "Open run").disabled != one_run
    assert button(app, f"Compare these {n}" if n > 1 else "Compare").disabled != can_compare
    assert app.get("download_button")


def test_points_whose_runs_are_elsewhere_can_be_exported_and_compared_over_seeds_alone(runs):
    app = chosen(3, here=0)
    assert "3 points selected" in texts(app) and app.get("download_button")
    assert [b.label for b in app.button] == ["Compare over seeds"]
    app = chosen(3, here=2)
    assert "3 points selected" in texts(app) and button(app, "Compare these 2")


def test_the_line_of_float32_says_whose_it_is_where_there_are_several_models():
    floats = points(quantizer="float32", source="own", checkpoint=["a", "b", "c"], dim=[64, 64, 256], seed=[0, 1, 1])
    floats["recall@20"] = [0.19, 0.20, 0.21]
    lines = drawings._references(floats, floats, RECALL, "y")
    assert [line.text for line in lines] == ["best float32 (256 d): 0.2100"]
    one = floats.iloc[:1]
    assert [line.text for line in drawings._references(one, floats, RECALL, "y")] == ["float32: 0.1900"]
    seeds = floats.iloc[:2]
    assert [line.text for line in drawings._references(seeds, floats, RECALL, "y")] == ["best float32 (seed 1): 0.2000"]
