"""The readers: what a good file becomes, and the sentence that each kind of broken file gets."""

import numpy as np
import pytest

from engine.data.readers import read_adjacency, read_movielens_100k
from engine.errors import FewbitsError

DATA = "1\t2\t5\t881250949\n2\t1\t3\t891717742\n2\t3\t1\t878887116\n"
ITEM = "1|Toy Story (1995)|01-Jan-1995||url|0\n2|Caf\xe9 (1996)|x\n3|Four Rooms (1995)|x\n"


def adjacency(tmp_path, train="0 1 2\n1 0\n", test="0 0\n1 2\n"):
    for name, text in (("train.txt", train), ("test.txt", test)):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_adjacency(tmp_path)


def movielens(tmp_path, data=DATA, item=ITEM):
    (tmp_path / "u.data").write_text(data)
    (tmp_path / "u.item").write_text(item, encoding="latin-1")
    return read_movielens_100k(tmp_path)


def pairs(interactions):
    return list(zip(interactions.user.tolist(), interactions.item.tolist(), strict=True))


def test_a_line_is_a_user_and_the_items(tmp_path):
    reading = adjacency(tmp_path)
    assert pairs(reading.train) == [(0, 1), (0, 2), (1, 0)]
    assert pairs(reading.test) == [(0, 0), (1, 2)]
    assert reading.train.user.dtype == reading.train.item.dtype == np.int32
    assert reading.notes == ()


def test_both_files_are_numbered_alike(tmp_path):
    """A user and an item of test alone belong to train's numbering too."""
    reading = adjacency(tmp_path, train="0 1\n", test="3 7\n")
    assert (reading.train.n_users, reading.train.n_items) == (4, 8) == (reading.test.n_users, reading.test.n_items)


@pytest.mark.parametrize("train", ["0 1 2\r\n1 0\r\n", "0\t1  2 \n\n1 0", "0 1\n1 0\n0 2\n"])
def test_line_ends_blanks_and_divided_lines_make_no_difference(tmp_path, train):
    assert sorted(pairs(adjacency(tmp_path, train).train)) == [(0, 1), (0, 2), (1, 0)]


def test_a_user_line_without_items_is_counted(tmp_path):
    reading = adjacency(tmp_path, test="0 0\n1 \n2\n")
    assert pairs(reading.test) == [(0, 0)]
    assert reading.train.n_users == 3
    assert reading.notes == ("2 user lines without items in test.txt",)


def test_a_repeated_pair_counts_once_and_is_counted(tmp_path):
    reading = adjacency(tmp_path, train="0 1 2 1\n1 0\n1 0\n")
    assert pairs(reading.train) == [(0, 1), (0, 2), (1, 0)]
    assert reading.notes == ("2 repeated pairs in train.txt: each counts once",)


def test_the_largest_id_is_that_of_int32_and_not_accepted_as_dense(tmp_path):
    with pytest.raises(
        FewbitsError, match=r"item ids up to 2,147,483,647 in 3 interactions; expected ids dense from 0"
    ):
        adjacency(tmp_path, train="0 2147483647\n")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("1 -4", "'1 -4'"),
        ("1 2.5", "'1 2.5'"),
        ("1,2,3", "'1,2,3'"),
        ("user 2", "'user 2'"),
        ("1 2\r3", r"'1 2\\r3'"),
        ("1 2147483648", "'1 2147483648'"),
        ("1 99999999999999999999999999", "'1 999"),
        ("1 \u0663", "'1 \u0663'"),
        (b"1 \xff\xfe", r"'1 \\\\xff\\\\xfe'"),
        (b"1 \x00", r"'1 \\x00'"),
    ],
)
def test_a_broken_line_is_named_with_file_line_and_text(tmp_path, line, shown):
    line = line if isinstance(line, bytes) else line.encode()
    with pytest.raises(FewbitsError, match=rf"train.txt, line 3: got {shown}.*; expected ") as caught:
        adjacency(tmp_path, train=b"0 1 2\n\n" + line + b"\n2 3\n")
    assert "user item item" in str(caught.value) or "numbers up to 2,147,483,647" in str(caught.value)


def test_of_a_long_line_only_the_place_is_shown(tmp_path):
    with pytest.raises(FewbitsError) as caught:
        adjacency(tmp_path, train="0 " + "5 " * 5_000 + "oops " + "6 " * 5_000 + "\n")
    assert "oops" in str(caught.value) and "…" in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_an_error(tmp_path, text):
    with pytest.raises(FewbitsError, match=r"test.txt is empty; expected lines of user item item"):
        adjacency(tmp_path, test=text)


def test_a_missing_file_is_named_with_its_folder_and_what_is_expected(tmp_path):
    (tmp_path / "train.txt").write_text("0 1\n")
    with pytest.raises(FewbitsError, match=rf"folder {tmp_path} has no test.txt; expected train.txt and test.txt"):
        read_adjacency(tmp_path)


def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path):
    (tmp_path / "train.txt").mkdir()
    with pytest.raises(FewbitsError, match="cannot read .*train.txt"):
        read_adjacency(tmp_path)


def test_movielens_numbers_from_1_become_0_and_titles_are_latin_1(tmp_path):
    reading = movielens(tmp_path)
    data = reading.train
    assert reading.test is None
    assert pairs(data) == [(0, 1), (1, 0), (1, 2)]
    assert data.item_labels == ("Toy Story (1995)", "Café (1996)", "Four Rooms (1995)")
    assert data.user_labels == ("User 1", "User 2")
    assert data.rating.tolist() == [5, 3, 1] and data.rating.dtype == np.float32
    assert data.time.tolist() == [881250949, 891717742, 878887116] and data.time.dtype == np.int64


def test_a_film_that_nobody_rated_stays_in_the_catalogue(tmp_path):
    assert movielens(tmp_path, item=ITEM + "4|Unseen|x\n").train.n_items == 4


def test_of_two_ratings_the_first_counts(tmp_path):
    reading = movielens(tmp_path, data=DATA + "1\t2\t1\t9\n")
    assert reading.train.rating.tolist() == [5, 3, 1]
    assert reading.notes == ("1 repeated ratings in u.data: the first counts",)


@pytest.mark.parametrize("line", ["1\t2\t5", "1\t2\t5\t9\t9", "1"])
def test_a_wrong_number_of_columns_is_named(tmp_path, line):
    with pytest.raises(FewbitsError, match=r"u.data, line 2: got '1.*; expected user, item, rating and time"):
        movielens(tmp_path, data=f"2\t1\t3\t1\n{line}\n1\t2\t5\t9\n")


@pytest.mark.parametrize("line", ["0\t1\t5\t9", "1\t0\t5\t9", "1\t4\t5\t9"])
def test_an_id_outside_the_catalogue_is_named(tmp_path, line):
    with pytest.raises(FewbitsError, match=r"u.data, line 4: got .* expected .*1"):
        movielens(tmp_path, data=f"{DATA}{line}\n")


@pytest.mark.parametrize("line", ["no bars at all", "x|Title", "3|Again|x", "\xb2|Two|x", "9" * 5000 + "|Long"])
def test_a_broken_title_line_is_named(tmp_path, line):
    with pytest.raises(FewbitsError, match=r"u.item, line 4: got .*; expected a new item number and a title"):
        movielens(tmp_path, item=f"{ITEM}{line}\n")


def test_a_gap_in_the_titles_is_an_error(tmp_path):
    with pytest.raises(FewbitsError, match="without gaps"):
        movielens(tmp_path, item=f"{ITEM}5|Five|x\n")


def test_a_movielens_file_without_titles_is_an_error(tmp_path):
    with pytest.raises(FewbitsError, match="got titles of 0 items"):
        movielens(tmp_path, item="")
    (tmp_path / "u.item").unlink()
    with pytest.raises(FewbitsError, match="has no u.item; expected u.data and u.item"):
        read_movielens_100k(tmp_path)
