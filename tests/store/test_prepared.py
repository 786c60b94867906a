"""A prepared split is known by what is trained on, and tells the labels that its data set has now."""

import dataclasses
import os

import pyarrow.parquet as pq
import pytest

from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.store import prepared


@pytest.fixture
def plain():
    return split("small", Reading(two_blocks(), None))


def labelled(plain, word):
    return dataclasses.replace(
        plain,
        user_labels=tuple(f"{word} user {u}" for u in range(plain.n_users)),
        item_labels=tuple(f"{word} item {i}" for i in range(plain.n_items)),
    )


def test_labels_that_changed_are_replaced_and_the_key_by_which_runs_are_compared_stays(root, plain):
    key = prepared.save_split(root, labelled(plain, "old"))
    assert prepared.items_table(root, key).loc[3, "label"] == "old item 3"
    assert prepared.save_split(root, labelled(plain, "new")) == key
    assert prepared.read_user(root, key, 7)["label"] == "new user 7"
    assert prepared.items_table(root, key).loc[3, "label"] == "new item 3", "also in a process that read the old ones"
    assert prepared.save_split(root, plain) == key
    assert prepared.user_labels(root, key) == [None] * plain.n_users
    assert [path.name for path in (root / "cache").iterdir()] == [key], "nothing is left beside it"


def test_keys_are_kept_beside_labels_and_brought_to_a_split_that_was_prepared_without(root, plain):
    folder = root / "cache" / prepared.save_split(root, labelled(plain, "a"))
    assert prepared.item_keys(folder).null_count == plain.n_items
    table = pq.read_table(folder / "items.parquet")
    pq.write_table(table.drop_columns(["key"]), folder / "items.parquet")
    assert prepared.item_keys(folder).null_count == plain.n_items, "an older version wrote no such column"
    keys = tuple(f"SKU-{i}" for i in range(plain.n_items))
    prepared.save_split(root, dataclasses.replace(labelled(plain, "a"), item_keys=keys))
    assert tuple(prepared.item_keys(folder).to_pylist()) == keys


def test_an_item_s_popularity_is_how_many_have_it_in_training(root, plain):
    items = prepared.items_table(root, prepared.save_split(root, plain))
    counted = [sum(item in plain.train.of(u) for u in range(plain.n_users)) for item in range(plain.n_items)]
    assert items["train_users"].tolist() == counted != [0] * plain.n_items


def test_rule_and_notes_that_changed_are_replaced(root, plain):
    prepared.save_split(root, plain)
    prepared.save_split(root, dataclasses.replace(plain, notes=("3 rows were dropped",)))
    (meta,) = prepared.prepared_splits(root)
    assert meta["notes"] == ["3 rows were dropped"]


def test_a_split_that_is_there_is_not_written_again(root, plain):
    for one in (plain, labelled(plain, "a")):
        folder = root / "cache" / prepared.save_split(root, one)
        for path in folder.iterdir():
            os.utime(path, ns=(0, 0))
        prepared.save_split(root, one)
        assert {path.stat().st_mtime_ns for path in folder.iterdir()} == {0}


@pytest.mark.parametrize("name", ["items.parquet", "users.parquet", "meta.json"])
@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PAR1")])
def test_a_file_that_was_deleted_or_cut_off_is_brought_back(root, plain, name, spoil):
    folder = root / "cache" / prepared.save_split(root, plain)
    spoil(folder / name)
    prepared.save_split(root, plain)
    assert prepared.prepared_splits(root)[0]["users"] == plain.n_users
    assert len(prepared.user_labels(root, folder.name)) == plain.n_users
    assert len(prepared.items_table(root, folder.name)) == plain.n_items
