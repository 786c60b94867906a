"""Every page: with nothing there, with results, and when something is wrong. No traceback ever reaches a person."""

import shlex

import pandas as pd
import pytest

from dashboard import data, labels, widgets
from engine.errors import FewbitsError
from engine.store import catalog, inbox
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts

PAGES = ("tradeoffs", "budget", "compare", "run", "users", "new_run", "queue", "data_sets", "about", "findings")


@pytest.mark.parametrize("view", PAGES)
def test_an_empty_folder_shows_a_way_on(show, root, view):
    app = show(view)
    assert not app.exception and not app.error
    assert len(texts(app)) > 80


@pytest.mark.parametrize("view", PAGES)
def test_a_full_folder_shows_no_error(show, runs, view):
    app = show(view, **({"run_id": runs[3], "user": "5"} if view in ("run", "users") else {}))
    assert not app.exception and not app.error and not app.warning


@pytest.mark.parametrize("view", PAGES)
def test_a_catalog_that_cannot_be_read_is_a_sentence(show, runs, root, view, monkeypatch):
    def broken(*_: object) -> None:
        raise catalog.FewbitsError(
            "catalog 00000001.duckdb cannot be read: `python -m engine runs --rebuild` makes it anew"
        )

    for name in ("runs", "points", "methods", "measurements"):
        monkeypatch.setattr(catalog, name, broken)
    app = show(view)
    assert not app.exception
    if view not in ("data_sets", "findings"):  # they read the registry and the splits, or the shipped rows, alone
        assert "cannot be read" in app.error[0].value


def test_a_budget_on_a_data_set_that_was_removed_says_that_nothing_more_can_be_measured(show, runs, root):
    make_runs.make_runs(root, 8, dataset="my-shop")
    app = show("budget", {"b_data": "my-shop", "b_keep": 120.0})
    assert not app.error and "Its data are no longer here" in texts(app)
    assert any(e.label.startswith("All ") for e in app.expander), "what was measured is still shown"


def test_a_mistake_of_ours_is_told_without_its_traceback(show, runs, monkeypatch):
    monkeypatch.setattr(catalog, "points", lambda root: 1 / 0)
    app = show("tradeoffs")
    assert not app.exception
    assert "Your results are safe" in app.error[0].value and "ZeroDivision" not in texts(app)


def test_the_first_page_offers_the_demo_and_submits_it(show, root):
    app = show("tradeoffs")
    button(app, "Run the demo sweep").click().run()
    assert len([c for _, c in inbox.pending(root) if c["command"] == "submit"]) == 8
    assert "8 waiting" in texts(app)
    assert "Run the demo sweep" not in [b.label for b in app.button]  # asked once is enough


def test_a_failed_demo_says_why_and_offers_it_again(show, root):
    make_runs.failed(root, "got 3 fields, expected 4")
    make_runs.publish(root)
    app = show("tradeoffs")
    assert "Got 3 fields, expected 4." in texts(app)
    assert button(app, "Run the demo sweep")


def test_the_chart_names_how_many_points_are_on_the_frontier(show, runs):
    app = show("tradeoffs")
    assert f"{len(data.points())} points" in texts(app)
    assert app.get("plotly_chart")


@pytest.mark.parametrize("quality, cost", [
    ("recall", "latency_p50_us"), ("ndcg", "throughput_qps"), ("overlap", "latency_p99_us"), ("recall", "index_bytes"),
])  # fmt: skip
def test_every_axis_can_be_chosen(show, runs, quality, cost):
    app = show("tradeoffs", {"t_x": cost, "t_y": quality, "t_share": True, "t_log_y": True, "t_k": 50})
    assert not app.error and not app.exception
    assert ("Measured on Fake CPU" in texts(app)) == (cost != "index_bytes")


def test_times_of_two_machines_are_never_on_one_chart(show, root):
    make_runs.make_runs(root, 8)
    make_runs.make_runs(root, 8, hardware="Another CPU, 4 cores", first=8)
    app = show("tradeoffs", {"t_x": "latency_p50_us"})
    choice = next(s for s in app.selectbox if s.label == "Measured on")
    assert len(choice.options) == 3  # each of them, or a chart for each
    assert f"Measured on {choice.value}" in texts(app)
    assert "Measured on" not in [s.label for s in show("tradeoffs").selectbox]  # bytes can be compared


def test_filters_that_leave_nothing_say_so(show, runs):
    app = show("tradeoffs")
    app.multiselect(key="t_datasets").set_value([]).run()
    assert "No point passes these filters" in app.info[0].value


def test_a_share_without_a_float32_run_says_what_to_do(show, root):
    make_runs.make_runs(root, 3)
    app = show("tradeoffs", {"t_share": True})
    app.multiselect(key="t_quantizer").set_value(["uniform"]).run()
    assert not app.info  # the reference is there, although its own point is filtered out
    for folder in root.glob("demo-float32-*"):
        (folder / "manifest.json").unlink()
    make_runs.publish(root)
    app = show("tradeoffs", {"t_share": True})
    assert "no finished float32 run" in app.info[0].value


def test_a_run_shows_its_measurements_and_the_command_that_means_it(show, runs):
    from engine.commands.running import run as command

    app = show("run", run_id=runs[3], r_again="true")
    words = shlex.split(next(c.value for c in app.code if c.value.startswith("python -m engine run")))
    given = command.make_context("run", words[4:]).params
    spec = data.spec_of(data.run(runs[3]))
    assert {name: given[name] for name in ("dataset", "quantizer", "bits", "dim", "lr", "seed", "schedule")} == {
        "dataset": "demo", "quantizer": "uniform", "bits": 4, "dim": 32, "lr": 0.02, "seed": 0, "schedule": "cosine",
    }  # fmt: skip
    assert given["query_bits"] == "32,4" and given["options"] == ("scale=row",)
    assert all(given[name] == getattr(spec.model, name) for name in type(spec.model).model_fields)
    point = data.points().set_index(["run_id", "query_bits"]).loc[(runs[3], 32)]
    assert {m.label: m.value for m in app.metric} == {
        "Recall@20": labels.share(point["recall@20"]), "Overlap@20": labels.share(point["overlap@20"]),
        "Latency, median": f"{labels.number(point['latency_p50_us'])} µs",
        "Bytes per item": labels.number(point["bytes_per_item"]), "Index": labels.amount(point["index_bytes"]),
    }, "those of float32 users, where both were searched"  # fmt: skip


def test_only_the_open_part_of_a_run_is_drawn_and_the_address_says_which(show, runs):
    assert "Latency p99" not in {m.label for m in show("run", run_id=runs[3]).metric}
    assert "Latency p99" in {m.label for m in show("run", run_id=runs[3], part="Speed and memory").metric}
    assert not show("run", run_id=runs[3], part="nonsense").exception


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("cannot write: the disk is full", r"Cannot write\: the disk is full."),
        ("demo-sign1-0123456789ab: no such run", r"demo-sign1-0123456789ab\: no such run."),
        ("can't be read", "Can't be read."),
    ],
)
def test_an_error_is_a_sentence_and_a_name_in_it_stays_as_it_is(error, shown):
    assert widgets.sentence(FewbitsError(error)) == shown


def test_a_tuned_run_shows_both_curves(show, root):
    (run_id,) = make_runs.make_runs(root, 1, formats=[("hqgnn", 4, {"scale": "row"}, 0.99)])
    app = show("run", run_id=run_id, part="Training")
    assert not app.error and "**The quantizer**" in texts(app) and "**The float32 model**" in texts(app)
    assert "Tuning" in set(pd.concat([t.value for t in app.table]).index)


@pytest.mark.parametrize(
    "run_id", ["nonsense", "../../etc/passwd", "demo-float32-000000000000", "![x](http://x.y/z.png)"]
)
@pytest.mark.parametrize("view", ["run", "users"])
def test_a_link_to_a_run_that_is_not_there_says_so(show, runs, view, run_id):
    app = show(view, run_id=run_id)
    assert not app.exception and not app.error
    assert "There is no" in app.warning[0].value and "![x]" not in app.warning[0].value


def test_a_run_whose_files_are_gone_is_a_sentence(show, runs, root):
    (root / runs[0] / "users.parquet").unlink()
    app = show("run", run_id=runs[0])
    assert "not there or not whole" in app.error[0].value


@pytest.mark.parametrize("make, words", [
    (make_runs.failed, "Got 3 fields in u.data line 17"), (make_runs.cancelled, "was cancelled"),
    (make_runs.orphaned, "ended without a word"),
])  # fmt: skip
def test_a_run_that_is_not_done_says_why_and_can_be_tried_again(show, root, make, words):
    run_id = make(root)
    make_runs.publish(root)
    app = show("run", run_id=run_id)
    assert words in texts(app).replace("\\", "")
    button(app, "Try again").click().run()
    assert [c for _, c in inbox.pending(root)] == [{"command": "retry", "run_id": run_id}]


def test_data_sets_lists_the_registry_and_the_split(show, runs):
    app = show("data_sets")
    table = app.dataframe[0].value
    assert "gowalla" in set(table["Name"])
    assert "every third item" in texts(app)


def test_about_explains_every_method(show, runs):
    said = texts(show("about"))
    assert "Sign" in said and "LightGCN" in said and "Sampled softmax" in said
