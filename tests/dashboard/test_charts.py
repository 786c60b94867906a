"""The charts are pure: a table goes in, and what is drawn can be read off the figure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard import chart_style, charts, labels, ruler, run_charts, thinning, who_loses
from dashboard.labels import COSTS, axis
from dashboard.point_words import hover
from tests.dashboard.fake_points import BYTES, RECALL, drawn, markers, names, points


def test_dominated_points_are_faded_and_frontier_points_are_not():
    shown = markers(drawn(points()))
    assert shown["r-bad"].opacity == charts.FADED < 1
    assert shown["r-float"].opacity == shown["r-four"].opacity == 1


def test_a_method_has_one_legend_entry_which_is_solid_where_a_point_of_it_is_on_the_frontier():
    figure = drawn(points(quantizer=["float32", "uniform", "uniform"]))
    entries = {t.name: t.opacity for t in figure.data if t.legendgroup and t.showlegend is not False and t.customdata}
    assert entries == {labels.name("float32"): 1, labels.name("uniform"): 1}
    assert len({t.legendgroup for t in figure.data if t.name == labels.name("uniform")}) == 1  # a click hides both


def test_a_click_can_tell_run_and_query_precision():
    assert [list(c) for c in markers(drawn(points()))["r-bad"].customdata] == [["r-bad", 1]]


def test_the_frontier_is_a_step_line_through_its_points_only():
    line = next(t for t in drawn(points()).data if t.mode == "lines")
    assert list(line.x) == [34.0, 256.0]
    assert line.line.shape == "hv"


def test_for_throughput_more_is_better_and_the_steps_turn_round():
    table = points(throughput_qps=[100.0, 900.0, 50.0])
    line = next(t for t in drawn(table, COSTS["throughput_qps"]).data if t.mode == "lines")
    assert line.line.shape == "vh"


CORNERS = {
    ("latency_p50_us", "recall"): ("↖ better", "hv", "top left"),
    ("throughput_qps", "ndcg"): ("better ↗", "vh", "top right"),
    ("bytes_per_item", "latency_p99_us"): ("↙ better", "hv", "bottom left"),
    ("recall", "index_bytes"): ("better ↘", "vh", "bottom right"),
}
"""Axes across and upward → where better is, how the steps turn, and on which side of a point its name stands."""


@pytest.mark.parametrize("metrics, looks", CORNERS.items())
def test_any_two_metrics_make_a_frontier_whose_steps_turn_towards_the_worse(metrics, looks):
    x, y = (axis(name) for name in metrics)
    table = points(**{x.column: [1.0, 2.0, 3.0], y.column: [5.0, 7.0, 8.0]}, frontier=[True, True, False])
    figure = drawn(table, x, y)
    line = next(t for t in figure.data if t.mode == "lines")
    named, across, upward = names(figure)["uniform 4 bit"]
    assert (figure.layout.annotations[0].text, line.line.shape, named.textposition) == looks
    assert (across, upward) == (2 * x.scale, 7 * y.scale)


def test_quality_on_the_horizontal_axis_has_its_intervals_and_its_line_there():
    figure = drawn(points(), RECALL, BYTES, log_x=False, references=[("x", "float32: 0.2000", 0.2)])
    assert markers(figure)["r-float"].error_x.array[0] == pytest.approx(0.02)
    assert markers(figure)["r-float"].error_y.array is None
    assert [(s.x0, s.x1) for s in figure.layout.shapes] == [(0.2, 0.2)]


def many(copies: int) -> pd.DataFrame:
    """Thousands of points: as many of each of two methods, side by side in a few places."""
    table = pd.concat([points()] * copies, ignore_index=True)
    rng = np.random.default_rng(0)
    return table.assign(**{"recall@20": table["recall@20"] * rng.uniform(0.9, 1, len(table)), "frontier": False})


def test_of_thousands_of_points_those_that_cover_each_other_are_drawn_once():
    table = many(1000)
    few = thinning.thinned(table, BYTES, RECALL, True, False)
    assert len(few) <= thinning.MOST and set(few["quantizer"]) == set(table["quantizer"])
    assert few["recall@20"].max() == table["recall@20"].max()  # of one place the best is drawn


def test_points_on_the_frontier_are_all_drawn_and_few_points_as_they_are():
    table = many(1000)
    table.loc[::30, "frontier"] = True
    assert thinning.thinned(table, BYTES, RECALL, True, False)["frontier"].sum() == 100
    assert len(thinning.thinned(many(10), BYTES, RECALL, True, False)) == 30


def test_error_bars_reach_from_the_low_to_the_high_end_of_the_interval():
    error = markers(drawn(points()))["r-float"].error_y
    assert error.array[0] == pytest.approx(0.02)  # 0.20 … 0.22
    assert error.arrayminus[0] == pytest.approx(0.01)  # 0.19 … 0.20


def test_a_share_without_an_interval_has_no_error_bars():
    table = points().drop(columns=["recall@20_low", "recall@20_high"])
    assert markers(drawn(table))["r-float"].error_y.array is None


def test_a_missing_interval_has_no_bar_and_all_others_are_plain_lists():
    table = points(**{"recall@20_low": [np.nan, 0.17, 0.09], "recall@20_high": [np.nan, 0.20, 0.12]})
    shown = markers(drawn(table))
    assert np.isnan(shown["r-float"].error_y.array[0])  # a list would reach plotly as null, which is zero to it
    assert isinstance(shown["r-four"].error_y.to_plotly_json()["array"], (list, tuple))


def test_an_interval_that_is_open_above_has_no_bar_at_all():
    table = points(**{"recall@20_low": [0.19, 0.17, 0.09], "recall@20_high": [np.nan, 0.20, 0.12]})
    (bars, other) = (markers(drawn(table))[name].error_y for name in ("r-float", "r-four"))
    assert np.isnan(bars.array[0]) and np.isnan(bars.arrayminus[0]), "half a bar would end at the value"
    assert other.arrayminus[0] == pytest.approx(0.02)


def test_index_memory_is_drawn_in_megabytes():
    assert markers(drawn(points(), COSTS["index_bytes"]))["r-four"].x[0] == pytest.approx(3.4)


def test_users_at_the_items_bits_have_open_markers():
    shown = markers(drawn(points()))
    assert shown["r-bad"].marker.symbol[0].endswith("-open")
    assert not shown["r-four"].marker.symbol[0].endswith("-open")


def test_hover_names_everything_about_a_point():
    text = hover(points().to_dict("records")[1])
    for part in ("uniform 4 bit, scale row", "float32 users", "demo", "64 dimensions", "seed 0", "34", "0.1700–0.2000"):
        assert part in text


def test_what_was_not_measured_is_said_and_never_zero():
    row = points().drop(columns=["recall@20", "recall@20_low"]).to_dict("records")[0]
    assert "Recall@20: not measured" in hover(row)


@pytest.mark.parametrize("low, high", [(8, 256), (0.21, 0.24), (33, 33), (1, 1e9)])
def test_a_logarithmic_axis_writes_its_ticks_out(low, high):
    axis = chart_style.logarithmic(pd.Series([low, high]))
    assert 2 <= len(axis["tickvals"]) <= chart_style.TICKS
    assert [float(t.replace(",", "")) for t in axis["ticktext"]] == pytest.approx(axis["tickvals"])


def test_where_points_are_many_only_the_frontier_has_error_bars():
    many = pd.concat([points()] * 14)
    assert charts.crowded(many) and not charts.crowded(points())
    shown = markers(drawn(many))
    assert shown["r-bad"].error_y.array is None and shown["r-float"].error_y.array is not None


def test_every_method_has_a_legend_entry_and_many_make_a_higher_chart():
    each = [points().assign(quantizer=name, run_id=name) for name in chart_style.STYLES]
    figure = drawn(pd.concat(each))
    entries = [t.name for t in figure.data if t.showlegend is not False]
    assert entries[: len(each)] == [labels.name(name) for name in chart_style.STYLES]
    assert figure.layout.height > drawn(points()).layout.height


def test_filled_and_hollow_marks_of_a_method_are_one_trace_with_the_hollow_ones_on_top():
    mixed = points(quantizer="uniform", frontier=False, queries=["own", "float32", "own"])
    (trace,) = markers(drawn(mixed)).values()
    assert trace.marker.symbol == ("circle", "circle-open", "circle-open")
    assert [mark[0] for mark in trace.customdata] == ["r-four", "r-float", "r-bad"]
    assert list(trace.x) == [34.0, 256.0, 40.0], "each mark stays where it was"


def test_peers_have_hollow_markers_and_are_named_as_what_they_are():
    methods = ["float32", "faiss HNSW (peer)", "usearch (peer)"]
    table = points(quantizer=["float32", "peer", "peer"], method=methods, queries="float32", query_bits=32)
    figure = drawn(table)
    shown = markers(figure)
    assert shown["r-four"].marker.symbol == shown["r-bad"].marker.symbol == ("pentagon-open",)
    assert shown["r-four"].marker.line.width[0] > 1  # a hollow mark is its line
    assert "faiss HNSW (peer)" in names(figure)


def test_the_training_curve_marks_the_epoch_that_was_kept():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "valid_ndcg@20": [0.1, 0.2, None]})
    figure = run_charts.training(history, best_epoch=2)
    assert "kept: epoch 2" in [a.text for a in figure.layout.annotations]
    assert len(figure.data) == 2


def test_the_latency_histogram_leaves_out_the_slowest_but_keeps_the_percentiles():
    samples = pd.DataFrame({"microseconds": [*np.linspace(10, 20, 995), *[1e6] * 5]})
    figure = run_charts.latency(samples, {"p50": 15.0, "p99": 19.9})
    assert max(figure.data[0].x) < 1e6
    assert len(figure.layout.shapes) == 2


def test_popularity_is_sorted_and_leaves_out_what_nobody_has():
    assert list(run_charts.popularity(np.array([0, 3, 9, 1])).data[0].y) == [9, 3, 1]


def every_chart():
    samples = pd.DataFrame({"microseconds": np.linspace(10, 20, 99)})
    history = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "valid_ndcg@20": [0.1, 0.2]})
    measured = {"metric": "recall", "query_bits": [32, 32, 4, 4], "k": [10, 20] * 2, "value": 0.2, "low": 0.1}
    yield drawn(points(), references=[("y", "float32: 0.2000", 0.2)])
    yield drawn(many(50))
    yield charts.tradeoffs(points(), RECALL, BYTES, log_x=False, log_y=True, narrow=True)
    groups = pd.DataFrame({"point": [0, 1], "group": 0, "share": 0.2, "low": [0.1, np.nan], "high": [0.3, np.nan]})
    compared = pd.DataFrame({"quantizer": ["float32", "sign"], "query_bits": [32, 1], "letter": ["A", "B"]})
    for relative in (False, True):
        told = groups.assign(change=-0.1, change_low=-0.2, change_high=np.nan)
        yield who_loses.figure(told, compared, ["tail"], "recall@20", relative)
    yield run_charts.latency(samples, {"p50": 15.0})
    yield run_charts.popularity(np.arange(9))
    yield run_charts.history_lengths(np.arange(9))
    yield run_charts.training(history, 2)
    yield run_charts.quality_by_k(pd.DataFrame(measured).assign(high=0.3), "recall", "Recall")


def test_no_chart_has_what_makes_plotly_draw_an_equal_copy_anew():
    for figure in every_chart():
        layout = figure.to_dict()["layout"]
        assert layout.get("template") is None and layout["datarevision"] == 1


def test_a_chart_that_is_made_before_the_pages_width_is_known_has_none():
    figure = drawn(points())
    ruler.fit(figure, ruler.UNKNOWN["whole"])
    assert "width" not in figure.to_dict()["layout"]  # nor null, which streamlit would not hide
    ruler.fit(figure, 700)
    assert figure.layout.width == 700


def test_a_legend_entry_shows_a_filled_mark_where_a_method_has_one():
    coded = points(quantizer="uniform", queries=["own", "own", "float32"])  # those on the frontier are hollow
    (entry,) = [t for t in drawn(coded).data if t.customdata is not None and t.showlegend is not False]
    assert entry.marker.symbol[0] == "circle"


def test_every_chart_has_only_what_plotly_knows():
    for figure in every_chart():
        go.Figure(figure.to_dict())  # raises what plotly was not asked to look for when the chart was made
