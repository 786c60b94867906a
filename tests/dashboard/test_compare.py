"""Compare: what differs, what it costs, and that the page says so; who loses is in `test_who_loses`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard import compare, comparison, data, results, who_loses
from engine.errors import FewbitsError
from engine.frontier import interval
from tests.dashboard import make_runs
from tests.dashboard.conftest import texts


def row(**values: object) -> dict[str, object]:
    """A point of the catalog with its specification."""
    spec = {
        "dataset": "a", "split_seed": 0, "quantizer": "uniform", "bits": 4, "options": {"scale": "row"},
        "model": {"encoder": "lightgcn", "dim": 64, "seed": 0, "lr": 0.02},
    }  # fmt: skip
    given = {key: values.pop(key) for key in ("quantizer", "bits", "options") if key in values}
    return {
        "spec": json.dumps(spec | given), "query_bits": 32, "index": "flat", "hardware": "X", "bytes_per_item": 32.0,
        "latency_p50_us": 10.0, **values,
    }  # fmt: skip


def test_an_address_names_points_none_twice_and_tells_what_is_none():
    keys, odd = compare.parse("a-1:32, b-2:4,a-1:32,x,:3,b-2:²,b-2:99999,")
    assert keys == [("a-1", 32), ("b-2", 4)] and odd == ["x", ":3", "b-2:²", "b-2:99999"]
    assert compare.parse(compare.written(keys)) == (keys, [])


def test_only_what_differs_is_shown_and_an_option_of_another_method_is_absent():
    columns = [compare.settings(row()), compare.settings(row(quantizer="pq", bits=8, options={"subspaces": 16}))]
    table = compare.table(columns, ["A", "B"])
    apart = table[compare.differs(table)]
    assert set(apart.index) == {"Quantizer", "Bits of the items", "Option: scale", "Option: subspaces"}
    assert list(table.loc["Option: scale"]) == ["row", compare.ABSENT]
    assert set(table.loc["Epochs"]) == {"by rule"} and set(table.loc["L2 weight"]) == {"0"}, "not each 0 is a rule's"


def test_costs_are_ratios_but_times_of_another_machine_are_not():
    costs = compare.costs(
        [row(), row(bytes_per_item=8.0, latency_p50_us=5.0), row(hardware="Y"), row(bytes_per_item=None)]
    )
    assert costs["Bytes per item"] == ["32", "8 (0.25 ×)", "32 (1 ×)", "not measured"]
    assert costs["Latency, median (µs)"][1:3] == ["5 (0.5 ×)", "10 (another machine)"]
    assert "Throughput (queries a second)" not in costs, "measured for none"


def test_times_that_were_taken_while_the_machine_was_slow_are_marked():
    costs = compare.costs([row(), row(latency_p50_us=5.0, calibration_drift=34.2)])
    base = compare.costs([row(calibration_drift=34.2), row(latency_p50_us=5.0)])["Latency, median (µs)"]
    assert base == ["≈10", "5 (≈0.5 ×)"], "a ratio has two sides"
    none = compare.costs([row(), row(latency_p50_us=None, calibration_drift=34.2)])["Latency, median (µs)"]
    assert none == ["10", "not measured"]
    assert costs["Latency, median (µs)"] == ["10", "≈5 (≈0.5 ×)"] and costs["Bytes per item"][1] == "32 (1 ×)"


def test_a_difference_whose_interval_holds_zero_cannot_be_told_apart():
    assert compare.change(-0.001, -0.003, 0.001) == "-0.0010 (-0.0030 to +0.0010), can't be told apart"
    assert compare.change(-0.002, -0.003, -0.001) == "-0.0020 (-0.0030 to -0.0010)"
    assert compare.change(0, 0, 0) == "the same for every user"


# --- From the runs' own files.


def paired(ids: list[str], k: int = 20) -> comparison.Paired:
    keys = ((ids[0], 32), *((run_id, 1) for run_id in ids[1:]))
    return comparison.paired(str(data.root()), str(data.snapshot()), data.run(ids[0])["split"], keys, k)


def test_differences_are_those_of_the_paired_bootstrap(runs):
    changes = paired([runs[0], runs[6], runs[7]]).changes
    users = [data.user_metrics(run_id).query(f"query_bits == {b}") for run_id, b in ((runs[0], 32), (runs[7], 1))]
    for kind in ("recall", "ndcg", "overlap"):
        a, b = (frame[f"{kind}@20"].to_numpy() for frame in users)
        (low,), (high,) = interval((b - a)[:, None])
        assert changes[kind][1] == pytest.approx(((b - a).mean(), low, high))


def test_the_lists_and_the_users_metrics_tell_the_same_hits(runs):
    shares = paired([runs[0], runs[6]]).popularity
    for point, (run_id, bits) in enumerate(((runs[0], 32), (runs[6], 1))):
        users = data.user_metrics(run_id).query(f"query_bits == {bits}")
        own = shares[shares["point"] == point]
        assert (own["share"] * own["of"]).sum() == pytest.approx((users["recall@20"] * users["n_test"]).sum())


def test_what_each_group_reaches_is_counted_over_its_own_users_and_items(runs, root):
    histories_of_different_lengths(root)
    found, split = paired([runs[0], runs[6]]), data.run(runs[0])["split"]
    lengths, items = data.history_lengths(split), data.items(split)["train_users"].to_numpy()
    light, head = lengths <= np.quantile(lengths, 1 / 3), who_loses.popularity_groups(items) == 0
    users = pq.read_table(root / "cache" / split / "users.parquet").to_pandas().set_index("user")
    for point, (run_id, bits) in enumerate(((runs[0], 32), (runs[6], 1))):
        own = data.user_metrics(run_id).query(f"query_bits == {bits}").set_index("user")["recall@20"]
        (share,) = found.activity.query(f"point == {point} and group == 0")["share"]
        assert share == pytest.approx(own[light[own.index]].mean())
        lists = pq.read_table(root / run_id / "lists.parquet", filters=[("query_bits", "=", bits)]).to_pandas()
        first = lists.set_index("user")["items"].map(lambda listed: set(listed[:20]))
        wanted = [(user, item) for user in own.index for item in users.loc[user, "test"] if head[item]]
        (share,) = found.popularity.query(f"point == {point} and group == 0")["share"]
        assert share == pytest.approx(np.mean([item in first[user] for user, item in wanted]))


def test_lists_are_kept_to_50_places_so_beyond_that_popularity_is_not_known(runs):
    result = paired([runs[0], runs[6]], k=100)
    assert result.popularity is None and result.activity is not None


def test_points_of_other_users_are_refused(runs, root):
    path = root / runs[6] / "users.parquet"
    pq.write_table(pq.read_table(path).slice(4), path)
    with pytest.raises(FewbitsError, match="not of the same users"):
        paired([runs[0], runs[6]])


def test_the_suggestion_is_float32_and_the_frontier_of_its_model(runs):
    keys = compare.suggested(results.described())
    assert keys[0] == (runs[0], 32) and 2 <= len(keys) <= compare.MOST
    assert runs[0] not in [run_id for run_id, _ in keys[1:]]
    assert compare.suggested(results.described().head(0)) == []


# --- The page.


def histories_of_different_lengths(root):
    """User u keeps the first 1 + u % 8 training items: in the fake split all have eight."""
    (path,) = root.glob("cache/split-*/users.parquet")
    table = pq.read_table(path)
    train = [items[: 1 + user % 8] for user, items in enumerate(table["train"].to_pylist())]
    place = table.column_names.index("train")
    pq.write_table(table.set_column(place, "train", pa.array(train, pa.list_(pa.int32()))), path)


def test_two_points_are_compared_with_figures_and_losers(show, runs, root):
    histories_of_different_lengths(root)
    app = show("compare", points=f"{runs[0]}:32,{runs[7]}:1")
    said = texts(app)
    assert not app.exception and not app.error and not app.warning
    tables = [t.value for t in app.table]
    assert "Quantizer" in tables[0].index and "Loss" not in tables[0].index
    assert "Recall@20" in tables[1].index and tables[1].loc["Recall@20 against A"].iloc[0] == "base"
    assert list(tables[2].columns) == ["head", "middle", "tail"] and "loses" in said
    assert list(tables[3].columns) == ["light", "middle", "heavy"]
    assert len(app.get("plotly_chart")) == 2


def test_fewer_than_two_points_offer_a_comparison_and_a_click_makes_it(show, runs):
    app = show("compare", points=f"{runs[3]}:4")
    assert "Choose one more point" in app.info[0].value
    offer = next(b for b in app.button if b.label.startswith("Compare float32 with"))
    offer.click().run()
    assert app.multiselect(key="c_points").value[0] == (runs[0], 32) and len(app.table) == 4


def test_the_base_can_be_changed_and_the_address_follows(show, runs):
    app = show("compare", points=f"{runs[0]}:32,{runs[3]}:4,{runs[6]}:1")
    app.selectbox(key="c_base").set_value((runs[3], 4)).run()
    asked = app.query_params["points"]
    assert (asked if isinstance(asked, str) else asked[0]) == f"{runs[3]}:4,{runs[0]}:32,{runs[6]}:1"
    assert "uniform 4 bit" in app.table[0].value.columns[0]


@pytest.mark.parametrize(
    "points", ["nonsense", "../../etc:32", "![x](http://x.y/z.png):4", "demo-float32-000000000000:32"]
)
def test_a_point_that_is_not_there_is_a_sentence(show, runs, points):
    app = show("compare", points=points)
    assert not app.exception and not app.error
    assert "There is no measured point" in app.warning[0].value and "![x]" not in app.warning[0].value


def test_more_than_six_points_are_cut_to_six(show, runs):
    app = show("compare", points=",".join(f"{run_id}:32" for run_id in runs))
    assert "the first 6 are compared" in app.warning[0].value and not app.error
    assert len(app.multiselect(key="c_points").value) == 6


def test_points_of_two_data_sets_are_not_paired(show, runs, root):
    (other,) = make_runs.make_runs(root, 1, dataset="demo2")
    app = show("compare", points=f"{runs[0]}:32,{runs[3]}:4,{other}:32")
    assert not app.error and "C: another data set or split" in app.info[0].value
    assert app.table[1].value.loc["Recall@20 against A"].iloc[2] == "not paired"
    alone = show("compare", points=f"{runs[0]}:32,{other}:32")
    assert not alone.error and not alone.get("plotly_chart")


def test_runs_whose_users_are_gone_say_so(show, root):
    ids = make_runs.make_runs(root, 3, lists=False)
    app = show("compare", points=f"{ids[0]}:32,{ids[1]}:16")
    assert not app.error and "A, B: the metrics of single users are gone" in app.info[0].value
    assert "Bytes per item" in app.table[1].value.index, "what the catalog knows is still compared"


def test_the_toggle_shows_what_is_equal_too(show, runs):
    app = show("compare", points=f"{runs[0]}:32,{runs[3]}:4", c_all="true", c_show="Recall")
    table = app.table[0].value
    assert " to " in app.table[2].value.iloc[0, 0], "the address chose recall with its interval"
    assert "Loss" in table.index and "**≠ Quantizer**" in table.index


def test_users_who_lose_are_one_click_away(show, runs):
    app = show("compare", points=f"{runs[0]}:32,{runs[6]}:1")
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert "Run A" in links and links["Users of B"] == f"run_id={runs[6]}&bits=1"
