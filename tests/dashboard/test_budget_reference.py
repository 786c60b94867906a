"""Budget by the rows that come with Fewbits: compared seed by seed, for a newcomer and for whoever asks."""

import pandas as pd
import pytest

from dashboard import budget, decision
from dashboard.budget import Budget
from tests.dashboard.conftest import texts
from tests.study.shipped_rows import kept_of, ship


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """Rows of which HQ-GNN at 2 bits is as good as 4 bits but for what seeds do, and everything else is worse."""

    def kept(form, users, seed):
        known = {"uniform 8 bit": 0.9, "uniform 4 bit": 0.96, "hqgnn 2 bit": 0.959 + {1: 0.01, 2: -0.01}.get(seed, 0.0)}
        return known.get(form, 1.0 if form.startswith("float32") else 0.5 * kept_of(form, users, seed))

    ship(tmp_path / "reference", ["gowalla"], ["core"], kept=kept)
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path / "reference"))


def decided(asked: Budget, prefer: str = "quality") -> decision.Decision:
    points = decision.points(reference=True)
    (machine,) = points["hardware"].unique()
    return decision.decide.__wrapped__("", "", True, "gowalla", points["tested"].iloc[0], machine, None, asked, prefer)


def test_differences_are_paired_by_seed_and_of_one_common_seed_there_is_none():
    values = {"a": {0: 0.20, 1: 0.10, 2: 0.30}, "b": {0: 0.21, 1: 0.11, 2: 0.31, 3: 9.0}, "c": {2: 0.1, 5: 0.2}}
    found = budget.against_by_seed(values, "a")
    assert list(found) == ["b"] and found["b"].seeds == 3
    assert found["b"][:3] == pytest.approx((0.01, 0.01, 0.01)), "seeds differ by far more"


def test_of_those_that_seeds_do_not_tell_apart_the_smallest_is_shipped(reference):
    found = decided(Budget("recall@20", keep=0.93, latency="latency_p50_us"))
    assert found.table.loc[found.best, "quantizer"] == "float32", "without a limit of memory, clearly the best"
    four = found.table[(found.table["quantizer"] == "uniform") & (found.table["bits"] == 4)]["index_bytes"].max()
    found = decided(Budget("recall@20", keep=0.93, latency="latency_p50_us", most_bytes=four))
    best = found.table.loc[found.best]
    assert (best["quantizer"], best["bits"]) == ("hqgnn", 2) and found.by_seed and found.sure is None
    names = {found.table.loc[label, "name"].split(",")[0] for label in found.ties}
    assert names == {"HQ-GNN 2 bit", "uniform 4 bit"}


def test_a_preference_for_memory_takes_the_least(reference):
    found = decided(Budget("recall@20", keep=0.93, latency="latency_p50_us"), "index_bytes")
    assert found.table.loc[found.best, "index_bytes"] == found.meeting["index_bytes"].min()


def test_a_newcomer_is_told_what_to_ship_by_the_reference(show, root, reference):
    app = show("budget")
    assert not app.exception and app.toggle(key="b_reference").value
    assert "Nothing is measured on this machine yet" in texts(app) and "points of Fewbits' reference study" in texts(
        app
    )
    assert app.selectbox(key="b_data").value == "gowalla"
    assert any("Ship " in s.value for s in app.subheader)
    assert "**How sure:** Over 3 seeds it kept" in texts(app)
    assert not [b for b in app.button if b.key in ("b_open", "b_queue")], "no run of it is here"
    app.toggle(key="b_reference").set_value(False).run()
    assert not [s for s in app.selectbox if s.key == "b_data"] and not app.exception


def test_where_nothing_of_the_reference_meets_it_the_nearest_is_named(show, root, reference):
    app = show("budget", b_keep="120")
    assert "No measured configuration meets all of this." in app.warning[0].value and "**The nearest:**" in texts(app)
    assert not app.exception and not [b for b in app.button if b.key == "b_queue"]


def test_ones_own_results_come_first_and_the_reference_when_asked_for(show, runs, reference):
    app = show("budget")
    assert not app.toggle(key="b_reference").value and app.selectbox(key="b_data").value == "demo"
    app.toggle(key="b_reference").set_value(True).run()
    assert app.selectbox(key="b_data").value == "gowalla" and not app.exception
    assert isinstance(app.dataframe[0].value, pd.DataFrame)


def test_rows_that_cannot_be_read_leave_budget_to_ones_own(show, runs, tmp_path, monkeypatch):
    for name in ("runs.parquet", "rows.parquet"):
        (tmp_path / name).write_bytes(b"cut off")
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path))
    app = show("budget")
    assert not app.exception and "cannot be read as reference rows" in app.warning[0].value
    assert any("Ship " in s.value for s in app.subheader)


def test_quality_is_of_all_seeds_and_times_of_one_machine(reference):
    points = decision.points(reference=True)
    rows = points["quantizer"] == "uniform"
    points.loc[rows & (points["seed"] > 0), "hardware"] = "reference, measured on another"
    points.loc[rows & (points["seed"] > 0), "latency_p50_us"] = 9e9
    shown = decision._timed_on(points, points.loc[points["seed"] == 0, "hardware"].iloc[0])
    shown = shown.assign(**{"recall@20_share": 1.0})
    found = budget.configurations(shown, Budget("recall@20", latency="latency_p50_us"))
    assert set(found["seeds"]) == {3} and found["latency"].max() < 9e9
    none = decision._timed_on(points, "reference, measured on another").assign(**{"recall@20_share": 1.0})
    found = budget.configurations(none, Budget("recall@20", latency="latency_p50_us", most_us=1e12))
    assert found.loc[found["quantizer"] == "float32", "over"].isna().all(), "it was not timed there"
