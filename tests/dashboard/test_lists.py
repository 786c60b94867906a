"""Two lists of one user: what entered, what left, what is tied; and how users are found."""

import numpy as np
import pandas as pd
import pytest

from dashboard import lists, people
from engine.errors import FewbitsError

EXACT = {"items": [1, 2, 3, 4, 5, 6], "scores": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]}
QUANTIZED = {"items": [2, 1, 5, 9], "scores": [3.0, 2.0, 2.0, 1.0]}


def compared(k: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    return lists.side_by_side(EXACT, QUANTIZED, held_out=[5], names={1: "One"}, k=k)


def test_what_entered_says_where_it_stood_before():
    assert list(compared()[1][lists.EXACT]) == ["▲ 1, was 2", "▼ 1, was 1", "● new, was 5 (▲ 2)"]


def test_what_left_says_where_it_is_now():
    assert list(compared()[0][lists.QUANTIZED]) == ["▼ 1, now 2", "▲ 1, now 1", "✗ left, now > 4"]


def test_an_item_that_left_says_how_far_it_fell():
    assert list(compared(2)[0][lists.QUANTIZED]) == ["▼ 1, now 2", "▲ 1, now 1"]
    exact = {"items": [4, 5, 1], "scores": [3.0, 2.0, 1.0]}
    assert list(lists.side_by_side(exact, QUANTIZED, [], {}, 2)[0][lists.QUANTIZED]) == [
        "✗ left, now > 4", "✗ left, now 3 (▼ 1)",
    ]  # fmt: skip


def test_shifts_are_of_the_items_that_stayed():
    assert lists.shifts(EXACT["items"], QUANTIZED["items"], 3) == [1, 1]
    assert lists.shifts(EXACT["items"], EXACT["items"], 3) == [0, 0, 0]


def test_a_gap_is_the_lead_over_the_next_place_also_beyond_the_end_of_the_list():
    assert list(compared(2)[1]["Gap"]) == [1.0, 0.0]
    assert compared(4)[1]["Gap"].isna().tolist() == [False, False, False, True], "what came next was not kept"


def test_the_cut_is_a_share_of_the_range_of_the_list():
    assert lists.cut([9.0, 5.0, 4.0], 2) == pytest.approx(0.25)
    assert lists.cut([9.0, 9.0, 4.0], 2) is None and lists.cut([9.0, 5.0], 2) is None


def test_an_item_beyond_the_kept_places_has_no_rank():
    assert list(compared(4)[1][lists.EXACT])[3] == "● new, was > 6"


def test_moved_counts_both_ways():
    assert lists.moved(EXACT["items"], QUANTIZED["items"], 3) == ([5], [3])


def test_hits_are_marked_by_a_word_and_a_sign():
    assert list(compared()[1]["Held out"]) == ["", "", "✓ hit"]


def test_items_without_a_name_are_called_by_their_number():
    assert list(compared()[0]["Item"]) == ["One", "item 2", "item 3"]


def test_equal_neighbours_are_tied_on_both_sides():
    assert lists.tied([3.0, 2.0, 2.0, 1.0]) == [False, True, True, False]
    assert lists.tied([]) == []


def test_a_tie_across_the_end_of_the_list_is_seen():
    assert list(compared(2)[1]["Tied"]) == ["", "= tied"]  # its equal stands on place 3, just outside


def test_lists_shorter_than_k_are_as_long_as_they_are():
    assert [len(t) for t in compared(50)] == [6, 4]


def test_missing_places_are_no_items():
    exact, _ = lists.side_by_side({"items": [3, -1], "scores": [1.0, 0.0]}, QUANTIZED, [], {}, 2)
    assert list(exact["Item"]) == ["item 3"]


def test_a_user_is_found_by_name_and_by_row():
    names = ("196", "22", "244")
    assert people.search(names, "22") == [1]  # the name, not row 22
    assert people.search(names, " #2 ") == [2]
    assert people.search(names, "4") == [2]  # part of a name
    assert people.search(names, "2") == [1, 2]
    assert people.search(names, "") == []


def test_without_names_a_number_is_the_row():
    assert people.search((None, None, None), "2") == [2]


@pytest.mark.parametrize(
    "names, text", [(("a", "b"), "#2"), ((None, None), "7"), ((None, None), "x"), (("a", "b"), "zz")]
)
def test_a_search_without_result_says_what_can_be_searched_for(names, text):
    with pytest.raises(FewbitsError, match="row"):
        people.search(names, text)


def test_history_shows_the_most_popular_first():
    items = pd.DataFrame({"label": ["A", None, "C"], "train_users": [1, 7, 3]})
    assert list(people.popular_first([0, 1, 2], items)["Item"]) == ["item 1", "C", "A"]


def test_a_user_is_called_by_name_and_row():
    assert people.title("196", 195) == "User 196 (row 195)"
    assert people.title("Ada", 3) == "Ada (row 3)"
    assert people.title(None, 7) == "User 7"


def losing() -> pd.DataFrame:
    """Four users against float32: 0 gains, 1 and 2 lose as much but 2 keeps less of its list, 3 loses less."""
    return pd.DataFrame({
        "user": [0, 1, 2, 3], "n_test": 2, "recall@10": [1.0, 0.0, 0.0, 0.5], "reference": [0.5, 1.0, 1.0, 1.0],
        "change": [0.5, -1.0, -1.0, -0.5], "overlap@10": [0.2, 0.9, 0.4, 0.1],
    })  # fmt: skip


def test_the_first_loses_most_and_of_equal_losses_the_list_that_changed_most_is_first():
    table = people.losses(losing(), 10, ("a", "b", "c", "d"), np.array([5, 6, 7, 8]))
    assert list(table.index) == [2, 1, 3, 0]
    assert list(table["Training items"]) == [7, 6, 8, 5] and table["User"].iloc[0] == "c (row 2)"
    by_list = people.losses(losing(), 10, ("a", "b", "c", "d"), np.array([5, 6, 7, 8]), overlap=True)
    assert list(by_list.index) == [3, 0, 2, 1]


def test_how_many_lose_and_how_active_they_are_is_told():
    words = people.losing(losing(), np.array([50, 6, 7, 8]), "recall@10")
    assert words == (
        "Of 4 users 3 lose recall@10, 1 gain, 0 stay as they were. Those who lose have 7 training items (median), "
        "all users 8."
    )
