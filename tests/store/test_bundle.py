"""A run that is taken home: it serves by itself, says what it is, and appears whole or not at all."""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from engine import indexes, pipeline, quantizers
from engine.data.split import load_split
from engine.errors import FewbitsError
from engine.spec import ModelSpec, RunSpec
from engine.store import bundle, bundle_texts, recommendations
from engine.store.folders import RunFolder, create

REPOSITORY = Path(__file__).parents[2]
SEARCH = """
import runpy, sys
from pathlib import Path
import numpy as np
import engine.indexes
home, seen, out = map(Path, sys.argv[1:])
runpy.run_path(str(home / "search.py"))
index, seen = engine.indexes.load(home / "index.safetensors"), np.load(seen)
for bits in (32, 4):
    queries = engine.indexes.load_queries(home / f"queries_{bits}.safetensors")
    hits = index.search(queries, 50, (seen["indptr"], seen["items"]))
    np.savez(out / f"{bits}.npz", ids=hits.ids, scores=hits.scores)
print([name for name in ("torch", "streamlit", "duckdb") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, few_samples):
    """Return the folder of a real run of the demo, 4 bits, that trained for a moment."""
    spec = RunSpec(dataset="demo", model=ModelSpec(encoder="mf", dim=8, epochs=1), quantizer="uniform", bits=4)
    folder = create(tmp_path_factory.mktemp("bundle") / "runs", spec)
    pipeline.run(spec, folder, lambda *_, **__: None)
    return folder


@pytest.fixture(scope="module")
def turned(run):
    """Return the folder of a run of the same model whose items are turned before they are coded."""
    spec = RunSpec(dataset="demo", model=ModelSpec(encoder="mf", dim=8, epochs=1), quantizer="itq", bits=1)
    folder = create(run.path.parent, spec)
    pipeline.run(spec, folder, lambda *_, **__: None)
    return folder


@pytest.fixture
def copy(run, tmp_path):
    """Return a copy of the run that a test may spoil."""
    shutil.copytree(run.path.parent, tmp_path / "copied")
    return RunFolder(tmp_path / "copied" / run.run_id)


def commit_again(folder):
    """Write the manifest anew over the files that are there now."""
    content = json.loads(folder.file("manifest.json").read_text())
    folder.commit({name: value for name, value in content.items() if name != "files"})


def test_a_bundle_searches_without_torch_or_streamlit_and_finds_the_stored_lists(run, tmp_path):
    bundle.export(run, tmp_path / "home.zip", queries=True)
    with zipfile.ZipFile(tmp_path / "home.zip") as archive:
        archive.extractall(tmp_path)
    seen = load_split("demo", run.path.parent).seen()
    np.savez(tmp_path / "seen.npz", indptr=seen.indptr, items=seen.items)
    home = tmp_path / run.run_id
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, home, tmp_path / "seen.npz", tmp_path],
        capture_output=True, text=True, cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *printed, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    assert len(printed) == 3 and len(ast.literal_eval(printed[0].split(" ", 1)[1])) == 10, (
        "three users, ten named items each"
    )
    lists = pq.read_table(run.file("lists.parquet")).to_pandas()
    for bits in (32, 4):
        found, stored = np.load(tmp_path / f"{bits}.npz"), lists[lists["query_bits"] == bits].sort_values("user")
        np.testing.assert_array_equal(found["ids"], np.stack(stored["items"]))
        np.testing.assert_array_equal(found["scores"], np.stack(stored["scores"]))


def example(home):
    """Return the finished process of a bundle's example."""
    return subprocess.run(
        [sys.executable, home / "search.py"], env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_users_vector_straight_from_the_model_finds_its_list_by_the_rotation_that_comes_along(turned, tmp_path):
    assert bundle.export(turned, tmp_path / "home")["queries"] == {"from": "model", "meaning": bundle_texts.TURNED}
    split, root = load_split("demo", turned.path.parent), turned.path.parent
    layers = pipeline.make_codes(turned.spec(), root, split, lambda *_, **__: None).layers
    users = (sum(layers[1:], layers[0]) / np.float32(len(layers)))[: split.n_users]
    queries = (users @ indexes.load_turn(tmp_path / "home" / "turn.safetensors")).astype(np.float32)
    index, seen = indexes.load(tmp_path / "home" / "index.safetensors"), split.seen()
    stored = pq.read_table(turned.file("lists.parquet"), filters=[("query_bits", "=", 32)]).to_pandas()

    def places_kept(vectors):
        found = index.search(vectors, 50, (seen.indptr, seen.items)).ids
        return (found == np.stack(stored.sort_values("user")["items"])).mean()

    assert places_kept(queries) > 0.999
    assert places_kept(users) < 0.1, "without the rotation a list means nothing"
    assert len(ast.literal_eval(example(tmp_path / "home").stdout.splitlines()[0].split(" ", 1)[1])) == 10


def test_the_example_refuses_vectors_of_a_model_that_the_codes_do_not_know(turned, tmp_path):
    bundle.export(turned, tmp_path / "home")
    (tmp_path / "home" / "manifest.json").write_text(json.dumps({"queries": bundle_texts.queries("learned", False)}))
    assert (told := example(tmp_path / "home")).returncode == 1 and told.stderr.strip() == bundle_texts.LEARNED
    for path in turned.path.glob("queries_*"):
        shutil.copy(path, tmp_path / "home")
    assert example(tmp_path / "home").returncode == 0, "the stored ones serve"


def test_a_run_tells_which_vectors_its_index_takes_and_of_older_runs_it_is_known(turned, run, copy):
    assert (run.manifest()["takes"], turned.manifest()["takes"]) == ("plain", "turned")
    assert {name: quantizers.REGISTRY[name].takes for name in bundle_texts.OLDER} == bundle_texts.OLDER
    manifest = json.loads(copy.file("manifest.json").read_text())
    for told, quantizer, meaning in (
        (None, "uniform", bundle_texts.PLAIN), (None, "itq", bundle_texts.LOST), (None, "mgqe", bundle_texts.LEARNED),
        ("learned", "later", bundle_texts.LEARNED), (None, "later", bundle_texts.UNTOLD),
    ):  # fmt: skip
        other = {**manifest, "takes": told, "spec": {**manifest["spec"], "quantizer": quantizer}}
        copy.file("manifest.json").write_text(json.dumps(other))
        assert bundle.searched_with(copy)["meaning"] == meaning


def test_the_manifest_tells_what_was_measured_and_every_files_checksum(run, tmp_path):
    told = bundle.export(run, tmp_path / "home", lists=True)
    there = {path.name: path.read_bytes() for path in (tmp_path / "home").iterdir()}
    assert json.loads(there.pop("manifest.json")) == told
    assert {name: hashlib.sha256(data).hexdigest() for name, data in there.items()} == {
        name: entry["sha256"] for name, entry in told["files"].items()
    }
    assert there["index.safetensors"] == run.file("index.safetensors").read_bytes()
    assert told["measurements"] == run.manifest()["measurements"]
    assert (told["index"]["layout"], told["index"]["dim"], told["needs"]) == ("scalar", "8", "fewbits")
    assert told["data_set"]["terms"] in there["TERMS.txt"].decode()
    assert pq.read_schema(tmp_path / "home" / "items.parquet").names == ["item", "label", "key"]
    assert "users.parquet" not in there, "users' names come with their vectors alone"


def test_the_size_told_beforehand_is_that_of_the_bundle(run, tmp_path):
    for queries in (False, True):
        bundle.export(run, tmp_path / f"{queries}.zip", queries)
        measured = (tmp_path / f"{queries}.zip").stat().st_size
        assert bundle.size(run, queries) == pytest.approx(measured, abs=20_000)


def test_recommendations_are_the_stored_lists_with_names(run, tmp_path):
    with open(tmp_path / "all.parquet", "wb") as file:
        rows = recommendations.write(run, file)
    written = pq.ParquetFile(tmp_path / "all.parquet")
    assert rows == written.metadata.num_rows == recommendations.count(run)
    assert written.metadata.num_row_groups == 4, "2,000 users with two lists each, 1,024 lists at a time"
    table, split = written.read().to_pandas(), load_split("demo", run.path.parent)
    assert table["item_label"].tolist() == [split.item_labels[i] for i in table["item"]]
    assert table["user_label"].tolist() == [split.user_labels[u] for u in table["user"]]
    lists = pq.read_table(run.file("lists.parquet")).to_pandas().set_index(["user", "query_bits"])
    last = table[(table["user"] == 1999) & (table["query_bits"] == 4)]
    assert last["rank"].tolist() == list(range(1, 51))
    assert last["item"].tolist() == list(lists.loc[(1999, 4), "items"])
    assert last["score"].tolist() == list(lists.loc[(1999, 4), "scores"])
    assert table["item"].tolist() == np.concatenate(lists["items"].to_numpy()).tolist()


def test_what_is_taken_home_names_items_by_your_own_ids_beside_their_titles(copy, tmp_path):
    table = recommendations.prepared_table(copy, "items.parquet")
    items = pq.read_table(table)
    keys = pa.array([f"SKU-{i}" for i in range(len(items))])
    pq.write_table(items.set_column(items.schema.get_field_index("key"), "key", keys), table)
    bundle.export(copy, tmp_path / "home", lists=True)
    lists = pq.read_table(tmp_path / "home" / "recommendations.parquet").to_pandas()
    assert lists["item_key"].tolist() == [f"SKU-{i}" for i in lists["item"]]
    assert lists["item_label"].tolist() == items["label"].take(pa.array(lists["item"])).to_pylist()
    home = pq.read_table(tmp_path / "home" / "items.parquet")
    assert home["key"].to_pylist() == keys.to_pylist() and home["label"].equals(items["label"])


def test_a_file_that_is_not_what_was_measured_is_not_handed_on(copy, tmp_path):
    index = copy.file("index.safetensors")
    whole = index.read_bytes()
    index.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for name in ("home.zip", "home"):
        with pytest.raises(FewbitsError, match="not what was measured"):
            bundle.export(copy, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["copied"], "nothing half-made is left behind"


def test_a_run_that_is_queued_again_meanwhile_is_a_sentence(copy, tmp_path):
    copy.queue()
    acts = [bundle.size, recommendations.count, lambda run: bundle.export(run, tmp_path / "home")]
    for act in (*acts, lambda run: recommendations.labels(run, "items.parquet")):
        with pytest.raises(FewbitsError, match="is queued"):
            act(copy)


def test_what_is_there_already_stays(run, tmp_path):
    (tmp_path / "home.zip").write_text("mine")
    with pytest.raises(FewbitsError, match="is there already"):
        bundle.export(run, tmp_path / "home.zip")
    assert (tmp_path / "home.zip").read_text() == "mine"


def test_where_the_prepared_data_are_gone_a_bundle_has_no_names(copy, tmp_path):
    shutil.rmtree(copy.path.parent / "cache")
    assert "items.parquet" not in bundle.export(copy, tmp_path / "home", lists=True)["files"]
    assert pq.read_table(tmp_path / "home" / "recommendations.parquet")["item_label"].null_count > 0


def test_the_index_of_another_library_says_what_it_takes_to_load_it(copy, tmp_path):
    meta = {"format": "fewbits-index-2", "layout": "peer", "kind": "hnsw"}
    save_file({"serialised": np.zeros(8, np.uint8)}, copy.file("index.safetensors"), meta)
    commit_again(copy)
    assert bundle.export(copy, tmp_path / "home")["needs"] == "fewbits[peers]"


def test_a_run_that_is_not_done_or_keeps_no_index_is_a_sentence(copy, tmp_path):
    unfinished = create(tmp_path / "others", RunSpec(dataset="demo"))
    with pytest.raises(FewbitsError, match="is queued: expected a run that is done"):
        bundle.export(unfinished, tmp_path / "home")
    with pytest.raises(FewbitsError, match="has no recommendations: it is queued"):
        recommendations.count(unfinished)
    copy.file("index.safetensors").unlink()
    commit_again(copy)
    with pytest.raises(FewbitsError, match="keeps no index"):
        bundle.size(copy)


def test_a_data_set_that_is_not_known_any_more_has_the_terms_of_its_source(tmp_path):
    told = bundle_texts.terms("gone", tmp_path)
    assert told["title"] == "gone" and "whatever terms its source states" in bundle_texts.terms_text(told)
