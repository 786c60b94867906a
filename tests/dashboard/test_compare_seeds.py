"""Compare over seeds: configurations of the reference study and one's own, without users, for a newcomer as well."""

from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import compare, seed_comparison, tradeoff_parts, who_loses
from dashboard import shipped as shipped_rows
from engine.store import reference as store
from engine.study.figures import T
from tests.dashboard.conftest import texts
from tests.study.shipped_rows import FLOAT_RECALL, HARDWARE, kept_of, ship


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


@pytest.fixture
def two_machines(tmp_path, monkeypatch, root):
    """Rows of three seeds, the last of another, slower machine; a form of 1 bit is of that alone."""
    ship(tmp_path / "reference", ["gowalla"], ["core"])
    points = store.points(tmp_path / "reference")
    far = (points["seed"] == 2) | (points["form"] == "itq 1 bit")
    points.loc[far, "hardware"] = "Another CPU"
    points.loc[far, "latency_p50_us"] *= 1000
    monkeypatch.setattr(store, "points", lambda folder: points)
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path / "reference"))
    known = seed_comparison.known()
    return known, {name.split(" · ")[1]: key for key, name in known.names.items() if "float32 users" in name}


def test_times_are_of_one_machine_and_quality_is_of_all(two_machines):
    known, of = two_machines
    keys = [of["float32"], of["ITQ 1 bit"]]
    usual, far = (shipped_rows.MARK + name for name in (HARDWARE, "Another CPU"))
    assert set(seed_comparison.machines(known, keys)) == {usual, far}
    assert seed_comparison.machines(known, keys[1:]) == [], "one machine leaves no choice"
    (row, itq), (slow, _) = (seed_comparison.rows_of(known, keys, machine) for machine in (usual, far))
    assert slow["latency_p50_us"] == 1000 * row["latency_p50_us"] and row["of_seeds"] == [0, 1, 2]
    assert (row["hardware"], slow["hardware"], row["machines"]) == (usual, far, [usual, far])
    assert itq["hardware"] == far and "(another machine)" in str(compare.costs([row, itq])), "no ratio of the two"


def test_other_test_items_are_never_paired_nor_one_s_own_with_the_reference_study(root, shipped):
    known = seed_comparison.known()
    keys = [key(shipped, "float32", 32), key(shipped, "uniform", 4)]
    assert seed_comparison.differences(known, keys, "recall@20") and len(seed_comparison.by_popularity(known, keys))
    for column in ("dataset", "tested", "source"):
        points = known.points.copy()
        points.loc[known.members[keys[1]], column] = "another"
        other = replace(known, points=points)
        assert seed_comparison.differences(other, keys, "recall@20") == {}, column
        assert seed_comparison.by_popularity(other, keys).empty


def test_what_was_measured_here_as_well_leaves_the_reference_whole(root, shipped, monkeypatch):
    """Its figures would change with each run of one's own."""
    exact, four = key(shipped, "float32", 32), key(shipped, "uniform", 4)
    before = seed_comparison.known()
    own = before.points[before.points["run_id"].isin([exact[0], four[0]])].assign(hardware="here")
    monkeypatch.setattr(seed_comparison.results, "described", lambda: own.drop(columns="source"))
    st.cache_resource.clear()
    known = seed_comparison.known()
    assert known.of[exact] == exact and not known.names[exact].endswith("reference"), "an id of both is one's own"
    assert len(known.members[exact]) == 1
    reference = known.of[key(shipped, "float32", 32, seed=1)]
    assert known.names[reference].endswith("reference") and len(known.members[reference]) == 5
    mean, was = (seed_comparison.mean(k, of, "recall@20") for k, of in ((known, reference), (before, exact)))
    assert mean == was


def test_recall_of_popular_and_of_rare_items_is_told_apart(root, shipped):
    known = seed_comparison.known()
    keys = [key(shipped, "float32", 32), key(shipped, "uniform", 4)]
    table = seed_comparison.by_popularity(known, keys).set_index(["point", "group"])
    assert table["share"].to_dict() == pytest.approx({(0, 0): 0.3, (1, 0): 0.3, (0, 1): 0.1, (1, 1): 0.05})
    assert table["change"].to_dict() == pytest.approx({(0, 0): 0.0, (1, 0): 0.0, (0, 1): 0.0, (1, 1): -0.5})
    told = who_loses.verdict(table.reset_index(), 1, seed_comparison.GROUPS)
    assert told.startswith("**tail loses most: -50.0 %")


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


def test_a_link_to_shipped_points_is_over_seeds_and_switching_that_off_leaves_one_s_own(show, runs, shipped):
    app = show("compare", points=f"{shipped['float32', 32, 0]}:32,{shipped['uniform', 4, 0]}:4")
    assert not app.exception and not app.warning and app.toggle(key="c_seeds").value
    app = show("compare", points=f"{runs[0]}:32,{shipped['uniform', 4, 0]}:4", c_seeds="true")
    assert not app.exception and not app.warning
    assert app.table[1].value.loc["Recall@20 against A"].iloc[1] == "not paired"
    assert "B: another data set" in texts(app)
    app.toggle(key="c_seeds").set_value(False).run()
    assert not app.exception and not app.warning and app.multiselect(key="c_points").value == [(runs[0], 32)]


def test_seeds_of_one_configuration_count_as_one_and_the_page_says_so(show, root, shipped):
    app = show("compare", points=",".join(f"{shipped['uniform', 4, seed]}:4" for seed in (0, 1, 2)))
    assert "they count as one" in app.info[0].value and "Choose one more point" in app.info[1].value


def test_fewer_than_two_seeds_in_common_are_explained(show, root, shipped, monkeypatch):
    """float32 has five seeds here, of which a form has one."""
    known = seed_comparison.known()
    keys = [key(shipped, "float32", 32), key(shipped, "uniform", 4)]
    lone = replace(known, members=known.members | {keys[1]: known.members[keys[1]][:1]})
    monkeypatch.setattr(seed_comparison, "known", lambda: lone)
    app = show("compare", points=compare.written(keys))
    assert not app.exception
    assert "B: fewer than two seeds in common with the base A (its seeds: 0, 1, 2, 3, 4)" in texts(app)
    assert "too few to say who loses" in texts(app)


def test_rows_that_cannot_be_read_leave_compare_to_one_s_own(show, runs, tmp_path, monkeypatch):
    for name in ("runs.parquet", "rows.parquet"):
        (tmp_path / name).write_bytes(b"cut off")
    monkeypatch.setenv("FEWBITS_REFERENCE", str(tmp_path))
    app = show("compare", points=f"{runs[0]}:32,{runs[3]}:4,gone:4", c_seeds="true")
    assert not app.exception and not app.error
    said = [warning.value for warning in app.warning]
    assert "cannot be read as reference rows" in said[0] and "no measured point “gone" in said[1]
    assert app.toggle(key="c_seeds").value and len(app.table) == 2


def test_selected_points_of_the_reference_lead_to_their_comparison(monkeypatch):
    gone = []
    monkeypatch.setattr(tradeoff_parts.st, "switch_page", lambda page, query_params: gone.append(query_params))

    def page():
        from dashboard import tradeoff_parts

        tradeoff_parts.actions([("a", 32), ("b", 4)], [], lambda: None)

    app = AppTest.from_function(page).run()
    assert [b.key for b in app.button if "compare" in str(b.key)] == ["t_compare_seeds"], "no user can be paired"
    app.button(key="t_compare_seeds").click().run()
    assert gone == [{"points": "a:32,b:4", "c_seeds": "true"}] and app.session_state["c_seeds"]


def test_comparing_user_by_user_turns_the_switch_off_that_a_visit_before_had_left_on(monkeypatch):
    """A switch keeps its place between pages, whatever the address says."""
    monkeypatch.setattr(tradeoff_parts.st, "switch_page", lambda page, query_params: None)

    def page():
        from dashboard import tradeoff_parts

        tradeoff_parts.actions([("a", 32), ("b", 4)], [("a", 32), ("b", 4)], lambda: None)

    app = AppTest.from_function(page)
    app.session_state["c_seeds"] = True
    app.run().button(key="t_compare").click().run()
    assert not app.session_state["c_seeds"]
