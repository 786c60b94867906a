"""Compare over seeds: configurations of the reference study and one's own, without users, for a newcomer as well."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import compare, seed_comparison, tradeoff_parts
from engine.study.figures import T
from tests.dashboard import make_runs
from tests.dashboard.conftest import texts
from tests.study.shipped_rows import FLOAT_RECALL, HARDWARE, kept_of, ship

LUCK = {0: 0.0, 1: 0.004, 2: -0.004}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Rows of which 4 bits keep 99.5 ± some %, seed by seed; returns (form, seed) → run id."""
    specs = ship(tmp_path / "reference", ["gowalla"], ["core", "seeds"])
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path / "reference"))
    usual = [spec for spec in specs if not spec.options]
    return {(spec.quantizer, spec.bits, spec.model.seed): spec.run_id for spec in usual}


def key(shipped, quantizer: str, bits: int, seed: int = 0, users: int = 32) -> compare.Key:
    return shipped[quantizer, bits, seed], users


def test_a_configuration_is_all_its_seeds_and_any_of_them_names_it(root, shipped):
    known = seed_comparison.known()
    first = key(shipped, "uniform", 4)
    assert known.of[key(shipped, "uniform", 4, seed=3)] == first and first in known.names
    assert key(shipped, "uniform", 4, seed=3) not in known.names
    values = seed_comparison.by_seed(known, first, "recall@20")
    assert values == pytest.approx({s: r * kept_of("uniform 4 bit", "float32", s) for s, r in FLOAT_RECALL.items()})
    assert len(set(known.names.values())) == len(known.names)
    assert known.names[first].endswith("5 seeds · float32 users · reference")


def test_differences_are_paired_by_seed(root, shipped):
    """What a form keeps varies by half a point, float32 itself by a tenth."""
    known = seed_comparison.known()
    exact, four = key(shipped, "float32", 32), key(shipped, "uniform", 4)
    found = seed_comparison.differences(known, [exact, four], "recall@20")[four]
    gaps = [FLOAT_RECALL[s] * (kept_of("uniform 4 bit", "float32", s) - 1) for s in FLOAT_RECALL]
    mean = sum(gaps) / 5
    half = T[3] * (sum((gap - mean) ** 2 for gap in gaps) / 4) ** 0.5 / 5**0.5
    assert found == pytest.approx((mean, mean - half, mean + half, 5))
    kept = seed_comparison.mean(known, four, "recall@20_share")
    assert kept is not None and kept.mean == pytest.approx(0.995)


def test_times_are_of_one_machine_and_quality_is_of_all(tmp_path, monkeypatch, root):
    ship(tmp_path / "reference", ["gowalla"], ["core"])
    points = seed_comparison.shipped.reference.points(tmp_path / "reference")
    other = points["seed"] == 2
    points.loc[other, "hardware"], points.loc[other, "latency_p50_us"] = "Another CPU", 9e6
    monkeypatch.setattr(seed_comparison.shipped.reference, "points", lambda folder: points)
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path / "reference"))
    known = seed_comparison.known()
    keys = list(known.names)[:2]
    usual, far = seed_comparison.machines(known, keys)
    (row, _), (slow, _) = (seed_comparison.rows_of(known, keys, machine) for machine in (usual, far))
    assert usual.endswith(HARDWARE) or far.endswith(HARDWARE)
    low, high = sorted([row["latency_p50_us"], slow["latency_p50_us"]])
    assert low < high == 9e6
    assert row["recall@20"] == slow["recall@20"] and row["of_seeds"] == [0, 1, 2]


def test_other_test_items_are_never_paired(tmp_path, monkeypatch, root):
    ship(tmp_path / "reference", ["gowalla", "ml-1m"], ["core"])
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path / "reference"))
    known = seed_comparison.known()
    of = {name.partition(" ")[0]: key for key, name in known.names.items()}
    keys = [of["gowalla"], of["ml-1m"]]
    assert seed_comparison.differences(known, keys, "recall@20") == {}
    assert seed_comparison.by_popularity(known, keys).empty


# --- The page.


def test_a_newcomer_compares_the_reference_study_with_one_click(show, root, shipped):
    app = show("compare")
    assert not app.exception and not app.error and not app.toggle
    offer = next(b for b in app.button if b.label.startswith("Compare float32 with"))
    offer.click().run()
    assert not app.exception and not app.error and not app.warning
    figures = app.table[1].value
    assert figures.loc["Recall@20 against A"].iloc[0] == "base"
    assert "seeds" in figures.loc["Recall@20 against A"].iloc[1]
    assert "%" in figures.loc["Keeps of float32's recall@20"].iloc[1]
    assert "Student's t" in texts(app) and "bootstrap" not in texts(app)


def test_who_loses_is_told_by_popularity_where_it_is_known(show, root, shipped):
    pair = f"{shipped['float32', 32, 0]}:32,{shipped['uniform', 2, 0]}:32"
    app = show("compare", points=pair)
    assert not app.exception and list(app.table[2].value.columns) == ["head", "tail"]
    assert len(app.get("plotly_chart")) == 1


def test_with_own_runs_the_switch_shows_both_and_without_it_a_shipped_point_says_where_it_is(show, runs, shipped):
    pair = f"{runs[0]}:32,{shipped['uniform', 4, 0]}:4"
    app = show("compare", points=pair)
    assert not app.toggle(key="c_seeds").value and "switch that on" in app.warning[0].value
    app = show("compare", points=pair, c_seeds="true")
    assert not app.exception and not app.warning
    assert app.table[1].value.loc["Recall@20 against A"].iloc[1] == "not paired", "other data"


def test_selected_points_of_the_reference_lead_to_their_comparison(monkeypatch):
    gone = []
    monkeypatch.setattr(tradeoff_parts.st, "switch_page", lambda page, query_params: gone.append(query_params))

    def page():
        from dashboard import tradeoff_parts

        tradeoff_parts.actions([("a", 32), ("b", 4)], [], lambda: None)

    app = AppTest.from_function(page).run()
    assert [b.key for b in app.button if "compare" in str(b.key)] == ["t_compare_seeds"], "no user can be paired"
    app.button(key="t_compare_seeds").click().run()
    assert gone == [{"points": "a:32,b:4", "c_seeds": "true"}]


def test_seeds_of_one_s_own_are_compared_as_well(show, root):
    ids = make_runs.make_runs(root, 3)
    app = show("compare", points=f"{ids[0]}:32,{ids[1]}:16", c_seeds="true")
    assert not app.exception and not app.error and not app.warning
    assert app.table[1].value.loc["Recall@20 against A"].iloc[1] == "not paired", "of one seed there is no interval"
