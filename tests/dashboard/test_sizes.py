"""At my catalogue size: only what was measured there is shown, what lacks is counted and can be asked for."""

import inspect
import json

import pytest

from dashboard import data, size_parts, sizes
from engine.store import inbox, scaling
from engine.store.files import write_json
from tests.dashboard import make_runs
from tests.dashboard.conftest import button, texts

MILLION = 1_000_000


def test_at_a_size_costs_are_those_measured_there_and_quality_stays(runs, root):
    make_runs.scaled(root, runs[:1], hardware="Another CPU")
    own = data.points()
    found = sizes.at(own, data.scaled_points(), MILLION)
    before = own[own["run_id"] == runs[0]].iloc[0]
    assert len(found) == 1, "a run that was not measured there is not there"
    assert found["latency_p50_us"].iloc[0] == pytest.approx(100 * before["latency_p50_us"])
    assert found["index_bytes"].iloc[0] == 5 * MILLION
    assert found["recall@20"].iloc[0] == before["recall@20"]
    assert (found["hardware"].iloc[0], found["items"].iloc[0]) == ("Another CPU", MILLION)
    assert found["throughput_qps"].isna().all(), "not measured at that size, so not taken from another"


def test_without_any_measurement_the_usual_sizes_are_offered_and_no_point_is_there(runs):
    assert sizes.offered(data.scaled_points()) == [1_000_000, 10_000_000]
    assert sizes.at(data.points(), data.scaled_points(), MILLION).empty
    assert sizes.lacking(data.points(), data.scaled_points(), MILLION) == data.points()["run_id"].unique().tolist()


def test_the_trade_offs_page_counts_the_runs_that_lack_and_asks_for_them(show, runs, root):
    make_runs.scaled(root, runs[:3])
    app = show("tradeoffs", {"t_items": MILLION})
    assert not app.error and not app.exception
    assert "5 of 8 runs that pass the filters were not measured with 1,000,000 items" in texts(app)
    assert "recall@20 stays that of the data set" in texts(app)
    assert "5 points" in texts(app)
    button(app, "Measure 5 runs with 1,000,000 items").click().run()
    commands = [c for _, c in inbox.pending(root)]
    assert {c["run_id"] for c in commands} == set(runs[3:])
    assert all(c["command"] == "scale" and c["items"] == [MILLION] for c in commands)
    assert "5 asked for" in texts(app)
    assert not [b for b in app.button if b.label.startswith("Measure")], "asked once is enough"


def test_a_size_that_nobody_was_measured_at_says_so_and_can_be_asked_for(show, runs):
    app = show("tradeoffs", {"t_items": 10_000_000})
    assert "was measured with 10,000,000 items yet" in app.info[0].value
    assert button(app, "Measure 8 runs with 10,000,000 items")


def test_filters_decide_whom_the_button_measures(show, runs, root):
    make_runs.scaled(root, runs[:1])
    app = show("tradeoffs", {"t_items": MILLION})
    app.multiselect(key="t_quantizer").set_value(["sign"]).run()
    assert button(app, "Measure 2 runs with 1,000,000 items")


def test_times_of_two_machines_at_a_size_are_never_on_one_chart(show, runs, root):
    make_runs.scaled(root, runs[:2])
    make_runs.scaled(root, runs[2:4], hardware="Another CPU, 4 cores")
    app = show("tradeoffs", {"t_items": MILLION, "t_x": "latency_p50_us"})
    machines = next(s for s in app.selectbox if s.label == "Measured on").options
    assert len(machines) == 3  # each of them, or a chart for each


def test_a_budget_at_a_size_takes_the_machine_that_it_was_measured_on_there(show, runs, root):
    make_runs.scaled(root, runs, hardware="Another CPU")
    app = show("budget", {"b_items": MILLION})
    assert not app.error and "Nothing is measured" not in texts(app)
    assert any("Ship" in s.value or "nearest" in s.value for s in [*app.subheader, *app.markdown])


def test_the_run_page_shows_its_sizes_and_asks_for_another(show, runs, root):
    make_runs.scaled(root, runs[3:4])
    app = show("run", run_id=runs[3], part="Speed and memory")
    table = next(d.value for d in app.dataframe if "Items" in d.value)
    assert set(table["Items"]) == {"1,000,000"} and len(table) == 2
    app.selectbox(key="r_size").set_value(10_000_000).run()
    button(app, "Measure 1 run with 10,000,000 items").click().run()
    assert [c for _, c in inbox.pending(root)] == [{"command": "scale", "run_id": runs[3], "items": [10_000_000]}]


def test_the_queue_shows_what_is_asked_for_and_why_it_failed(show, runs, root):
    scaling.ask(root, runs[1], [MILLION], 1)
    scaling.ask(root, runs[2], [MILLION], 2)
    scaling.update(root, runs[2], error="10,000,000 items do not fit in memory")
    app = show("queue")
    assert "At larger catalogues (2)" in texts(app) and "1,000,000 items: waiting" in texts(app)
    assert "10,000,000 items do not fit in memory." in texts(app)
    app.button(key=f"withdraw_{runs[1]}").click().run()
    app.button(key=f"again_{runs[2]}").click().run()
    posted = [(c["command"], c["run_id"]) for _, c in inbox.pending(root)]
    assert posted == [("cancel", runs[1]), ("scale", runs[2])]
    assert not app.error and not app.exception, "what was asked again stands there once, as waiting"
    assert "At larger catalogues (2)" in texts(app) and "do not fit" not in texts(app)
    inbox.scale(root, runs[1], [10 * MILLION])
    assert "1,000,000 and 10,000,000 items: waiting" in texts(show("queue"))


def test_what_failed_is_told_where_it_was_asked_for_and_can_be_asked_again(show, runs, root):
    scaling.ask(root, runs[0], [MILLION], 1)
    scaling.update(root, runs[0], error="1,000,000 items do not fit in memory")
    app = show("tradeoffs", {"t_items": MILLION})
    assert "1,000,000 items do not fit in memory." in texts(app)
    assert button(app, "Measure 8 runs with 1,000,000 items")


def test_a_size_that_was_measured_meanwhile_is_not_asked_for_again(show, runs, root, monkeypatch):
    """The notice is drawn anew every two seconds, the page around it is not."""
    app = show("budget", b_items="1,000,000 items")
    assert button(app, "Measure 8 runs with 1,000,000 items")
    make_runs.scaled(root, runs)
    again = []
    monkeypatch.setattr(size_parts.st, "rerun", lambda: again.append(1))
    inspect.unwrap(size_parts.missing)(runs, 0, MILLION)
    assert again


def test_times_in_doubt_are_told_in_words(show, runs, root):
    path = root / runs[3] / "manifest.json"
    manifest = json.loads(path.read_text())
    for row in manifest["measurements"]:
        if row["metric"] == "calibration_drift":
            row["value"] = 34.2
    write_json(path, manifest)
    assert not show("run", run_id=runs[0], part="Speed and memory").warning
    make_runs.publish(root)
    assert "up to 34 % slower" in show("run", run_id=runs[3], part="Speed and memory").warning[0].value
