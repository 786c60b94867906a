"""From a file to a data set: what counts, what is dropped and why, k-core, split, ids; and what is refused."""

import gzip
import itertools
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data import own_database, own_worker
from engine.data.own_columns import Choice
from engine.errors import FewbitsError

TEMPLATE = Path(__file__).parents[2] / "dashboard" / "template.csv"


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a data set of a file's content in this process: the report and the three tables."""
    numbers = itertools.count()

    def made(content, name="some.csv", columns=("user", "item"), **choice):
        folder = tmp_path / f"o'work{next(numbers)}"
        folder.mkdir()
        (folder / "source").write_bytes(content if isinstance(content, bytes) else content.encode())
        choice = Choice(user=columns[0], item=columns[1], **choice).plain()
        order = {"task": "add", "name": name, "choice": choice, "header": choice["header"]}
        report = own_worker.work(order, folder)
        tables = [
            pq.read_table(folder / "out" / f"{t}.parquet").to_pandas() for t in ("interactions", "users", "items")
        ]
        return report, *tables

    return made


def lines(*rows):
    return "user,item,at,stars,title\n" + "".join(row + "\n" for row in rows)


def parquet(table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(table), sink)
    return sink.getvalue().to_pybytes()


def test_the_worked_example_of_the_page_is_what_comes_out(make):
    report, pairs, users, items = make(
        TEMPLATE.read_bytes(), columns=("user_id", "item_id"), time="timestamp", rating="rating", at_least=3.0,
        title="title", core=2, split="last",
    )  # fmt: skip
    assert report["rows"] == 10
    assert [(d["rows"], d["why"][:13]) for d in report["dropped"]] == [(2, "rated below 3"), (2, "of users or i")]
    assert report["rounds"] == [
        {"users": 1, "items": 0, "interactions": 1},
        {"users": 0, "items": 1, "interactions": 1},
    ]
    assert (report["users"], report["items"], report["train"], report["test"]) == (3, 2, 3, 3)
    assert list(users["key"]) == ["ada", "ben", "cem"] and list(items["title"]) == ["The Silent Harbour", "Paper Foxes"]
    last = pairs[pairs["part"] == "test"]
    assert list(zip(last["user"], last["item"], strict=True)) == [(0, 1), (1, 0), (2, 1)]
    assert pairs["time"].min() == pd.Timestamp("2024-01-03 18:20:00").timestamp()


def test_every_row_is_either_kept_or_told_with_its_reason(make):
    report, *_ = make(
        lines("a,x,1,5,", "a,y,2,5,", "a,x,3,5,", ",x,1,5,", "b, ,1,5,", f"{'c' * 201},x,1,5,", "b,x,1,good,",
              "b,x,1,2,", "b,x,soon,5,", "b,x,4,3,", "b,z,5,3,"),
        time="at", rating="stars", at_least=3.0, split="last",
    )  # fmt: skip
    assert report["rows"] == 11 and report["interactions"] == 4
    assert {d["why"]: d["rows"] for d in report["dropped"]} == {
        "without a user or an item": 2, "with an id of more than 200 characters": 1,
        "without a rating that is a number, such as 'good'": 1, "rated below 3": 1,
        "without a time that can be read, which the split by time needs, such as 'soon'": 1,
        "pairs of a user and an item that were there already": 1,
    }  # fmt: skip


def test_ids_are_kept_as_they_are_written_and_numbered_in_their_order(make):
    _, pairs, users, items = make('user,item\n10,007\n10,7\n9,7\n9,café\n9,"a,""b"\n')
    assert list(users["key"]) == ["9", "10"]  # as numbers, where they are
    assert list(items["key"]) == ["007", "7", 'a,"b', "café"]
    assert pairs["user"].dtype == np.int32 and set(pairs["item"]) == {0, 1, 2, 3}


def test_the_k_core_is_that_of_a_plain_loop(make):
    rng = np.random.default_rng(3)
    users, items = rng.zipf(1.6, 3000) % 300, rng.zipf(1.4, 3000) % 200
    pairs = set(zip(users.tolist(), items.tolist(), strict=True))
    report, kept, user_keys, item_keys = make(
        "user,item\n" + "".join(f"{u},{i}\n" for u, i in zip(users, items, strict=True)), core=4
    )
    while True:
        of_user, of_item = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
        rest = {(u, i) for u, i in pairs if of_user[u] >= 4 and of_item[i] >= 4}
        if rest == pairs:
            break
        pairs = rest
    found = zip(user_keys["key"][kept["user"]], item_keys["key"][kept["item"]], strict=True)
    assert len(report["rounds"]) > 1, "one round would not show that it is repeated"
    assert {(int(u), int(i)) for u, i in found} == pairs


def test_a_random_fifth_of_each_user_is_test_whatever_the_order_of_the_lines(make):
    rows = [f"u{user},{item}\n" for user, n in enumerate((1, 2, 7, 8, 40)) for item in range(n)]
    _, first, *_ = make("user,item\n" + "".join(rows))
    _, turned, *_ = make("user,item\n" + "".join(reversed(rows)))
    _, other, *_ = make("user,item\n" + "".join(rows), seed=1)
    tested = first[first["part"] == "test"].groupby("user").size()
    assert tested.to_dict() == {1: 1, 2: 1, 3: 2, 4: 8}  # round(n / 5), at least 1 of two; nothing of a single one
    assert first.equals(turned)
    assert not first.equals(other)


@pytest.mark.parametrize("times", [
    ["1700000000", "1700000001", "1699999999"], ["1700000000000", "1700000001000", "1699999999000"],
    ["1700000000000000", "1700000001000000", "1699999999000000"],
    ["2023-11-14T22:13:20Z", "2023-11-14 22:13:21", "2023-11-14T23:13:19+01:00"],
])  # fmt: skip
def test_times_are_seconds_whatever_their_unit_and_the_last_is_test(make, times):
    rows = [f"a,{item},{time},," for item, time in zip("xyz", times, strict=True)]
    _, pairs, *_ = make(lines(*rows, f"b,x,{times[0]},,"), time="at", split="last")
    assert pairs[pairs["part"] == "test"][["user", "item"]].values.tolist() == [[0, 1]]
    assert pairs["time"].tolist() == [1700000000, 1700000001, 1699999999, 1700000000]


def test_a_repeated_pair_counts_once_at_its_first_time_and_ties_are_told(make):
    report, pairs, *_ = make(lines("a,x,5,,", "a,y,3,,", "a,x,2,,", "b,x,1,,", "b,y,1,,"), time="at", split="last")
    assert pairs[pairs["user"] == 0]["time"].tolist() == [2, 3]
    assert any("1 users had their last items at one time" in line for line in report["odd"])


def test_parquet_columns_of_any_name_and_type_are_read(make):
    table = {
        'u"; drop table source; --': pa.array([1.0, 1.0, 2.0, None], pa.float64()),
        "it'em": pa.array([7, 8, 7, 7], pa.int64()),
        "at": pa.array([0, 86_400_000_000, 5, 6], pa.timestamp("us", tz="UTC")),
    }
    report, pairs, users, items = make(
        parquet(table), "some.parquet", ('u"; drop table source; --', "it'em"), time="at", split="last"
    )
    assert list(users["key"]) == ["1", "2"] and list(items["key"]) == ["7", "8"]
    assert report["dropped"] == [{"rows": 1, "why": "without a user or an item"}]
    assert pairs["time"].tolist() == [0, 86_400, 0]


@pytest.mark.parametrize("content", ["user\titem\na\tx\na\ty\n", "user;item\r\na;x\r\na;y\r\n", "user|item\na|x\na|y"])
def test_the_separator_is_found(make, content):
    report, _, _, items = make(content)
    assert report["interactions"] == 2 and list(items["key"]) == ["x", "y"]


def test_a_text_in_quotes_may_have_line_ends_of_another_kind(make):
    """As pandas writes texts of Windows; the file's own are those of its first line."""
    report, _, _, items = make('user,item,review\na,x,"good\r\nvery good"\na,y,bad\n')
    assert report["rows"] == 2 and list(items["key"]) == ["x", "y"]
    assert make('user,item,review\r\na,x,"good\nvery good"\r\na,y,bad\r\n')[0]["rows"] == 2
    assert make('user,item,"re\nview"\r\na,x,good\r\na,y,bad\r\n')[0]["rows"] == 2, "a wrapped cell of the header"
    assert make('user,item,"re\r\nview"\na,x,good\na,y,bad\n')[0]["rows"] == 2


def test_a_first_line_with_a_number_is_a_row(make):
    assert make("1,7\n1,8\n", columns=("column 1", "column 2"))[0]["rows"] == 2
    assert make("a,b\nc,d\nc,e\n", columns=("column 1", "column 2"), header=False)[0]["rows"] == 3


GOOD = "user,item\n" + "a,x\n" * 50
REFUSED = [
    ("", "some.csv", "is empty"),
    ("  \n\n", "some.csv", "is empty"),
    ("user\na\nb\n", "some.csv", "has one column .*expected at least a user and an item"),
    ("user,item\n", "some.csv", "names of columns but no rows"),
    (GOOD + "b,y,z\n", "some.csv", "line 52: got 'b,y,z': number of values 3, expected 2"),
    (GOOD + "b\n", "some.csv", "line 52: .*number of values 1, expected 2"),
    (GOOD + 'b,"y\n', "some.csv", "line 52: .*quote"),
    (GOOD + "b," + "y" * 3_000_000 + "\n", "some.csv", "longer than 1000000 bytes"),
    (GOOD.encode() + b"b,\xff\xfe\xff\n", "some.csv", "save the file as UTF-8"),
    (gzip.compress(GOOD.encode()), "some.csv", "unpack it first"),
    (pickle.dumps([1]), "some.csv", "pickle, which is never read"),
    (b"user,item\na,\0\n", "some.csv", "is no text"),
    (parquet({"user": ["a"], "item": ["x"]}), "some.csv", "named like text but holds Parquet"),
    (GOOD, "some.parquet", "named like Parquet but is none"),
    (b"PAR1" + b"garbage" * 20, "some.parquet", "no whole Parquet file"),
    ("x" * 70_000, "some.csv", "the first line has no end"),
    ("user,item\n,x\na,\n", "some.csv", "none of its 2 rows counts: 2 without a user or an item"),
    ("user,item\r\na,x\nb,y\n", "some.csv", "line ends of two kinds"),
    ("user,thing\na,x\n", "some.csv", "item column: the file has no 'item'; its columns are 'user', 'thing'"),
    ("user,item\na,x\nb,x\n", "some.csv", "nobody has two items"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "name", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_what_cannot_be_used_is_one_sentence_that_says_why(make, content, name, words):
    with pytest.raises(FewbitsError, match=words) as told:
        make(content, name)
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


def test_a_filter_that_leaves_nothing_says_so(make):
    with pytest.raises(FewbitsError, match=r"no interaction is left after the 5-core filter of 3: lower it"):
        make("user,item\na,x\na,y\nb,x\n", core=5)
    with pytest.raises(FewbitsError, match=r"none of its 1 rows counts: 1 rated below 4"):
        make("user,item,stars\na,x,3\n", rating="stars", at_least=4.0)


def test_nothing_but_the_folder_can_be_reached(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("user,item\na,x\n")
    (tmp_path / "inside").mkdir()
    connection = own_database.connect(tmp_path / "inside")
    for sql in (f"select * from read_csv('{secret}')", f"copy (select 1) to '{tmp_path}/out.csv'",
                f"select * from read_csv('{tmp_path}/inside/../secret.csv')", f"attach '{tmp_path}/a.duckdb'",
                "set enable_external_access = true", "set memory_limit = '64GB'", "install httpfs"):  # fmt: skip
        with pytest.raises(own_database.duckdb.Error):
            connection.execute(sql)


def test_what_does_not_fit_into_memory_is_spilled_into_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inside").mkdir()
    connection = own_database.connect(tmp_path / "inside")
    told = connection.execute("select current_setting('temp_directory')").fetchone()
    assert told == (str(tmp_path / "inside" / "spill"),)
