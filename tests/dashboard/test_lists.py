"""Two lists of one user: what entered, what left, what is tied; and how users are found."""

import pandas as pd
import pytest

from dashboard import lists, people
from engine.errors import FewbitsError

EXACT = {"items": [1, 2, 3, 4, 5, 6], "scores": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]}
QUANTIZED = {"items": [2, 1, 5, 9], "scores": [3.0, 2.0, 2.0, 1.0]}


def compared(k: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    return lists.side_by_side(EXACT, QUANTIZED, held_out=[5], names={1: "One"}, k=k)


def test_what_entered_says_where_it_stood_before():
    assert list(compared()[1][lists.EXACT]) == ["▲ was 2", "▼ was 1", "● new, was 5"]


def test_what_left_says_where_it_is_now():
    assert list(compared()[0][lists.QUANTIZED]) == ["place 2", "place 1", "✗ left, now > 4"]


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
