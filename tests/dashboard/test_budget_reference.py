"""Budget by the rows that come with Fewbits: compared seed by seed, for a newcomer and for whoever asks."""

import pytest

from dashboard import budget, budget_words, decision
from dashboard.budget import Budget
from tests.dashboard import make_runs
from tests.dashboard.conftest import texts
from tests.study.shipped_rows import kept_of, ship


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """Rows of which HQ-GNN at 2 bits is as good as 4 bits, signs vary by a fifth, and everything else is worse."""

    def kept(form, users, seed):
        luck = {1: 1.0, 2: -1.0}.get(seed, 0.0)
        known = {"uniform 8 bit": 0.9, "uniform 4 bit": 0.96, "hqgnn 2 bit": 0.958 + 0.001 * luck,
                 "sign 1 bit": 0.94 + 0.2 * luck}  # fmt: skip
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


def limited(found: decision.Decision, quantizer: str, bits: int) -> float:
    """Return the memory of a form: a limit that leaves it and what is smaller."""
    of = found.table[(found.table["quantizer"] == quantizer) & (found.table["bits"] == bits)]
    return float(of["index_bytes"].max())


def test_what_loses_little_for_certain_is_as_good_and_the_smallest_of_it_is_shipped(reference):
    found = decided(Budget("recall@20", keep=0.93, latency="latency_p50_us"))
    assert found.table.loc[found.best, "quantizer"] == "float32", "without a limit of memory, clearly the best"
    asked = Budget("recall@20", keep=0.93, latency="latency_p50_us", most_bytes=limited(found, "uniform", 4))
    found = decided(asked)
    best = found.table.loc[found.best]
    assert (best["quantizer"], best["bits"]) == ("hqgnn", 2) and found.by_seed and found.sure is None
    names = {found.table.loc[label, "name"].split(",")[0] for label in found.ties}
    assert names == {"HQ-GNN 2 bit", "uniform 4 bit"}
    lines = budget_words.why(found, asked, "quality", best)
    assert "4 of them have lists that lose less than 1 % of the best's, for certain" in lines[0]


def test_what_varies_too_much_to_be_told_apart_is_not_called_as_good(reference):
    """Signs keep 94 ± 50 %: an interval that holds everything, and half the memory."""
    found = decided(Budget("recall@20", keep=0.93, latency="latency_p50_us", most_bytes=limited(
        decided(Budget("recall@20", latency="latency_p50_us")), "uniform", 4)))  # fmt: skip
    signs = found.table.index[found.table["quantizer"] == "sign"]
    assert all(found.differences[label].low < 0 < found.differences[label].high for label in signs)
    assert not set(signs) & set(found.ties)
    lines = budget_words.why(found, Budget("recall@20"), "quality", found.table.loc[found.best])
    assert f"**Too few seeds to tell:** {len(signs)} more may be better or clearly worse." in lines


def test_one_seed_s_luck_is_not_shipped_where_others_have_several(reference, monkeypatch):
    table = decision.points(reference=True)
    lucky = (table["quantizer"] == "itq") & (table["seed"] == 0)
    table = table[(table["quantizer"] != "itq") | lucky].copy()
    table.loc[table["quantizer"] == "itq", "recall@20"] = 0.5
    monkeypatch.setattr(decision, "points", lambda reference: table)
    found = decided(Budget("recall@20", latency="latency_p50_us"))
    assert found.table.loc[found.best, "quantizer"] == "float32"
    lines = budget_words.why(found, Budget("recall@20"), "quality", found.table.loc[found.best])
    assert any("share fewer than two seeds with it" in line for line in lines)
    assert "it has the best lists of those with several seeds." in lines[0]


def test_the_fastest_is_of_those_that_the_machine_timed(reference, monkeypatch):
    table = decision.points(reference=True)
    fast = table["quantizer"] == "sign"
    table["hardware"] = table["hardware"].mask(fast, "another")
    monkeypatch.setattr(decision, "points", lambda reference: table)
    asked = Budget("recall@20", latency="latency_p50_us")
    for machine, timed in ((table.loc[~fast, "hardware"].iloc[0], True), ("a third", False)):
        found = decision.decide.__wrapped__(
            "", "", True, "gowalla", table["tested"].iloc[0], machine, None, asked, "latency"
        )
        (line, *_) = budget_words.why(found, asked, "latency", found.table.loc[found.best])
        assert ("among what was timed on this machine (2 of those that meet this were not)" in line) == timed
        assert ("none of them was timed on this machine" in line) != timed
        assert set(found.table["seeds"]) == {3}, "quality is of all machines"


def test_a_preference_for_memory_takes_the_least(reference):
    found = decided(Budget("recall@20", keep=0.95, latency="latency_p50_us"), "index_bytes")
    assert found.table.loc[found.best, "index_bytes"] == found.meeting["index_bytes"].min()
    floats = found.table.index[found.table["quantizer"] == "float32"]
    assert found.differences[floats[0]].low > 0 and not set(floats) & set(found.ties), "better, and not called as good"


def test_a_newcomer_is_told_what_to_ship_by_the_reference_until_something_is_measured(show, root, reference):
    app = show("budget")
    assert not app.exception and not [t for t in app.toggle if t.key == "b_reference"]
    assert "Nothing is measured on this machine yet" in texts(app) and "points of Fewbits' reference study" in texts(
        app
    )
    assert app.selectbox(key="b_data").value == "gowalla"
    assert any("Ship " in s.value for s in app.subheader)
    assert "**How sure:** Over 3 seeds it kept" in texts(app)
    assert not [b for b in app.button if b.key in ("b_open", "b_queue")], "no run of it is here"
    make_runs.make_runs(root, 8)
    app.run()
    assert app.selectbox(key="b_data").value == "demo" and not app.toggle(key="b_reference").value


def test_where_nothing_of_the_reference_meets_it_the_nearest_is_named(show, root, reference):
    app = show("budget", b_keep="120")
    assert "No measured configuration meets all of this." in app.warning[0].value and "**The nearest:**" in texts(app)
    assert not app.exception and not [b for b in app.button if b.key == "b_queue"]


def test_ones_own_results_come_first_and_the_reference_when_asked_for(show, runs, reference):
    app = show("budget", b_keep="93")
    assert not app.toggle(key="b_reference").value and app.selectbox(key="b_data").value == "demo"
    app.toggle(key="b_reference").set_value(True).run()
    assert app.selectbox(key="b_data").value == "gowalla" and not app.exception
    assert "float32" in next(s.value for s in app.subheader if "Ship " in s.value) and "Student's t" in texts(app)


def test_rows_that_cannot_be_read_leave_budget_to_ones_own(show, runs, tmp_path, monkeypatch):
    for name in ("runs.parquet", "rows.parquet"):
        (tmp_path / name).write_bytes(b"cut off")
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path))
    app = show("budget")
    assert not app.exception and "cannot be read as reference rows" in app.warning[0].value
    assert any("Ship " in s.value for s in app.subheader)
