"""The pages where work is asked for, watched and looked into: Queue, New run, Users."""

import json
import shutil

import pytest
import streamlit as st

from dashboard import data, people
from engine.store import inbox
from engine.store.catalog import Catalog
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts
from tests.dashboard.fake_data import METHODS, QUANTIZERS


def test_a_running_run_shows_how_far_it_is(show, root):
    run_id, lock = make_runs.running(root)
    make_runs.publish(root)
    for view in ("run", "queue"):
        said = texts(show(view, run_id=run_id))
        assert "epoch 3 of at most 40" in said and "0.1200" in said
    lock.release()


def test_a_running_tuning_is_shown_like_a_training(show, root):
    run_id, lock = make_runs.running(root, "tuning")
    make_runs.publish(root)
    app = show("run", run_id=run_id)
    assert "epoch 3 of at most 40" in texts(app)
    assert "Tuning the quantizer · 35% · about 40 s of tuning left" in [p.text for p in app.get("progress")]
    lock.release()


def test_the_queue_has_a_place_for_every_state(show, root):
    make_runs.make_runs(root, 2)
    make_runs.waiting(root, 3)
    for make in (make_runs.failed, make_runs.cancelled, make_runs.orphaned):
        make(root)
    run_id, lock = make_runs.running(root)
    make_runs.publish(root)
    app = show("queue")
    for words in ("Running (1)", "Waiting (3)", "Failed, broken off or cancelled (3)", "Done (2)"):
        assert words in texts(app)
    app.button(key=f"cancel_{run_id}").click().run()
    assert {"command": "cancel", "run_id": run_id} in [c for _, c in inbox.pending(root)]
    assert app.button(key=f"cancel_{run_id}").label == "asked"  # a second click would say nothing new
    lock.release()


def test_all_waiting_runs_are_cancelled_only_after_a_question(show, root):
    waiting = make_runs.waiting(root, 3)
    make_runs.publish(root)
    app = show("queue")
    app.button(key="cancel_all").click().run()
    assert not list(inbox.pending(root))
    button(app, "Cancel 3 runs").click().run()
    assert {c["run_id"] for _, c in inbox.pending(root)} == set(waiting)


def test_a_run_whose_settings_are_refused_today_is_told_with_the_reason(show, runs, root):
    spec = json.loads((root / runs[3] / "spec.json").read_text())
    spec["model"]["patience"] = 0
    shutil.copytree(root / runs[3], root / "demo-uniform4-0123456789ab")
    (root / "demo-uniform4-0123456789ab" / "spec.json").write_text(json.dumps(spec))
    make_runs.publish(root)
    for page in (show("queue"), show("run", run_id="demo-uniform4-0123456789ab")):
        assert "refuse" in page.warning[0].value and not page.error
        assert "model.patience: Input should be greater than or equal to 1" in texts(page).replace("\\", "")
    (root / "demo-uniform4-0123456789ab" / "spec.json").unlink()
    st.cache_data.clear()
    assert not show("queue").warning, "a folder without a specification was never a run"


def test_new_run_counts_what_is_new_and_submits_it(show, runs, root):
    app = show("new_run")
    assert "Submit 6 runs" in [b.label for b in app.button]
    button(app, "Submit 6 runs").click().run()
    assert app.title[0].value == "Queue"
    assert len(list(inbox.pending(root))) == 6


def test_new_run_reuses_what_is_done(show, runs):
    app = show("new_run", {"n_dims": ["32"], "n_layers": ["2"], "n_epochs": 8})
    assert "6 done already and reused" in texts(app)
    assert next(b for b in app.button if b.label == "Nothing new to submit").disabled


def test_new_run_builds_each_quantizers_form_from_its_description(show, runs):
    labels = [m.label for m in show("new_run").multiselect]
    assert labels.count("Scale") == 2  # uniform's and sign's own option; float32 has none


def test_new_run_tells_which_temperatures_there_are_and_steps_to_the_next(show, runs):
    app = show("new_run", {"n_temperature": 0.01})
    assert "Temperature: got 0.01, but input should be 0 (by a rule" in texts(app).replace("\\", "")
    field = app.number_input(key="n_temperature")
    assert "at least 0.014" in field.help and field.min == 0
    field.set_value(field.step).run()
    assert not app.error, "one click from 0"


def test_new_run_stays_short_with_all_methods(show, root):
    make_runs.publish(root)
    chosen = [m["name"] for m in QUANTIZERS]
    app = show("new_run", {"n_quantizers": chosen, "n_hqgnn_ema": ["0.9", "0.99"]})
    lines = [e.label for e in app.expander]
    assert not app.error and len([line for line in lines if line.startswith("**")]) == 14
    assert "**HQ-GNN** · 8 / 4 / 2 / 1 bits · trained · 8 options · :orange[changed: EMA]" in lines
    titles = [m.label for m in app.multiselect]
    assert {"Delta max", "Learning rate", "GSTE"} <= set(titles)
    help = next(m.help for m in app.multiselect if m.label == "GSTE")
    assert help == "Correct the straight-through gradient (GSTE). Default\\: yes. Several values make several runs."
    assert "Submit 29 runs" in [b.label for b in app.button]  # each of HQ-GNN's four bit-widths twice
    assert "15 runs that train the quantizer as well" in texts(app)


def test_new_run_offers_no_method_whose_libraries_are_missing_and_says_how_to_get_them(show, root):
    peer = {**QUANTIZERS[0], "name": "peer", "title": "Other libraries", "unavailable": "not installed: x; `get x`"}
    Catalog(root, [*METHODS, {"kind": "quantizer", "name": "peer", "description": json.dumps(peer)}]).refresh()
    app = show("new_run")
    assert "Other libraries" not in next(m.options for m in app.multiselect if m.label == "Quantizers")
    assert "Other libraries: not offered here. not installed: x; `get x`" in texts(app).replace("\\", "")
    assert "`get x`" in texts(show("about"))


@pytest.mark.parametrize("state, words", [
    ({"n_datasets": []}, "No data set chosen"), ({"n_quantizers": []}, "No quantizer chosen"),
    ({"n_dims": ["many"]}, "Dim: got 'many'"), ({"n_queries": []}, "No query precision chosen"),
])  # fmt: skip
def test_new_run_says_in_a_sentence_what_is_missing(show, runs, state, words):
    app = show("new_run", state)
    assert words in [e.value.replace("\\", "")[: len(words)] for e in app.error]
    assert not [b for b in app.button if b.label.startswith("Submit")]


def test_a_choice_of_widths_survives_other_choices_and_a_visit_elsewhere(show, runs):
    app = show("new_run", {"n_quantizers": ["uniform"]})

    def field():
        return next(g for g in app.get("button_group") if g.key == "n_bits")

    def with_methods(*names):
        app.multiselect(key="n_quantizers").set_value(list(names)).run()
        return sorted(field().value)

    assert sorted(field().value) == [1, 2, 4, 8], "all at first"
    assert (with_methods("dpq"), with_methods("uniform")) == ([4, 6, 8], [1, 2, 4, 8]), "all there are"
    field().set_value([8, 4]).run()
    assert (with_methods("dpq"), with_methods("uniform", "dpq")) == ([4, 8], [4, 8]), "two were chosen, not all"
    field().set_value([2]).run()
    assert (with_methods("dpq"), with_methods("uniform")) == ([], [2])
    app.switch_page("views/queue.py").run()
    app.switch_page("views/new_run.py").run()
    assert field().value == [2]
    field().set_value([8, 4, 2, 1]).run()
    assert with_methods("uniform", "dpq") == [1, 2, 4, 6, 8]


def test_new_run_says_that_a_data_set_must_be_downloaded(show, runs, monkeypatch):
    monkeypatch.delenv("FEWBITS_DATA", raising=False)
    app = show("new_run", {"n_datasets": ["gowalla"]})
    assert "downloads it" in app.warning[0].value


def test_a_user_is_shown_with_both_lists(show, runs):
    app = show("users", run_id=runs[6], user="5", bits="1")
    said = texts(app)
    assert "reader-006 (row 5)" in said.replace("\\", "")
    assert "items left the top 20" in said
    assert len(app.dataframe) == 5  # who loses most, two lists, held-out items, history
    listed = [set(table.value["Item"]) for table in app.dataframe[1:3]]
    names = data.items(data.run(runs[6])["split"])["label"]
    exact, coded = data.float_list(data.run(runs[6])["checkpoint"], 5), data.list_of(runs[6], 5, 1)
    assert listed == [set(names[list(found["items"][:20])]) for found in (exact, coded)] and listed[0] != listed[1]


def test_ties_are_told(show, runs):
    assert "are tied" in texts(show("users", run_id=runs[7], user="5"))


def test_a_user_without_test_items_is_shown_and_explained(show, runs):
    app = show("users", run_id=runs[3], user="0")
    assert "no held-out items" in texts(app) and not app.error


@pytest.mark.parametrize("user", ["60", "-1", "abc", "²", "9" * 30])
def test_a_user_that_is_not_there_is_a_sentence(show, runs, user):
    assert "rows 0 to 59" in show("users", run_id=runs[3], user=user).warning[0].value


def test_a_user_is_found_by_name(show, runs):
    app = show("users", run_id=runs[3])
    app.text_input(key="u_find").set_value("reader-010").run()
    assert app.query_params["user"] == ["9"] or app.query_params["user"] == "9"
    app.text_input(key="u_find").set_value("nobody").run()
    assert "contains" in app.warning[0].value
    app.text_input(key="u_find").set_value("reader-01").run()
    assert len(app.selectbox(key="u_match").options) == 10


def test_users_who_were_found_are_not_offered_for_another_data_set(show, runs, root):
    other = make_runs.make_runs(root, 1, dataset="other")[0]
    app = show("users", run_id=runs[3])
    app.text_input(key="u_find").set_value("reader-01").run()
    assert [s.label for s in app.selectbox if s.key == "u_match"] == ["10 users match"]
    app.query_params["run_id"] = other
    assert not app.run().exception and not [s for s in app.selectbox if s.key == "u_match"]


def test_who_loses_most_is_the_first_of_that_order_in_each_run(show, runs):
    app = show("users", run_id=runs[6], bits="1")
    button(app, "Loses most").click().run()
    assert app.metric[0].delta.startswith("-")
    first = app.query_params["user"]
    button(app, "Loses most").click().run()
    assert app.query_params["user"] != first, "again for the next"
    order = people.by_loss(people.against_float(data.run(runs[5]), 1, 20)[0], 20)["user"].tolist()
    app.query_params["run_id"] = runs[5]
    button(app.run(), "Loses most").click().run()
    assert app.query_params["user"] in (str(order[0]), [str(order[0])]), "the worst of the other run"


def test_without_the_float32_list_the_quantized_one_is_still_shown(show, runs, root):
    for path in root.glob("cache/model-*/top.parquet"):
        path.unlink()
    app = show("users", run_id=runs[3], user="5")
    assert "only the quantized one" in app.info[0].value and not app.error


def test_a_run_without_a_user_shows_who_loses_most(show, runs):
    app = show("users", run_id=runs[6], bits="1", u_k="10")
    table = app.dataframe[0].value
    assert table["Change"].is_monotonic_increasing and table["Change"].iloc[0] < 0
    assert (table["Training items"] == 8).all() and "lose recall@10 against float32" in texts(app)
    user = int(table["User"].iloc[0].removesuffix(")").split("row ")[1])
    button(app, "Loses most").click().run()
    assert str(user) in str(app.query_params["user"]), "the button walks in the order of the table"


def test_without_a_float32_run_the_lists_that_changed_most_come_first(show, root):
    ids = make_runs.make_runs(root, 7)
    (root / ids[0] / "manifest.json").unlink()
    make_runs.publish(root)
    table = show("users", run_id=ids[6], bits="1").dataframe[0].value
    assert table["Overlap@20"].is_monotonic_increasing and "Change" not in table
