"""Budget: one configuration to ship, who is as good as it, and what to do where none meets what is asked."""

import json

import numpy as np
import pandas as pd
import pytest

from dashboard import budget, budget_words, data, naming, point_words
from dashboard.budget import Budget
from dashboard.decision import Decision
from engine.errors import FewbitsError
from engine.store import inbox
from engine.store.files import write_json
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts

ASKED = Budget("recall@20", keep=0.95, most_us=100, most_bytes=20e6)


def points(**columns: list[object]) -> pd.DataFrame:
    """Four configurations: float32, two of 4 bit, signs."""
    table: dict[str, object] = {
        "run_id": ["f", "u", "h", "s"], "quantizer": ["float32", "uniform", "hqgnn", "sign"], "bits": [32, 4, 4, 1],
        "query_bits": [32, 4, 4, 1], "recall@20": [0.20, 0.198, 0.199, 0.15],
        "recall@20_share": [1.0, 0.99, 0.995, 0.75], "latency_p99_us": [400.0, 60.0, 61.0, 30.0],
        "index_bytes": [256e6, 17e6, 17e6, 4e6], "bytes_per_item": [256.0, 17.0, 17.0, 4.0], "seed": 0,
        "dataset": "a", "encoder": "lightgcn", "dim": 64, "layers": 3, "loss": "softmax", "settings": "{}",
        "options": "{}", "index": "i", "finished": pd.Timestamp("2026-01-01"),
    }  # fmt: skip
    return pd.DataFrame({**table, **columns})


def users(*means: float, n: int = 4000) -> dict[int, dict[int, np.ndarray]]:
    """One seed's quality of n users in each configuration: much the same users, means that differ by what is said."""
    rng = np.random.default_rng(0)
    base = rng.random(n) * 0.1
    return {i: {0: base + mean + rng.normal(0, 0.05, n)} for i, mean in enumerate(means)}


def test_a_configuration_meets_a_budget_only_if_it_meets_every_limit():
    found = budget.configurations(points(), ASKED)
    over = dict(zip(found["quantizer"], found["over"], strict=True))
    assert over["uniform"] == over["hqgnn"] == 0
    assert over["sign"] == pytest.approx(0.95 / 0.75 - 1), "the limit that is missed most counts"
    assert over["float32"] == pytest.approx(256 / 20 - 1)


def test_without_limits_everything_meets_and_what_is_not_measured_is_not_said_to_meet():
    assert (budget.configurations(points(), Budget("recall@20"))["over"] == 0).all()
    unknown = points(latency_p99_us=[400.0, None, 61.0, 30.0])
    found = budget.configurations(unknown, ASKED).set_index("quantizer")["over"]
    assert np.isnan(found["uniform"]) and found["hqgnn"] == 0
    assert budget.configurations(unknown.drop(columns="latency_p99_us"), ASKED).empty


def test_models_that_were_trained_otherwise_are_configurations_of_their_own():
    other = points(settings='{"lr": 0.1}', run_id=["f1", "u1", "h1", "s1"], **{"recall@20": [0.1, 0.1, 0.1, 0.1]})
    found = budget.configurations(pd.concat([points(), other]).assign(method="a method"), ASKED)
    assert len(found) == 8 and set(found["quality"]) == {0.20, 0.198, 0.199, 0.15, 0.1}
    named = naming.configurations(found[found["quantizer"] == "uniform"])
    assert sorted(named) == ["a method, 4-bit users", "a method, learning rate 0.1, 4-bit users"]


def test_seeds_are_one_configuration():
    both = pd.concat(
        [points(), points(seed=1, run_id=["f1", "u1", "h1", "s1"], **{"recall@20_share": [1, 0.97, 1, 1]})]
    )
    row = budget.configurations(both, ASKED).set_index("quantizer").loc["uniform"]
    assert (row["kept"], row["kept_low"], row["kept_high"]) == pytest.approx((0.98, 0.97, 0.99))
    assert row["run_ids"] == ["u", "u1"] and row["seeds"] == 2


def test_of_those_that_cannot_be_told_apart_the_smallest_is_shipped():
    table = budget.configurations(points(), Budget("recall@20"))
    best, ties = budget.chosen(table, "quality", users(0.2, 0.2, 0.2, 0.1))
    assert table.loc[best, "quantizer"] == "uniform", "as good as float32, smaller, and faster than hqgnn"
    assert set(table.loc[ties, "quantizer"]) == {"float32", "uniform", "hqgnn"} and ties[0] == best


def test_a_clear_difference_is_not_a_tie():
    table = budget.configurations(points(), Budget("recall@20"))
    best, ties = budget.chosen(table, "quality", users(0.2, 0.18, 0.18, 0.1))
    assert table.loc[best, "quantizer"] == "float32" and ties == [best]


def test_a_lucky_seed_is_no_better_lists():
    """Signs were run with the one seed with which every method does well; on that seed float32 is clearly better."""
    several = users(0.20, 0.20, 0.20, 0.21)
    for label, mean in ((0, 0.25), (1, 0.24), (2, 0.24)):
        several[label] |= {1: users(mean)[0][0]}
    several[3] = {1: several[3][0]}
    lucky = points(**{"recall@20": [0.225, 0.22, 0.22, 0.24]})
    table = budget.configurations(lucky, Budget("recall@20"))
    assert budget.ranked(table, "quality")["quantizer"].iloc[0] == "sign", "its mean is the highest"
    best, ties = budget.chosen(table, "quality", several)
    assert table.loc[best, "quantizer"] == "float32" and ties == [best]
    found = budget.against(several, best)
    assert {label: difference.seeds for label, difference in found.items()} == {1: 2, 2: 2, 3: 1}
    assert found[3].mean == pytest.approx(-0.04, abs=0.005) and found[3].high < 0
    assert budget.against({0: several[3], 1: users(0.2)[0]}, 0) == {}, "no seed in common: nothing is paired"


def test_what_was_timed_while_the_machine_was_slow_says_so():
    """Seeds on which it was quiet count alone where there are any."""
    slow = points(calibration_drift=[0.0, 34.2, 9.9, None])
    table = budget.configurations(slow, Budget("recall@20"))
    drift = dict(zip(table["quantizer"], table["drift"], strict=True))
    assert point_words.doubt(drift["uniform"]) == "the machine lost 34 % of its pace"
    assert not any(point_words.doubt(drift[q]) for q in ("float32", "hqgnn", "sign"))
    assert not point_words.doubt(budget.configurations(points(), Budget("recall@20"))["drift"].iloc[0])
    assert dict(zip(table["quantizer"], table["latency"], strict=True))["uniform"] == 60
    quiet = points(seed=1, calibration_drift=0.0, latency_p99_us=[300.0, 50.0, 50.0, 20.0])
    both = budget.configurations(pd.concat([slow, quiet]), Budget("recall@20")).set_index("quantizer")
    assert both.loc["uniform", "latency"] == 50 and both.loc["float32", "latency"] == 350
    assert not point_words.doubt(both.loc["uniform", "drift"])


def test_a_limit_of_what_was_not_measured_is_not_told_as_met():
    over = budget.missed(points().rename(columns={"latency_p99_us": "latency", "recall@20_share": "kept"}).assign(
        kept=[None, 0.9, 0.96, 0.96]), ASKED)  # fmt: skip
    named = {"kept": "quality", "latency": "time", "index_bytes": "memory"}
    told = [budget_words.misses(row, named) for row in over.to_dict("records")]
    assert told == ["quality not measured, time, memory", "quality", "", ""]


def test_a_difference_tells_of_which_seeds_it_is():
    row, best = (pd.Series({"quality": q, "seeds": len(s), "of_seeds": s}) for q, s in ((0.2, [0]), (0.21, [0, 1])))
    found = Decision(pd.DataFrame(), differences={"a": budget.Difference(-0.01, -0.02, -0.005, 1)})
    assert budget_words.difference(found, "a", row, best) == "-0.0100 (-0.0200 to -0.0050, 1 seed that both have)"
    assert budget_words.difference(found, "b", row, best) == "-0.0100, not of the same seeds"
    best["of_seeds"] = [2, 3]
    assert budget_words.difference(found, "b", row, best) == "-0.0100, of other seeds"


def test_the_preference_decides():
    table = budget.configurations(points(), Budget("recall@20"))
    for prefer, first in (("index_bytes", "sign"), ("latency", "sign"), ("quality", "float32")):
        assert budget.ranked(table, prefer)["quantizer"].iloc[0] == first
    close = budget.configurations(points(index_bytes=[256e6, 17e6, 17.1e6, 17e6]), Budget("recall@20"))
    assert budget.ranked(close, "index_bytes")["quantizer"].iloc[0] == "hqgnn", "1 % more memory decides nothing"


def test_how_sure_a_limit_is_met_follows_the_users():
    values = {label: own[0] for label, own in users(0.2, 0.19).items()}
    assert budget.chance(values[1], values[0], 0.5) == 1
    assert budget.chance(values[1], values[0], 1.0) == 0
    assert 0.2 < budget.chance(values[1], values[0], values[1].mean() / values[0].mean()) < 0.8
    with pytest.raises(FewbitsError, match="same users"):
        budget.chance(values[1][:10], values[0], 1.0)


def test_the_nearest_is_the_one_that_misses_least():
    table = budget.configurations(points(), Budget("recall@20", keep=0.995, most_bytes=16e6))
    assert table.loc[budget.nearest(table), "quantizer"] == "hqgnn"
    assert budget.nearest(budget.configurations(points(latency_p99_us=None), ASKED)) is None


def test_runners_up_are_better_in_something():
    table = budget.configurations(points(), Budget("recall@20"))
    worse = table.index[table["quantizer"] == "hqgnn"][0]
    best = table.index[table["quantizer"] == "float32"][0]
    assert set(budget.alternatives(table, best, {})["quantizer"]) == {"uniform", "hqgnn", "sign"}
    assert set(budget.alternatives(table, worse, {})["quantizer"]) == {"float32", "sign"}, "uniform saves less than 2 %"
    lucky = table.assign(quality=[0.2, 0.198, 0.199, 0.3], index_bytes=256e6, latency=400.0)
    paired = {label: budget.Difference(-0.04, -0.05, -0.03, 1) for label in table.index[1:]}
    assert budget.alternatives(lucky, best, {})["quantizer"].tolist() == ["sign"]
    assert budget.alternatives(lucky, best, paired).empty, "worse on the seeds that both have"


# --- The page.


def test_the_page_recommends_one_and_says_why(show, runs):
    app = show("budget", b_keep="50")
    said = texts(app)
    assert not app.exception and not app.error
    assert "Ship " in said and "configurations meet this" in said and "of 100 resamples of the users" in said
    assert "Index memory" in said


def test_how_sure_it_is_compares_the_recommended_lists_with_those_of_float32(show, runs, monkeypatch):
    asked = []

    def chance(values, reference, keep):
        asked.append((values, reference, keep))
        return 0.37

    monkeypatch.setattr(budget, "chance", chance)
    assert "37 of 100 resamples" in texts(show("budget", b_keep="51"))
    ((values, reference, keep),) = asked
    users = {
        (run_id, bits): data.user_metrics(run_id).query(f"query_bits == {bits}")["recall@20"].to_numpy(float)
        for run_id, bits in data.points()[["run_id", "query_bits"]].itertuples(index=False)
    }
    assert keep == 0.51 and np.array_equal(reference, users[runs[0], 32])
    same = [key for key, of in users.items() if np.array_equal(values, of)]
    assert same and runs[0] not in {run_id for run_id, _ in same}


def test_a_limit_of_memory_changes_what_is_recommended(show, runs):
    free, tight = (texts(show("budget", b_keep="0", **more)) for more in ({}, {"b_mb": "0.002"}))
    ships = [next(line for line in said.splitlines() if "Ship " in line) for said in (free, tight)]
    assert ships[0] != ships[1]


def test_where_nothing_meets_it_the_nearest_is_named_and_the_missing_runs_can_be_queued(show, runs, root):
    app = show("budget", b_keep="120")
    said = texts(app)
    assert "No measured configuration meets all of this" in said and "The nearest:" in said and "It keeps" in said
    new = next(b for b in app.button if b.label.startswith("Queue "))
    assert "about" in new.label
    new.click().run()
    assert app.title[0].value == "Queue", "also where the address holds what was asked"
    assert [c["command"] for _, c in inbox.pending(root)].count("submit") == int(new.label.split()[1])


def test_at_a_catalogue_size_only_what_was_measured_there_counts(show, runs, root):
    make_runs.scaled(root, runs[:2])
    app = show("budget", b_items="1,000,000 items", b_keep="0")
    assert "6 of 8 runs that pass the filters were not measured with 1,000,000 items" in texts(app)
    assert button(app, "Measure 6 runs with 1,000,000 items")
    assert "of 4 measured configurations" in texts(app) or "of 3 measured configurations" in texts(app)


def test_doubtful_times_are_told(show, runs, root):
    for run_id in runs:
        path = root / run_id / "manifest.json"
        manifest = json.loads(path.read_text())
        for row in manifest["measurements"]:
            row["value"] = 34.2 if row["metric"] == "calibration_drift" else row["value"]
        write_json(path, manifest)
    make_runs.publish(root)
    app = show("budget", b_keep="50")
    assert "Its times are in doubt:** the machine lost 34 % of its pace while they were taken" in texts(app)
    assert set(app.dataframe[-1].value["Times in doubt"]) == {"the machine lost 34 % of its pace"}


def test_what_shares_no_seed_with_the_recommended_one_is_told_as_not_compared(show, root):
    make_runs.make_runs(root, 16)  # another seed, with as many dimensions of its own
    assert "share no seed with it" in texts(show("budget", b_keep="50"))


def test_runs_of_which_no_users_were_kept_are_recommended_without_a_chance(show, root):
    make_runs.make_runs(root, lists=False)
    app = show("budget", b_keep="50")
    assert not app.exception and not app.error
    assert "Ship " in texts(app) and "resamples" not in texts(app)
