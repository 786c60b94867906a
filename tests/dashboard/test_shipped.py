"""The reference study in the dashboard: real curves before anything is run, marked, apart, and gone with one click."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import data, export, frontiers, results, shipped, shipped_parts
from dashboard.tradeoff_controls import EVERY
from engine.measure.synthetic_runs import HARDWARE
from engine.store import inbox
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts
from tests.study.shipped_rows import ship

CORE = ["float32", "uniform", "sign", "hqgnn", "l2qgcn"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A reference study of the same machine as one's own synthetic runs."""
    to = tmp_path_factory.mktemp("reference")
    specs = ship(to, only=CORE, failed=[("sign 1 bit, scale=none", "out of memory: choose a smaller dim")],
                 hardware=HARDWARE)  # fmt: skip
    return to, specs


@pytest.fixture
def reference(study, monkeypatch):
    monkeypatch.setenv("FEWBITS_REFERENCE", str(study[0]))
    return study[1]


def test_a_newcomer_sees_curves_and_is_offered_the_demo(show, root, reference):
    app = show("tradeoffs")
    assert not app.exception and not app.error
    assert len(app.get("plotly_chart")) == 1
    assert app.multiselect(key="t_datasets").value == ["gowalla"]
    assert f"reference study, measured on {HARDWARE}" in texts(app).replace("\\", "")
    assert "Nothing is measured on this machine yet" in texts(app)
    button(app, "Run the demo sweep").click().run()
    assert len([c for _, c in inbox.pending(root) if c["command"] == "submit"]) == 8


def test_a_newcomer_s_first_own_points_take_the_place_of_the_reference(show, root, reference):
    """Whatever draws the page anew: the first steps, or what watches for points."""
    app = show("tradeoffs")
    make_runs.make_runs(root, 8)
    app.run()
    assert app.multiselect(key="t_datasets").value == ["demo"]
    app.multiselect(key="t_datasets").set_value(["gowalla"]).run()
    assert app.multiselect(key="t_datasets").value == ["gowalla"], "what is chosen then stays"


def test_one_click_hides_the_reference(show, runs, reference):
    app = show("tradeoffs", {"t_datasets": ["demo"]})
    assert "points of Fewbits' reference study, measured on" in texts(app)
    app.toggle(key="t_reference").set_value(False).run()
    assert app.multiselect(key="t_datasets").options == ["demo"]
    assert "reference study, measured" not in texts(app)


def test_one_click_leaves_a_newcomer_with_the_first_steps(show, root, reference):
    app = show("tradeoffs", t_reference="false")
    assert not app.get("plotly_chart") and button(app, "Run the demo sweep")


def test_times_of_the_reference_have_a_chart_of_their_own_on_a_machine_of_the_same_name(show, runs, reference):
    app = show("tradeoffs", {"t_x": "latency_p50_us", "t_hardware": EVERY, "t_datasets": ["demo"]})
    assert len(app.get("plotly_chart")) == 2
    table = shipped.beside(results.described())
    judged = frontiers.judged(table, "latency_p50_us", "recall@20", ["dataset", "hardware"])
    of = judged[judged["source"] == "reference"]["hardware"].unique()
    assert list(of) == [f"{shipped.MARK}{HARDWARE}"], "and its name says what it is"
    assert not set(of) & set(judged[judged["source"] == "own"]["hardware"])


def test_the_own_data_set_comes_first_beside_the_reference(show, runs, reference):
    assert show("tradeoffs").multiselect(key="t_datasets").value == ["demo"]


def test_of_one_s_own_data_sets_the_last_measured_comes_first_whatever_it_is_called(reference):
    """The set that a newcomer sees is first among the shipped ones alone."""
    some = shipped.points().head(2)
    own = some.assign(
        source="own", dataset=["my-shop", shipped.FIRST], finished=pd.to_datetime(["2027-02-02", "2027-01-01"])
    )
    assert shipped.datasets(pd.concat([shipped.points(), own]))[:2] == ["my-shop", shipped.FIRST]


def test_points_are_named_by_the_options_that_were_chosen_for_them(reference):
    names = set(shipped.points()["method"])
    assert {"float32", "uniform 4 bit", "uniform 4 bit, scale table", "HQ-GNN 1 bit, tuned for float32 users"} <= names
    assert "L²Q-GCN 1 bit, no alpha, no annealing" in names, "a flag that was taken away is named"


def test_exported_points_have_the_same_names(runs, reference):
    table = shipped.beside(results.described())
    labels = export.labelled(shipped_parts.rows(data.points(), table), data.defaults())["label"].tolist()
    assert any("· uniform 4 bit, scale table ·" in label for label in labels)
    assert not any("index hnsw" in label or "at its default" in label for label in labels)


def test_a_run_measured_here_takes_the_place_of_the_shipped_one(runs, reference):
    own = results.described()
    same = own.assign(run_id=shipped.points()["run_id"].iloc[0])
    table = shipped.beside(same)
    assert set(table[table["run_id"] == same["run_id"].iloc[0]]["source"]) == {"own"}


def test_shares_of_float32_are_of_the_same_machine_s_model(runs, reference):
    """A model's name is that of its settings: trained on two machines, one name stands for two models."""
    there = shipped.points()
    floats = there[there["quantizer"] == "float32"]
    own = floats.assign(**{"recall@20": 1.0}, hardware="My CPU").drop(columns="source")
    table = shipped.beside(own)
    of_four = (table["form"] == "uniform 4 bit") & (table["query_bits"] == 32)
    assert not ((table["source"] == "reference") & (table["quantizer"] == "float32")).any(), "measured here as well"
    shares = frontiers.share_of_float(table, "recall@20", shipped.floats(table))["recall@20_share"]
    assert shares[of_four].tolist() == pytest.approx([0.995] * of_four.sum(), abs=0.0051), "0.2 before, of one's own"
    assert (shares[table["source"] == "own"] == 1).all()
    mine = table.assign(source="own")
    assert (frontiers.share_of_float(mine, "recall@20")["recall@20_share"][of_four] < 0.3).all()


def test_selected_reference_points_say_why_they_cannot_be_opened(runs, reference):
    def page() -> None:
        import streamlit as st

        from dashboard import data, shipped
        from dashboard.shipped_parts import openable

        own = data.points()
        selected = [(str(own["run_id"][0]), 32), (str(shipped.points()["run_id"][0]), 32)]
        st.markdown(f"{openable(selected, own) == selected[:1]}")

    app = AppTest.from_function(page).run()
    assert "1 of the selected points are of the reference study" in app.info[0].value
    assert app.markdown[0].value == "True"


def test_a_link_to_a_run_of_the_reference_is_a_sentence(show, runs, reference):
    app = show("run", run_id=reference[0].run_id)
    assert not app.exception and "is of the reference study" in app.warning[0].value


def test_rows_that_cannot_be_read_leave_ones_own_results(show, runs, tmp_path, monkeypatch):
    for name in ("runs.parquet", "rows.parquet"):
        (tmp_path / name).write_bytes(b"cut off")
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path))
    app = show("tradeoffs")
    assert not app.exception and app.get("plotly_chart")
    assert "cannot be read as reference rows" in app.warning[0].value
    assert "cannot be read as reference rows" in show("findings").error[0].value


def test_findings_are_told_with_their_figures_claims_and_failures(show, root, reference):
    app = show("findings")
    assert not app.exception and not app.error
    title = "1. **Which width is safe: 4 bits with float32 users, 4 bits with coded users.**"
    assert f"{title} Rounded after training (`uniform`), the least width" in texts(app)
    claims = app.dataframe[0].value
    assert set(claims["Paper"]) == {"HQ-GNN", "L²Q-GCN-anl"} and set(claims["Holds"]) == {
        "yes",
        "yes, by the mean",
        "no",
    }
    assert list(app.table[0].value.columns) == ["no.", "figure", "gowalla", "demo"], "all figures of the sentences"
    assert len(app.dataframe) == 1 + 2, "a table for each data set"
    assert "`sign 1 bit, scale=none`, 6 runs: Out of memory" in texts(app)
    coverage = app.table[-1].value
    assert list(coverage.columns) == ["Stage", "gowalla", "demo"] and coverage["demo"].iloc[2] == "48 of 99"


@pytest.mark.parametrize(("only", "failed", "words"), [
    (["mf"], [], "What follows from 24 runs"), (["sign"], [], "What follows from"),
    (["itq"], [("itq 1 bit", "out of memory")], "No run of the study that is here is finished"),
])  # fmt: skip
def test_findings_of_a_study_of_which_little_was_run_are_a_page_as_well(
    show, root, tmp_path, monkeypatch, only, failed, words
):
    ship(tmp_path, ["my-shop"], only, failed=failed)
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path))
    app = show("findings")
    assert not app.exception and words in texts(app) + "".join(i.value for i in app.info)
    assert list(app.table[-1].value.columns) == ["Stage", "my-shop"] and len(app.info) <= 1


def test_findings_without_rows_say_how_to_make_them(show, root):
    app = show("findings")
    assert not app.exception and "study reference" in app.info[0].value
