"""Names in the chart of trade-offs: of points on the frontier and of lines, where they stand and which are left out."""

import numpy as np
import pandas as pd
import pytest

from dashboard import labels
from dashboard.labels import COSTS
from dashboard.point_words import short_names
from tests.dashboard.fake_points import BYTES, RECALL, drawn, names, places, points


def test_the_float32_line_stands_at_its_value():
    figure = drawn(points(), references=[("y", "float32: 0.2000", 0.2)])
    assert [s.y0 for s in figure.layout.shapes] == [0.2]
    assert "float32: 0.2000" in [a.text for a in figure.layout.annotations]


def test_the_float32_line_and_the_frontier_are_named_on_its_two_sides():
    # a small format that keeps nearly everything stands near the line, at its named end
    figure = drawn(points(**{"recall@20": [0.20, 0.185, 0.10]}), references=[("y", "float32: 0.2000", 0.2)])
    line = next(a for a in figure.layout.annotations if a.text == "float32: 0.2000")
    assert (line.yanchor, names(figure)["uniform 4 bit"][0].textposition) == ("top", "top left")  # beneath, above


def test_a_name_that_would_cover_that_of_the_float32_line_is_left_out():
    table = points(**{"recall@20": [0.20, 0.192, 0.10]})  # the small format is just beneath the line's name
    texts = names(drawn(table, references=[("y", "float32: 0.2000", 0.2)]))
    assert "uniform 4 bit" not in texts and "float32" in texts
    assert "uniform 4 bit" in names(drawn(table))


def test_a_lines_name_is_placed_by_the_logarithm_on_a_logarithmic_axis():
    figure = drawn(points(), RECALL, BYTES, log_x=True, references=[("x", "float32: 0.2000", 0.2)])
    assert figure.layout.annotations[-1].x == pytest.approx(np.log10(0.2))


def test_labels_on_the_frontier_tell_apart_what_shares_a_name():
    assert short_names(
        ["sign 1 bit, fit mse, scale row", "sign 1 bit, fit mse, no scale", "uniform 4 bit, scale row"]
    ) == [
        "sign 1 bit, scale row",
        "sign 1 bit, no scale",
        "uniform 4 bit",
    ]


def test_points_of_several_encoders_are_named_with_theirs():
    assert {"LightGCN, float32", "MF, uniform 4 bit"} <= set(names(drawn(points(encoder=["lightgcn", "mf", "mf"]))))


def test_points_of_several_dimensions_are_named_with_theirs():
    assert {"float32, 128 d", "uniform 4 bit, 64 d"} <= set(names(drawn(points(dim=[128, 64, 64]))))


def test_points_of_several_losses_are_named_with_theirs():
    """Models that are trained as published stand beside the others."""
    losses, encoders = ["bpr", "softmax", "softmax"], ["lightgcn", "lightgcn", "mf"]
    assert {"BPR, float32", "softmax, uniform 4 bit"} <= set(names(drawn(points(loss=losses))))
    assert {"LightGCN BPR, float32", "LightGCN softmax, uniform 4 bit"} <= set(
        names(drawn(points(loss=losses, encoder=encoders)))
    )


def test_the_popularity_baseline_is_named_as_what_it_is():
    assert labels.method({"encoder": "popularity", "quantizer": "float32", "bits": 32}) == "popularity"
    assert labels.method({"encoder": "mf", "quantizer": "float32", "bits": 32}) == "float32"


def test_a_crowded_frontier_is_not_labelled_and_one_of_two_dozen_points_is():
    def frontier(n):
        return pd.concat([points(bytes_per_item=[i, i + 0.3, i + 0.6], frontier=True) for i in range(1, n // 3 + 1)])

    assert not names(drawn(frontier(33))) and names(drawn(frontier(24))) and names(drawn(points()))


def test_axes_reach_as_far_as_the_names_of_the_outermost_points():
    assert 34 / 8 < min(x for text, x, *_ in places(drawn(points())) if not text) < 34
    more = drawn(points(throughput_qps=[100.0, 900.0, 50.0]), COSTS["throughput_qps"])
    assert 900 < max(x for text, x, *_ in places(more) if not text) < 8 * 900
