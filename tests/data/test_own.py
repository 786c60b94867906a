"""Data sets of one's own: names, the child process and its limits, and that they become data sets like the others."""

import json
import subprocess
import sys
import threading
import time

import pytest

from engine.data import own, own_child, own_import, registry
from engine.data.own_columns import Choice, guess
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.spec import RunSpec
from engine.store import prepared
from engine.store.folders import create

ROWS = "".join(f"u{user},i{item}\n" for user in range(12) for item in range(user, user + 11))
CHOICE = Choice(user="who", item="what", title=None)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("who,what\n" + ROWS)
    return path


@pytest.mark.parametrize("name", ["a", "A-b", "my_shop", "-a", "a-", "../up", "a/b", "a" * 41, "", "ä-b", "a b", "a\n"])
def test_a_name_off_the_pattern_is_refused_and_never_a_path(name, root, file):
    for act in (lambda: own_import.add(name, file, CHOICE, root), lambda: own.folder(name, root),
                lambda: own.remove(name, root)):  # fmt: skip
        with pytest.raises(FewbitsError, match="expected 2 to 40 lower-case letters, digits and '-'"):
            act()
    assert own.meta(name, root) is None


def test_names_are_suggested_from_files_and_never_taken_ones():
    assert own.suggest("My Shop (2).csv") == "my-shop-2"
    assert own.suggest("§§.csv") == "my-data"
    assert own.suggest("demo.csv", ["demo", "demo-2"]) == "demo-3"


def test_usual_names_of_columns_are_understood():
    assert guess(["Unnamed: 0", "UserId", "Product ID", "TIMESTAMP", "Rating", "x"]) == {
        "user": "UserId", "item": "Product ID", "time": "TIMESTAMP", "rating": "Rating", "title": None,
    }  # fmt: skip


def test_items_with_titles_keep_the_ids_that_their_source_knows_them_by(root, tmp_path):
    rows = [f"{row},Title of {row.split(',')[1]}" for row in ROWS.split()]
    (tmp_path / "titled.csv").write_text("\n".join(["who,what,name", *rows]))
    own_import.add("titled", tmp_path / "titled.csv", Choice(user="who", item="what", title="name"), root)
    split = load_split("titled", root)
    assert split.item_keys is not None and sorted(split.item_keys) == sorted({f"i{n}" for n in range(22)})
    assert split.item_labels == tuple(f"Title of {key}" for key in split.item_keys)


@pytest.mark.parametrize(("wrong", "words"), [
    ({"item": "who"}, "both user and item"), ({"rating": "stars"}, "give both"), ({"at_least": 3.0}, "give both"),
    ({"split": "last"}, "needs a time column"), ({"core": 0}, "k-core: got 0"), ({"split": "first"}, "random or last"),
    ({"rating": "r", "at_least": float("nan")}, "expected a number"), ({"seed": -1}, "seed: got -1"),
])  # fmt: skip
def test_a_choice_that_cannot_be_meant_is_refused(wrong, words):
    with pytest.raises(FewbitsError, match=words):
        Choice(**{"user": "who", "item": "what", **wrong})


def test_an_added_file_is_a_data_set_like_the_others(root, file):
    told = []
    content = own_import.add("my-shop", file, CHOICE, root, say=lambda at, doing: told.append(at))
    assert told == sorted(told) and told[-1] >= 0.9
    assert registry.names(root)[-1] == "my-shop" and "my-shop" not in registry.names()
    known = registry.info("my-shop", root)
    assert (known.users, known.items, known.interactions, known.own) == (12, 22, 132, True)
    assert registry.available("my-shop", root)
    split = load_split("my-shop", root)
    sizes = [len(part.items) for part in (split.train, split.valid, split.test)]
    assert sum(sizes) == 132 and sizes[2] == content["report"]["test"] == 24
    assert split.rule.startswith("A fifth of each user's items")
    assert (split.user_labels[0], split.item_labels[-1]) == ("u0", "i9")
    assert load_split("my-shop", root, seed=1).test.items.tolist() == split.test.items.tolist(), "the split is stored"
    key = prepared.save_split(root, split)
    assert key.startswith("split-my-shop-0-") and prepared.read_user(root, key, 1)["label"] == "u1"
    assert not list((root / "datasets").glob(f"{own.WORK}*")), "the working folder is gone"


def test_a_name_that_is_taken_is_refused_before_anything_is_read(root, tmp_path, file):
    own_import.add("my-shop", file, CHOICE, root)
    for name in ("my-shop", "demo", "gowalla"):
        with pytest.raises(FewbitsError, match=f"there is a data set '{name}' already"):
            own_import.add(name, tmp_path / "missing.csv", CHOICE, root)


def test_a_set_that_was_removed_or_damaged_is_a_sentence(root, file):
    own_import.add("my-shop", file, CHOICE, root)
    path = root / "datasets" / "my-shop"
    whole = (path / "interactions.parquet").read_bytes()
    (path / "interactions.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FewbitsError, match="'my-shop' is damaged"):
        load_split("my-shop", root)
    (path / "interactions.parquet").write_bytes(whole)
    (path / "users.parquet").unlink()
    with pytest.raises(FewbitsError, match="'my-shop' is damaged"):
        load_split("my-shop", root)
    own.remove("my-shop", root)
    assert not path.exists() and own.names(root) == []
    with pytest.raises(FewbitsError, match=r"unknown data set 'my-shop'; known: .*`python -m engine data add`"):
        load_split("my-shop", root)
    with pytest.raises(FewbitsError, match="no data set of your own called 'my-shop'"):
        own.remove("my-shop", root)


def test_a_set_of_a_newer_version_is_told_and_not_listed(root, file):
    own_import.add("my-shop", file, CHOICE, root)
    path = root / "datasets" / "my-shop" / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": own.FORMAT + 1}))
    assert own.names(root) == []
    with pytest.raises(FewbitsError, match="use the newer version"):
        registry.info("my-shop", root)


def test_a_pattern_in_a_files_name_means_the_file_itself(root, tmp_path, file):
    odd = tmp_path / "sho*.csv"
    odd.write_text("who,what\na,x\na,y\n")
    assert own_import.add("odd-name", odd, CHOICE, root)["report"]["rows"] == 2
    assert own_import.look(odd).rows == [["a", "x"], ["a", "y"]]


@pytest.mark.parametrize("path", ["missing.csv", "."])
def test_a_path_without_a_file_is_a_sentence(tmp_path, path):
    with pytest.raises(FewbitsError, match="cannot read .*expected a CSV, TSV or Parquet file"):
        own_import.look(tmp_path / path)


def test_a_child_that_takes_too_long_or_is_cancelled_leaves_nothing(root, file, monkeypatch):
    monkeypatch.setattr(own_import, "ADD_S", 0.01)
    with pytest.raises(FewbitsError, match="took over"):
        own_import.add("my-shop", file, CHOICE, root)
    monkeypatch.setattr(own_import, "ADD_S", 60.0)
    child = own_child.Child()
    threading.Timer(0.01, child.cancel).start()
    with pytest.raises(FewbitsError, match="cancelled: nothing was kept"):
        own_import.add("my-shop", file, CHOICE, root, child=child)
    assert own.names(root) == [] and not list((root / "datasets").glob(f"{own.WORK}*"))


def test_one_file_is_added_at_a_time(root, file):
    with own_import._alone(root / "datasets"), pytest.raises(FewbitsError, match="another file is being added"):
        own_import.add("my-shop", file, CHOICE, root)


def test_the_child_cannot_take_more_memory_than_it_may(tmp_path):
    code = "from engine.data import own_worker as w; w.ADDRESS_BYTES = 1 << 30; w.limit(); bytearray(2 << 30)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr


def test_a_child_that_dies_is_a_sentence(root, file, monkeypatch):
    monkeypatch.setattr(own_child, "QUIET", {"PYTHONHOME": "/nowhere"})
    started = time.monotonic()
    with pytest.raises(FewbitsError, match="ended without a word"):
        own_import.add("my-shop", file, CHOICE, root)
    assert time.monotonic() - started < 30


def test_a_name_under_which_runs_were_done_on_other_data_is_not_given_again(root, file):
    own_import.add("my-shop", file, CHOICE, root)
    run_id = create(root, RunSpec(dataset="my-shop")).run_id
    create(root, RunSpec(dataset="my-shop-two"))
    own.remove("my-shop", root)
    with pytest.raises(FewbitsError, match=f"was here before, and {run_id} ran on it: .*choose another name"):
        own_import.add("my-shop", file, CHOICE, root)
    assert own.names(root) == []
    own_import.add("my-shop-2", file, CHOICE, root)
