"""Vectors of one's own on the Data sets and New run pages, and the button that removes a set."""

import shutil

import numpy as np
import pytest

from dashboard import own_data, own_given, own_reports
from engine.data import own, own_import, registry
from engine.data.own_columns import Choice
from engine.measure import synthetic, synthetic_runs
from engine.spec import ModelSpec, RunSpec
from engine.store import inbox, prepared
from engine.store.folders import create
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts


@pytest.fixture
def quick(monkeypatch):
    """Wait for the import while the button is down, however busy the machine: fragments don't rerun in tests."""
    monkeypatch.setattr(own_data, "QUICK_S", 60.0)


def form(show, **files):
    """Return the page with the template in the form, vectors wanted, and some files of them."""
    app = show("data_sets")
    app.file_uploader[0].upload("books.csv", own_data.TEMPLATE.read_bytes(), "text/csv").run()
    next(c for c in app.checkbox if c.label == "I have vectors of these users and items").set_value(True).run()
    for table, (name, content) in files.items():
        field = next(f for f in app.file_uploader if f.label == f"Vectors of the {table}")
        field.upload(name, content, "application/octet-stream").run()
    return app


def both():
    return {table: (f"{table}.parquet", own_given.template(table)) for table in ("users", "items")}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Return a runs folder with the worked example as the data set my-model, and my-shop without vectors."""
    folder, vectors = tmp_path_factory.mktemp("own"), {}
    for table in ("users", "items"):
        (folder / table).write_bytes(own_given.template(table))
        vectors[table] = own_import.File(folder / table, f"{table}.parquet")
    choice = Choice(user="user_id", item="item_id")
    own_import.add("my-model", own_data.TEMPLATE, choice, folder, vectors=vectors)
    own_import.add("my-shop", own_data.TEMPLATE, choice, folder)
    return folder


@pytest.fixture
def added(root, sets):
    """Fill the test's folder with both sets."""
    shutil.copytree(sets / "datasets", root / "datasets")
    make_runs.publish(root)


def test_the_three_templates_go_through_the_page_and_become_a_set_with_vectors(show, root, quick):
    app = form(show, **both())
    assert not app.error and not app.exception
    assert "5 vectors of 3 numbers; the first ids: ada, ben, cem, dora, eve" in texts(app)
    assert app.number_input(key="o_core").disabled, "with vectors nobody is filtered out"
    app.selectbox(key="o_split_2").set_value("last").run()
    button(app, "Add data set").click().run()
    assert not app.error and not app.exception
    said = texts(app).replace("\\", "")
    assert "1 row of the file dropped: of a user or an item without a vector, such as the item 'b5'" in said
    assert "each of them has a vector of 3 numbers" in said
    assert registry.info("books", root).dim == 3


def test_the_button_waits_for_both_files_and_a_file_that_holds_no_vectors_is_a_sentence(show, root):
    app = form(show, users=both()["users"])
    assert "Bring the vectors of the users and those of the items." in texts(app)
    assert "Add data set" not in [b.label for b in app.button]
    app = form(show, users=both()["users"], items=("items.npy", b"no matrix"))
    assert "file items.npy: it holds no vectors" in app.error[0].value.lower().replace("\\", "")
    assert "Add data set" not in [b.label for b in app.button] and not app.exception


def test_an_import_that_fails_says_why_and_keeps_what_was_chosen(show, root, quick):
    wide = np.zeros((5, 4), np.float32)
    np.save(root / "wide.npy", wide)
    app = form(show, users=("wide.npy", (root / "wide.npy").read_bytes()), items=both()["items"])
    button(app, "Add data set").click().run()
    assert "users have 4 numbers (wide.npy), those of items 3" in app.error[0].value.replace("\\", "")
    assert button(app, "Add data set") and own.names(root) == []
    with own_import._alone(root / "datasets"):
        button(app, "Add data set").click().run()
        assert "another file is being added" in app.error[0].value.lower()


def test_given_vectors_are_offered_where_a_set_has_some_and_chosen_where_all_have(show, added):
    app = show("new_run")
    field = next(m for m in app.multiselect if m.label == "Encoder")
    assert "Vectors of your own" not in field.options
    sets = next(m for m in app.multiselect if m.label == "Data sets")
    for chosen, encoders in ((["my-model"], ["given"]), (["my-model", "my-shop"], ["given", "lightgcn"])):
        sets = next(m for m in app.multiselect if m.label == "Data sets")
        sets.set_value(chosen).run()
        field = next(m for m in app.multiselect if m.label == "Encoder")
        assert "Vectors of your own" in field.options and field.value == encoders
        assert "Vectors of your own have 3 numbers and are not trained" in texts(app)


def test_runs_on_given_vectors_are_submitted_with_their_dimensions(show, root, added):
    app = show("new_run")
    next(m for m in app.multiselect if m.label == "Data sets").set_value(["my-model"]).run()
    next(m for m in app.multiselect if m.label == "Quantizers").set_value(["float32", "sign"]).run()
    assert "Nothing to train." in texts(app)
    button(app, "Submit 2 runs").click().run()
    specs = [c["spec"] for _, c in inbox.pending(root)]
    assert {(s["model"]["encoder"], s["model"]["dim"], s["model"]["layers"]) for s in specs} == {("given", 3, 0)}


def test_what_needs_a_graph_is_refused_before_anything_is_submitted(show, added):
    app = show("new_run")
    next(m for m in app.multiselect if m.label == "Data sets").set_value(["my-model"]).run()
    next(m for m in app.multiselect if m.label == "Quantizers").set_value(["l2qgcn"]).run()
    assert "l2qgcn" in app.error[0].value and "learns through the graph of a model" in app.error[0].value
    assert not [b for b in app.button if b.label.startswith("Submit")]


def test_a_set_is_removed_only_after_a_question_that_names_its_runs(show, root, added):
    create(root, RunSpec(dataset="my-model", model=ModelSpec(encoder="given", dim=3)))
    make_runs.publish(root)
    app = show("data_sets")
    app.button(key="o_remove_my-model").click().run()
    assert "1 run waiting or at work: it will fail." in texts(app)
    button(app, "Keep it").click().run()
    assert own.names(root) == ["my-model", "my-shop"]
    app.button(key="o_remove_my-shop").click().run()
    assert "No run uses it." in texts(app)
    button(app, "Remove my-shop").click().run()
    assert own.names(root) == ["my-model"]
    assert "my-shop was removed" in texts(app).replace("\\", "")
    assert "my-shop" not in set(app.dataframe[0].value["Name"])


def test_the_name_of_a_set_that_runs_were_done_on_is_neither_suggested_nor_taken(show, root):
    create(root, RunSpec(dataset="books"))
    make_runs.publish(root)
    app = show("data_sets")
    app.file_uploader[0].upload("books.csv", own_data.TEMPLATE.read_bytes(), "text/csv").run()
    assert app.text_input[0].value == "books-2"
    app.text_input[0].set_value("books").run()
    assert "was here before" in app.error[0].value and "Add data set" not in [b.label for b in app.button]


def test_a_set_that_cannot_be_removed_stays_and_says_why(show, root, added, monkeypatch):
    app = show("data_sets")
    app.button(key="o_remove_my-shop").click().run()
    own.remove("my-shop", root)  # by somebody else, meanwhile
    button(app, "Remove my-shop").click().run()
    assert "The data set 'my-shop' could not be removed: there is no data set" in app.error[0].value.replace("\\", "")
    assert not app.exception


def test_finished_runs_of_a_set_that_goes_are_counted(root, runs, monkeypatch):
    monkeypatch.setenv("FEWBITS_RUNS", str(root))
    assert own_reports.consequences("demo") == [
        f"{len(runs)} finished runs on it: what was measured stays, but can't be measured again."
    ]


def test_the_budget_offers_only_runs_that_vectors_can_serve(show, root, added):
    split = synthetic.FakeSplit(dataset="my-model")
    model = ModelSpec(encoder="given", dim=3)
    for name, bits in (("float32", 32), ("sign", 1)):
        spec = RunSpec(dataset="my-model", model=model, quantizer=name, bits=bits, query_bits=(32, bits))
        key = prepared.save_split(root, split)
        synthetic_runs.finish(root, spec, 0.9, key, split, True, synthetic_runs.HARDWARE)
    make_runs.publish(root)
    app = show("budget", b_keep="120")
    assert not app.error and not app.exception
    next(b for b in app.button if b.label.startswith("Queue ")).click().run()
    asked = {c["spec"]["quantizer"] for _, c in inbox.pending(root)}
    assert {"uniform", "hqgnn"} < asked and "l2qgcn" not in asked
