"""Whether the tail loses, counted by hand: held-out items of the head and of the tail that stand among the first 20."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.store.folders import RunFolder
from engine.study.tail import share_rows

ITEMS = 40
HEAD, TAIL = 7, (3, 5, 30)
"""Of 40 items four are the head, of which one is held out here; three others are."""


@pytest.fixture
def folder(root):
    """A run of two users. The first finds the head's item at the 20th place and one of the tail's at the 21st."""
    split = root / "cache" / "split"
    split.mkdir(parents=True)
    popular = [100 if item in (HEAD, 8, 9, 10) else item for item in range(ITEMS)]
    pq.write_table(pa.table({"item": range(ITEMS), "train_users": popular}), split / "items.parquet")
    pq.write_table(pa.table({"user": [0, 1], "test": [[TAIL[0], HEAD], [TAIL[1], TAIL[2]]]}), split / "users.parquet")
    run = RunFolder(root / "demo-sign1-0123456789ab")
    run.path.mkdir()
    first = [item for item in range(11, 30)] + [HEAD, TAIL[0]]
    second = [TAIL[1], *range(11, 30)]
    lists = {"user": [0, 1, 0, 1], "query_bits": [32, 32, 1, 1], "items": [first, second, second, first]}
    pq.write_table(pa.table(lists), run.file("lists.parquet"))
    run.commit({"split": {"key": "split"}, "measurements": [{"index": "binary"}], "spec": {"query_bits": [32, 1]}})
    return run


def test_head_and_tail_are_the_shares_of_their_own_held_out_items_among_the_first_twenty(folder):
    found = {(row["query_bits"], row["metric"]): row["value"] for row in share_rows(folder)}
    assert found == {
        (32, "recall_head@20"): 1.0,
        (32, "recall_tail@20"): pytest.approx(1 / 3),
        (1, "recall_head@20"): 0.0,
        (1, "recall_tail@20"): 0.0,
    }
    assert {row["k"] for row in share_rows(folder)} == {20}


def test_there_are_none_where_the_lists_are_gone(folder):
    content = json.loads(folder.file("manifest.json").read_text())
    folder.file("lists.parquet").unlink()
    folder.commit({name: value for name, value in content.items() if name != "files"})
    assert share_rows(folder) == []
