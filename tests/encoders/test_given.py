"""Given vectors, from the data set to the lists: nothing is trained, and what is searched is what was brought."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engine import pipeline, quantizers
from engine.data import own_import
from engine.data.own_columns import Choice
from engine.data.readers import Vectors
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.spec import ModelSpec, RunSpec
from engine.store import folders, lists
from engine.training import tuning

USERS, ITEMS, DIM = 60, 130, 7
"""An odd width, and no more items than a list is long and a bit."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Add a data set with vectors whose users like what their inner products say; return the folder and both tables."""
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    tables = {
        name: rng.standard_normal((n, DIM)).astype(np.float32) for name, n in (("users", USERS), ("items", ITEMS))
    }
    tables["items"] *= rng.uniform(0.2, 3, (ITEMS, 1)).astype(np.float32)  # lengths of their own
    likes = np.argsort(-(tables["users"] @ tables["items"].T + rng.gumbel(size=(USERS, ITEMS))), 1)[:, :15]
    for name, table in tables.items():
        np.save(folder / f"{name}.npy", table)
    rows = "".join(f"{user},{item}\n" for user in range(USERS) for item in likes[user])
    (folder / "rows.csv").write_text("user,item\n" + rows)
    files = {name: own_import.File(folder / f"{name}.npy", name) for name in tables}
    own_import.add("my-model", folder / "rows.csv", Choice("user", "item"), folder, vectors=files)
    return folder, tables["users"], tables["items"]


def run(folder, quantizer, bits, **options):
    spec = RunSpec(
        dataset="my-model", model=ModelSpec(encoder="given", dim=DIM), quantizer=quantizer, bits=bits, options=options
    )
    made = folders.create(folder, quantizers.resolve(spec))
    pipeline.run(made.spec(), made, lambda *_a, **_k: None)
    return made


def value(made, metric, bits=32):
    rows = made.manifest()["measurements"]
    return next(
        r["value"] for r in rows if r["metric"] == metric and r["query_bits"] in (bits, None) and r["k"] in (20, None)
    )


def test_lists_are_those_of_a_plain_product_with_lengths_as_they_are(model, few_samples):
    root, users, items = model
    made = run(root, "float32", 32)
    scores = users @ items.T
    seen = load_split("my-model", root).seen()
    scores[seen.users(), seen.items] = -np.inf
    found = lists.read_ids(made.file("lists.parquet"), 20)
    assert np.array_equal(found, np.argsort(-scores, 1, kind="stable")[:, :20])
    assert value(made, "train_s") == 0 and value(made, "overlap") == 1
    assert any("too high where their model was trained on the test" in note for note in made.manifest()["notes"])
    assert not any("length" in note for note in made.manifest()["notes"]), "vectors of others are never damped"


@pytest.mark.parametrize(("quantizer", "bits"), [("uniform", 8), ("hqgnn", 2)])
def test_quantizers_that_follow_a_model_and_those_that_are_tuned_take_vectors(model, few_samples, quantizer, bits):
    root, *_ = model
    made = run(root, quantizer, bits, **({"steps": 20} if quantizer == "hqgnn" else {}))
    assert made.state() == "done"
    assert 0.5 < value(made, "overlap") < 1
    assert value(made, "bytes_per_item") < 4 * DIM


@pytest.mark.parametrize(("factors", "alike"), [((2.0**-12, 2.0**9), 1.0), ((1000.0, 1e-6), 0.9)])
def test_tuning_does_not_depend_on_how_large_the_vectors_are(model, tmp_path, monkeypatch, factors, alike):
    """A step moves each number by the learning rate: the first would throw vectors of norm 0.001 away."""
    rising = itertools.count()
    monkeypatch.setattr(tuning, "BATCH", 64)
    monkeypatch.setattr(tuning, "served_ndcgs", lambda *_: np.array([next(rising)]))  # so that the last epoch is kept
    split, options = load_split("my-model", model[0]), {"lr": 0.01, "rotate": "none"}
    vectors = Vectors(split.vectors.users * np.float32(factors[0]), split.vectors.items * np.float32(factors[1]))

    def codes(number, data, steps):
        (tmp_path / str(number) / "cache").mkdir(parents=True)
        given, told = ModelSpec(encoder="given", dim=DIM), {**options, "steps": steps}
        spec = RunSpec(dataset="my-model", model=given, quantizer="hqgnn", bits=1, options=told)
        made = pipeline.make_codes(quantizers.resolve(spec), tmp_path / str(number), data, lambda *_a, **_k: None)
        return np.concatenate([made.coded.users.q, made.coded.items.q])

    one, two, start = codes(1, split, 40), codes(2, replace(split, vectors=vectors), 40), codes(3, split, 0)
    assert (one == two).mean() >= alike, "powers of two change no digit, others by half a step's size at most"
    assert 0.01 < (one != start).mean() < 0.3


def test_a_run_that_needs_a_model_is_refused_wherever_it_was_submitted(model):
    with pytest.raises(FewbitsError, match="learns through the graph of a model"):
        run(model[0], "l2qgcn", 1)
