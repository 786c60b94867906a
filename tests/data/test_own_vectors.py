"""Vectors of one's own: read from untrusted files, kept with the data set, and served as they are."""

import io
import itertools
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard import own_data, own_given
from engine import encoders
from engine.data import own, own_import, own_matrices, own_vectors, own_worker, registry
from engine.data.own_columns import Choice
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.spec import ModelSpec, RunSpec

CHOICE = Choice(user="user", item="item")
PAIRS = "user,item\n" + "".join(f"{u},{i}\n" for u in range(4) for i in range(u, u + 4))
"""Users 0 to 3, items 0 to 6."""


def npy(array, **named) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, **named)
    return sink.getvalue()


def parquet(columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def table(rows, dim=3, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a data set with vectors in this process: the report, and both tables."""
    numbers = itertools.count()

    def made(users, items, pairs=PAIRS, choice=CHOICE):
        folder = tmp_path / f"work{next(numbers)}"
        folder.mkdir()
        for name, content in (("source", pairs.encode()), ("users", users), ("items", items)):
            (folder / name).write_bytes(content)
        names = {"users": "my_users", "items": "my_items"}
        order = {"task": "add", "name": "rows.csv", "choice": choice.plain(), "header": None, "vectors": names}
        report = own_worker.work(order, folder)
        return report, np.load(folder / "out" / "users.npy"), np.load(folder / "out" / "items.npy")

    return made


@pytest.fixture
def added(root, tmp_path):
    """Return a function that adds the data set my-model with vectors of its users and items."""

    def add(users, items, name="my-model"):
        paths = {"rows.csv": PAIRS.encode(), "users.npy": npy(users), "items.npy": npy(items)}
        for file, content in paths.items():
            (tmp_path / file).write_bytes(content)
        vectors = {t: own_import.File(tmp_path / f"{t}.npy", f"{t}.npy") for t in ("users", "items")}
        return own_import.add(name, tmp_path / "rows.csv", CHOICE, root, vectors=vectors)

    return add


def test_the_worked_example_of_the_page_is_what_comes_out(make):
    choice = Choice(user="user_id", item="item_id", time="timestamp", split="last")
    files = [own_given.template(table) for table in ("users", "items")]
    report, users, items = make(*files, own_data.TEMPLATE.read_text(), choice)
    assert [d["why"] for d in report["dropped"]] == ["of a user or an item without a vector, such as the item 'b5'"]
    assert (report["users"], report["items"], report["interactions"], report["test"]) == (4, 5, 9, 3)
    assert [(line[:5], line[-3:]) for line in report["odd"]] == [("users", ": 1"), ("items", ": 1")]  # Eve, and b6
    assert users.tolist() == np.float32(list(own_given.LETTERS["users"][1].values())[:4]).tolist()
    assert items.tolist() == np.float32(list(own_given.LETTERS["items"][1].values())).tolist()


def test_the_row_of_an_npy_file_is_the_id_whatever_the_order_of_the_lines(make):
    users, items = table(12), table(12, seed=1)
    pairs = "user,item\n" + "".join(f"{u},{i}\n" for u, i in [(10, 11), (10, 2), (9, 10), (9, 2), (2, 9), (2, 10)])
    report, stored_users, stored_items = make(npy(users), npy(items), pairs)
    assert np.array_equal(stored_users, users[[2, 9, 10]])
    assert np.array_equal(stored_items, items)  # all stay, in the order of their numbers, not of their texts
    assert report["items"] == 12 and report["users"] == 3


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_matrices_of_any_float_and_order_are_stored_as_float32(make, kind, order):
    items = np.asarray(table(7), kind, order=order)
    _, _, stored = make(npy(table(4)), npy(items))
    assert stored.dtype == np.float32 and np.array_equal(stored, items.astype(np.float32))


def test_parquet_holds_lists_or_a_column_for_each_dimension_in_any_order_of_rows(make, monkeypatch):
    monkeypatch.setattr(own_matrices, "ROWS", 2)  # parts, as in large files
    users, items, turn = table(4), table(7, seed=1), [6, 0, 3, 5, 1, 4, 2]
    lists = {"sku": pa.array(turn), "v": pa.array(items[turn].tolist(), pa.list_(pa.float64(), 3))}
    columns = {"x": users[:, 0], "who": ["0", "1", "2", "3"], "y": users[:, 1], "z": users[:, 2].astype(float)}
    _, stored_users, stored_items = make(parquet(columns), parquet(lists))
    assert np.array_equal(stored_users, users) and np.array_equal(stored_items, items)


def with_value(value):
    broken = table(7)
    broken[5, 1] = value
    return broken


def header(**fields) -> bytes:
    sink = io.BytesIO()
    np.lib.format.write_array_header_1_0(sink, {"descr": "<f4", "fortran_order": False, "shape": (4, 3), **fields})
    return sink.getvalue()


IDS = list("0123456")
REFUSED = [  # the file of items' vectors, words of the sentence
    (b"user,item\n0,1\n", "my_items: it holds no vectors; expected .npy"),
    (pickle.dumps(table(7)), "it holds no vectors"),
    (npy(np.array([{}] * 7, object), allow_pickle=True), "got object, expected float16"),
    (npy(np.zeros((7, 3), np.int8)), "got int8, expected float16, float32 or float64"),
    (npy(np.zeros(7, np.float32)), r"got the shape \(7,\), expected \(users or items, dimensions\)"),
    (npy(table(7))[:-1], "my_items is cut off: 7 × 3 float32 do not fit"),
    (header(shape=(1 << 60, 1 << 60)), "cut off"),
    (header(shape=(-4, -3)), "got the shape"),
    (b"\x93NUMPY\x01\x00\x10\x00{'descr': [" + b"(" * 90, "header cannot be read"),
    (b"\x93NUMPY\x07\x00" + b" " * 90, "header cannot be read"),
    (npy(np.zeros((7, 4097), np.float16)), "got 4,097 dimensions, expected at most 4,096"),
    (npy(table(7, dim=4)), r"users have 3 numbers \(my_users\), those of items 4 \(my_items\)"),
    (npy(with_value(np.nan)), "the vector of '5' holds NaN, infinite or missing"),
    (npy(with_value(0).astype(float) + 1e300), "the vector of '0' holds NaN, infinite"),
    (parquet({"a": IDS, "b": IDS, "v": [[1.0]] * 7}), "expected one column of ids .*got 'a' .varchar., 'b'"),
    (parquet({"a": IDS}), "expected one column of ids"),
    (parquet({"a": IDS, "v": [[1.0]] * 6 + [[1.0, 2.0]]}), "got vectors of 1 to 2, expected a vector in each row"),
    (parquet({"a": IDS, "v": [[1.0]] * 6 + [None]}), "got gaps, expected a vector in each row"),
    (parquet({"a": IDS, "v": [[1.0, 2.0, 3.0]] * 6 + [[1.0, 2.0, None]]}), "the vector of '6' holds NaN"),
    (parquet({"a": ["0", *IDS[:6]], "v": [[1.0, 2.0, 3.0]] * 7}), "got two vectors of the id '0'"),
    (parquet({"a": [None, *IDS[:6]], "v": [[1.0, 2.0, 3.0]] * 7}), "got a row without an id"),
    (parquet({"a": ["x", "y"], "v": [[1.0, 2.0, 3.0]] * 2}), "none of its 16 rows .* such as the item '0'"),
    (parquet({"a": IDS, "v": [[1.0]] * 7})[:-9], "no whole Parquet file"),
]  # fmt: skip


@pytest.mark.parametrize(("items", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_what_cannot_be_used_is_one_sentence_that_says_why(make, items, words):
    with pytest.raises(FewbitsError, match=words) as told:
        make(npy(table(4)), items)
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


def test_what_a_header_promises_is_counted_before_it_is_taken(make, monkeypatch):
    monkeypatch.setattr(own_matrices, "TABLE_BYTES", 7 * 3 * 4 - 1)
    with pytest.raises(FewbitsError, match="my_items: 7 × 3 numbers of 4 bytes take .* expected at most"):
        make(npy(table(4)), npy(table(7)))


@pytest.mark.parametrize(("vectors", "core", "words"), [
    (("users",), 1, "vectors of users alone: give those of users and of items"),
    (("users", "items"), 2, "k-core: got 2 with given vectors"),
])  # fmt: skip
def test_vectors_come_in_pairs_and_are_not_filtered(root, tmp_path, vectors, core, words):
    (tmp_path / "rows.csv").write_text(PAIRS)
    (tmp_path / "v.npy").write_bytes(npy(table(7)))
    files = {table: own_import.File(tmp_path / "v.npy", "v.npy") for table in vectors}
    with pytest.raises(FewbitsError, match=words):
        own_import.add("my-model", tmp_path / "rows.csv", Choice("user", "item", core=core), root, vectors=files)
    assert own.names(root) == []


def test_a_set_with_vectors_serves_them_bit_for_bit_and_its_fingerprint_follows_them(root, added):
    users, items = table(4), table(7, seed=1)
    added(users, items)
    known = registry.info("my-model", root)
    assert known.dim == 3 and "vectors of 3 numbers given" in known.description
    split = load_split("my-model", root)
    encoder = encoders.create(ModelSpec(encoder="given", dim=3), split)
    (layer,) = encoder.layers(encoder.start(np.random.default_rng(0)))
    assert np.array_equal(layer, np.concatenate([users, items])) and layer.dtype == np.float32
    items[6, 2] += 1e-3
    added(users, items, "my-other")
    other = load_split("my-other", root)
    assert np.array_equal(other.test.items, split.test.items)
    assert other.fingerprint != split.fingerprint


def test_stored_vectors_of_another_shape_are_damage(root, added):
    added(table(4), table(7))
    np.save(root / "datasets" / "my-model" / "items.npy", table(6))
    with pytest.raises(FewbitsError, match="'my-model' is damaged"):
        load_split("my-model", root)


def given(**more):
    return RunSpec(**{"dataset": "my-model", "model": ModelSpec(encoder="given"), **more})


def test_a_run_on_given_vectors_takes_their_dimensions_and_none_other_does(root, added):
    added(table(4), table(7))
    assert own_vectors.sized(given(), root).model.dim == 3
    trained = RunSpec(dataset="my-model")
    assert own_vectors.sized(trained, root) == trained
    assert own_vectors.usual(trained, root).model.encoder == "given"
    assert own_vectors.usual(RunSpec(dataset="demo"), root).model.encoder == "lightgcn"
    with pytest.raises(FewbitsError, match="'demo' has no vectors of its own; choose an encoder that is trained"):
        own_vectors.sized(given(dataset="demo"), root)
    split = load_split("my-model", root)
    with pytest.raises(FewbitsError, match="got 64 dimensions, the vectors of 'my-model' have 3"):
        encoders.create(ModelSpec(encoder="given"), split)
    with pytest.raises(FewbitsError, match="has no vectors of its own"):
        encoders.create(ModelSpec(encoder="given"), load_split("demo", root))


def test_lengths_are_never_damped_whatever_was_asked():
    assert ModelSpec(encoder="given", damping="validation").damping == "none"
    assert ModelSpec(encoder="given", layers=2) == ModelSpec(encoder="given")


def test_a_sweep_keeps_what_can_be_and_refuses_what_has_nothing_left(root, added):
    added(table(4), table(7))
    graph = {"quantizer": "l2qgcn", "bits": 1, "options": {"tune": "graph"}}
    trained = RunSpec(dataset="my-model", **graph)
    assert own_vectors.fitting([given(**graph), trained, given(), given()], root)[0] == trained
    assert len(own_vectors.fitting([given(**graph), trained, given(), given()], root)) == 2
    with pytest.raises(FewbitsError, match="'l2qgcn' with tune=graph learns through the graph"):
        own_vectors.fitting([given(**graph), given()], root)
    with pytest.raises(FewbitsError, match="start=scratch begins at a model"):
        own_vectors.check(given(quantizer="dpq", bits=8, options={"start": "scratch"}))
