"""Who loses: groups of users and items, what each keeps, and the words for it; each on a case with a known answer."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard import who_loses
from dashboard.chart_style import style

GROUPS = who_loses.POPULARITY


def found(tail: float, n: int = 2000) -> pd.DataFrame:
    """Users with a head and a tail item: point 0 finds half of each, point 1 half of the heads, ``tail`` of tails."""
    rng = np.random.default_rng(0)
    luck = rng.random((n, 3))
    gained = np.stack([luck < 0.5, np.stack([luck[:, 0] < 0.5, luck[:, 1] < 0.5, luck[:, 2] < tail], 1)], axis=1)
    return shares(gained * [1, 0, 1], np.ones((n, 3)) * [1, 0, 1])


def shares(gained: np.ndarray, possible: np.ndarray) -> pd.DataFrame:
    return who_loses.shares(who_loses.resampled(who_loses.columns(gained, possible)), len(gained))


def test_each_group_of_items_holds_a_third_of_the_interactions():
    assert list(who_loses.popularity_groups(np.array([90, 1, 30, 0, 29, 30]))) == [0, 2, 1, 2, 2, 2]
    assert list(who_loses.popularity_groups(np.zeros(2, int))) == [0, 0]


def test_users_are_parted_in_thirds_but_never_equal_ones():
    assert list(who_loses.activity_groups(np.arange(1, 10))) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert list(who_loses.activity_groups(np.array([1, 1, 1, 1, 2, 3]))) == [0, 0, 0, 0, 2, 2]


def test_held_out_items_are_found_at_their_place(monkeypatch):
    monkeypatch.setattr(who_loses, "CHUNK", 2)  # so that the last part is shorter than the others
    lists = np.array([[5, 3, 9], [9, 5, -1]], np.int32)
    owners, items = np.array([0, 0, 1, 1, 1]), np.array([5, 7, 5, 9, 3], np.int32)
    assert list(who_loses.places(lists, owners, items)) == [0, 3, 1, 0, 3]


def test_a_quantizer_that_gives_up_the_tail_is_seen():
    table = found(tail=0.3)
    assert set(table["group"]) == {0, 2}, "nobody has a middle item"
    tail = table[(table["point"] == 1) & (table["group"] == 2)].iloc[0]
    assert tail["change"] == pytest.approx(-0.4, abs=0.05) and tail["change_high"] < -0.3
    words = who_loses.verdict(table, 1, GROUPS)
    assert words.startswith("**tail loses most: -") and "clearly more than head" in words


def test_a_loss_that_all_groups_share_is_told_as_such_also_where_the_worst_alone_is_uncertain():
    rows = [(0, -0.004, -0.008, -0.001), (2, -0.007, -0.016, 0.004)]
    table = pd.DataFrame(
        [{"point": 1, "group": g, "change": c, "change_low": a, "change_high": b} for g, c, a, b in rows]
    )
    words = who_loses.verdict(table, 1, GROUPS)
    assert words == (
        "no group clearly loses more than another: from head -0.4 % (-0.8 to -0.1 %) to tail -0.7 % (-1.6 to +0.4 %)"
    )


def test_equal_lists_lose_nowhere():
    table = found(tail=0.5)
    assert (table["change"] == 0).all() and who_loses.verdict(table, 1, GROUPS).startswith("no group loses")


def test_points_with_equal_lists_are_told_as_equal_however_their_sums_were_rounded():
    rng = np.random.default_rng(1)
    gained = np.repeat(rng.random((500, 1, 3)), 6, axis=1)  # six points: columns that a matrix product sums in two ways
    table = shares(gained, np.ones((500, 3)))
    assert (table[["change", "change_low", "change_high"]] == 0).all(axis=None)
    nudged = who_loses.resampled(who_loses.columns(gained, np.ones((500, 3))))
    nudged[:, 6:] *= 1 - 1e-15
    assert who_loses.verdict(who_loses.shares(nudged, 500), 5, GROUPS).startswith("no group loses")


def test_where_the_base_may_find_nothing_no_change_is_made_up():
    found_by_one = np.array([[[1.0, 0, 0], [1, 0, 0]], *[[[0.0, 0, 0], [1, 0, 0]]] * 8])
    table = shares(found_by_one, np.ones((9, 3)) * [1, 0, 0])  # in a third of the resamples the base finds nothing
    assert table["change_low"].isna().all() and who_loses.percent(table.iloc[1].to_dict()) == "too few to say"


def test_the_chart_has_a_letter_and_the_methods_colour_for_each_point():
    points = pd.DataFrame({"quantizer": ["float32", "sign"], "query_bits": [32, 1], "letter": ["A", "B"]})
    figure = who_loses.figure(found(0.3), points, GROUPS, "recall@20")
    marks = [t for t in figure.data if t.mode == "markers"]
    assert [t.marker.color for t in marks] == [style("float32")[0], style("sign")[0]]
    assert marks[1].marker.symbol == f"{style('sign')[1]}-open", "as on Trade-offs: users at the items' bits"
    assert [list(t.text) for t in figure.data if t.mode == "text"] == [["A", "A"], ["B", "B"]]
    assert list(figure.layout.xaxis.ticktext) == ["head", "tail"]
    relative = who_loses.figure(found(0.3), points, GROUPS, "change", relative=True)
    assert isinstance(relative, go.Figure) and [t.name for t in relative.data if t.mode == "markers"] == ["B"]
