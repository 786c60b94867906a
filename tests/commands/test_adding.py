"""The commands for data sets of one's own: data look, data add, data remove."""

import json
import sys

import numpy as np
import pytest

from engine.__main__ import main
from engine.commands.parsing import checked
from engine.data import own
from engine.errors import FewbitsError
from engine.spec import parse_spec
from engine.store.folders import RunFolder, create


@pytest.fixture
def engine(monkeypatch, capsys):
    """Return a function that runs a command in this process: exit status, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["engine", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shop.tsv"
    rows = "".join(f"u{user}\ti{item}\t{5 - item % 3}\n" for user in range(9) for item in range(user, user + 6))
    path.write_text("customer_id\tsku\tstars\n" + rows)
    return path


def test_a_file_is_looked_at_added_by_guessed_columns_and_listed(engine, root, file):
    status, said, _ = engine("data", "look", file)
    assert status == 0 and "guessed: user = customer_id, item = sku, rating = stars" in said and "i0 · i1" in said
    status, said, told = engine("data", "add", "my-shop", file, "--rating", "stars", "--at-least", 4, "--root", root)
    assert status == 0, told
    assert "user = customer_id, item = sku" in told
    assert "54 rows read" in said and "18 rows of the file dropped: rated below 4" in said
    assert "left: 36 interactions of 9 users" in said and "--dataset my-shop" in said
    assert "my-shop" in engine("datasets", "--root", root)[1]
    assert checked(parse_spec({"dataset": "my-shop"}), root).dataset == "my-shop"
    assert json.loads(engine("datasets", "--get", "my-shop", "--root", root)[1])["users"] == 9


def test_a_set_that_runs_used_is_removed_only_by_force(engine, root, file):
    engine("data", "add", "my-shop", file, "--root", root)
    run_id = create(root, parse_spec({"dataset": "my-shop"})).run_id
    create(root, parse_spec({"dataset": "my-shop-two"}))
    spec = RunFolder(root / run_id).file("spec.json")
    spec.write_text(spec.read_text().replace('"temperature": 0.0', '"temperature": 0.001'))
    with pytest.raises(FewbitsError, match="temperature"):
        RunFolder(root / run_id).spec()  # it is one of the set all the same
    status, _, told = engine("data", "remove", "my-shop", "--root", root)
    assert status == 1 and f"my-shop is used by {run_id}:" in told and "--force" in told
    assert own.names(root) == ["my-shop"]
    assert engine("data", "remove", "my-shop", "--force", "--root", root)[0] == 0
    assert own.names(root) == []


@pytest.mark.parametrize(("arguments", "words"), [
    (["gowalla"], "there is a data set 'gowalla' already"), (["Shop"], "expected 2 to 40 lower-case letters"),
    (["my-shop", "--user", "who"], "user column: the file has no 'who'; its columns are 'customer_id', 'sku', 'stars'"),
    (["my-shop", "--split", "last"], "needs a time column"), (["my-shop", "--core", "50"], "no interaction is left"),
])  # fmt: skip
def test_what_cannot_be_added_is_one_sentence(engine, root, file, arguments, words):
    name, *rest = arguments
    status, said, told = engine("data", "add", name, file, *rest, "--item", "sku", "--root", root)
    assert (status, said) == (1, "")
    assert words in told.splitlines()[-1] and told.splitlines()[-1].startswith("error: ")


def test_a_file_without_usual_names_asks_for_columns(engine, root, tmp_path):
    (tmp_path / "odd.csv").write_text("p,q\n1,2\n")
    status, _, told = engine("data", "add", "my-shop", tmp_path / "odd.csv", "--root", root)
    assert status == 1 and "no column has a usual name: give --user and --item" in told


@pytest.fixture
def vectors(tmp_path):
    """Return the options for vectors of 4 numbers, for users 0 to 5 and items 0 to 8."""
    rng = np.random.default_rng(0)
    for table, n in (("user", 6), ("item", 9)):
        np.save(tmp_path / f"{table}s.npy", rng.standard_normal((n, 4), dtype=np.float32))
    (tmp_path / "rows.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u in range(6) for i in range(u, u + 4)))
    return ["--user-vectors", tmp_path / "users.npy", "--item-vectors", tmp_path / "items.npy"]


def test_vectors_are_looked_at_added_and_then_what_a_run_takes(engine, root, tmp_path, vectors):
    status, said, _ = engine("data", "look", "--vectors", tmp_path / "items.npy")
    assert (status, said) == (0, "9 vectors of 4 numbers; the first ids: 0, 1, 2, 3, 4\n")
    status, said, told = engine("data", "add", "my-model", tmp_path / "rows.csv", *vectors, "--root", root)
    assert status == 0, told
    assert "each of them has a vector of 4 numbers" in said
    spec = checked(parse_spec({"dataset": "my-model", "model": {"encoder": "given"}}), root)
    assert (spec.model.dim, spec.model.layers) == (4, 0)
    assert checked(parse_spec({"dataset": "my-model"}), root).model.dim == 64, "LightGCN can still be trained"


NOT_GIVEN = [
    (["run", "--dataset", "my-model", "--quantizer", "l2qgcn"], "learns through the graph of a model"),
    (["run", "--dataset", "my-model", "--quantizer", "pq", "--bits", "8"], "expected a divisor of the 4 dimensions"),
    (["sweep", "--dataset", "my-model", "--quantizers", "float32,l2qgcn"], "'l2qgcn' with tune=graph"),
    (["run", "--dataset", "demo", "--encoder", "given"], "the data set 'demo' has no vectors of its own"),
    (["data", "add", "my-two", "rows.csv", "--user-vectors", "users.npy"], "vectors of users alone"),
]


def test_what_given_vectors_cannot_do_is_one_sentence_before_anything_runs(
    engine, root, tmp_path, vectors, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    engine("data", "add", "my-model", "rows.csv", *vectors, "--root", root)
    for arguments, words in NOT_GIVEN:
        status, _, told = engine(*arguments, "--root", root)
        assert status == 1 and words in told.splitlines()[-1], arguments
    assert not list(root.glob("my-model-*"))
