"""Names in the chart of trade-offs: of points on the frontier and of lines, where they stand and which are left out."""

import numpy as np
import pandas as pd
import pytest

from dashboard import charts, labels
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


def test_a_name_that_a_line_would_strike_through_is_left_out():
    table = points(**{"recall@20": [0.20, 0.187, 0.10]})
    line = ("y", "x", 0.19)  # where the name of the small format stands, beyond its own name
    assert "uniform 4 bit" not in names(drawn(table, references=[line])) and "uniform 4 bit" in names(drawn(table))


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
    losses, encoders = ["bpr", "softmax", "softmax"], ["lightgcn", "mf", "mf"]
    assert {"BPR, float32", "softmax, uniform 4 bit"} <= set(names(drawn(points(loss=losses))))
    assert {"LightGCN BPR, float32", "MF softmax, uniform 4 bit"} <= set(
        names(drawn(points(loss=losses, encoder=encoders)))
    )


def test_models_off_the_frontier_do_not_make_its_names_longer():
    apart = points(encoder=["lightgcn", "lightgcn", "mf"], dim=[64, 64, 256], loss=["softmax", "softmax", "bpr"])
    assert {"float32", "uniform 4 bit"} <= set(names(drawn(apart)))


def many(n: int) -> pd.DataFrame:
    """Points on the frontier, every second with a long name."""
    methods = [f"uniform {i} bit" + " tuned for float32 users" * (i % 2) for i in range(n)]
    one = points().iloc[[0]].drop(columns=["recall@20_low", "recall@20_high"])
    table = pd.concat([one] * n, ignore_index=True).assign(frontier=True, method=methods)
    return table.assign(bytes_per_item=np.geomspace(8, 256, n), **{"recall@20": np.linspace(0.1, 0.2, n)})


@pytest.mark.parametrize("width", [360, 540, 1100])
@pytest.mark.parametrize("log_x", [True, False])
def test_no_name_covers_another_however_wide_the_chart(width, log_x):
    table = many(30)
    figure = charts.tradeoffs(table, BYTES, RECALL, log_x=log_x, log_y=False, width=width)
    of = np.log10 if log_x else np.asarray
    every = [of(x) for _, x, *_ in places(figure)] + of(table["bytes_per_item"]).tolist()
    pixels = (width - 100) / (max(every) - min(every))
    spans = [((of(x) - min(every)) * pixels, len(text) * 5.5, y) for text, x, y, _ in places(figure) if text]
    assert spans and all(end - wide >= 0 for end, wide, _ in spans)
    for number, (end, wide, y) in enumerate(spans):
        for other, width_of, height in spans[:number]:
            near = abs(y - height) < 0.0349 * 0.1
            assert not (near and end - wide < other and other - width_of < end)


def test_a_wider_chart_has_room_for_more_names():
    counts = [
        len(names(charts.tradeoffs(many(20), BYTES, RECALL, log_x=True, log_y=False, width=w))) for w in (300, 1200)
    ]
    assert 0 < counts[0] <= 10 and counts[1] == 20, "half of them are long"


def test_a_name_that_would_take_too_much_of_the_chart_loses_its_options_and_is_no_other_s():
    methods = ["float32", "DPQ 8 bit, no scale, tuned for float32 users", "DPQ 8 bit"]
    table = points(method=methods, frontier=True, bytes_per_item=[256.0, 10.0, 12.0])

    def told(width: int) -> set[str]:
        return {
            text for text, *_ in places(charts.tradeoffs(table, BYTES, RECALL, log_x=True, log_y=False, width=width))
        }

    assert methods[1] in told(1100) and methods[1] not in told(500)
    assert "DPQ 8 bit, …" in told(500), "its options would not fit, and without them it is another form"
    alone = table.assign(method=[*methods[:2], "sign 1 bit"])
    assert "DPQ 8 bit" in names(charts.tradeoffs(alone, BYTES, RECALL, log_x=True, log_y=False, width=500))


def test_what_was_left_out_does_not_move_the_others_over_a_line_s_name():
    """Axes keep the room for which names were placed, though the longest came to nothing."""
    table = pd.concat([points(), points().iloc[[0]]], ignore_index=True).assign(
        frontier=True, bytes_per_item=[256.0, 10.0, 12.0, 200.0], **{"recall@20": [0.2, 0.192, 0.1, 0.1998]},
        method=["float32", "DPQ 8 bit, no scale, tuned for users", "sign 1 bit", "uniform 8 bit"],
    )  # fmt: skip
    line = charts.Reference("y", "float32: 0.2000", 0.2)
    figure = charts.tradeoffs(table, BYTES, RECALL, log_x=False, log_y=False, width=700, references=[line])
    edge = min(x for text, x, *_ in places(figure) if not text)
    pixels = 600 / (256 - edge)
    for text, x, y, _ in places(figure):
        if text and abs(y - (0.2 - 2.2 * 0.0035)) < 0.0035:  # beside the line's name
            assert (x - edge) * pixels - len(text) * 5.5 > len(line.text) * 5.5


def test_heights_are_told_apart_as_the_axis_shows_them():
    """A line far above the points, and intervals, make them lie close together."""
    table = points(**{"recall@20": [0.104, 0.1, 0.05], "bytes_per_item": [40.0, 39.0, 10.0]}, frontier=True)
    table = table.drop(columns=["recall@20_low", "recall@20_high"])
    alone = names(charts.tradeoffs(table, BYTES, RECALL, log_x=True, log_y=False, width=700))
    line = charts.Reference("y", "float32: 0.5000", 0.5)
    beneath = names(charts.tradeoffs(table, BYTES, RECALL, log_x=True, log_y=False, width=700, references=[line]))
    assert {"float32", "uniform 4 bit"} <= set(alone) and "float32" in beneath and "uniform 4 bit" not in beneath


@pytest.mark.parametrize("width", [1, 100, 140])
def test_a_chart_without_room_has_no_names(width):
    assert not names(charts.tradeoffs(points(), BYTES, RECALL, log_x=True, log_y=False, width=width))


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
