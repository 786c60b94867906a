"""A catalogue shorter than a list: nothing was measured at that length, and pages offer the lengths that there are."""

import pyarrow.parquet as pq
import pytest

from engine.store.folders import RunFolder
from tests.dashboard import make_runs
from tests.dashboard.conftest import texts


@pytest.fixture
def short(runs, root):
    """Runs as they are of a catalogue of twelve items: nothing is measured beyond the first ten places."""
    for run_id in runs:
        _users_with(RunFolder(root / run_id), lambda column: not column.endswith(("@20", "@50", "@100")))
    make_runs.publish(root)
    return runs


def _users_with(folder, kept):
    """Keep these columns of the users' metrics, and measurements of as long lists."""
    manifest, file = folder.manifest(), folder.file("users.parquet")
    users = pq.read_table(file)
    pq.write_table(users.select([column for column in users.column_names if kept(column)]), file)
    rows = [r for r in manifest["measurements"] if kept(f"{r['metric']}@{r['k']}") or r["metric"].startswith("lat")]
    folder.commit({**manifest, "measurements": rows})


def offered(app):
    found = {g.label: list(g.options) for g in app.button_group}
    return found.get("List length k") or next(list(s.options) for s in app.selectbox if s.label == "List length k")


def test_users_are_compared_at_the_lengths_that_there_are(short, show):
    for asked in ({}, {"u_k": "50"}):
        app = show("users", run_id=short[6], user="5", bits="1", **asked)
        assert not app.exception and not app.error
        assert offered(app) == ["10"] and "items left the top 10" in texts(app)


def test_where_no_user_was_measured_the_lists_are_shown_all_the_same(short, show, root):
    for run_id in short:
        _users_with(RunFolder(root / run_id), lambda column: "@1" not in column)
    app = show("users", run_id=short[6], user="5", bits="1")
    assert not app.exception and not app.error
    assert "no recall@20 of single users" in texts(app) and "items left the top 20" in texts(app)


def test_points_are_compared_at_the_lengths_that_there_are(short, show):
    app = show("compare", points=f"{short[0]}:32,{short[6]}:1", c_k="100")
    assert not app.exception and not app.error
    assert offered(app) == ["10"] and "Recall@10 against A" in set(app.table[1].value.index)


def test_a_budget_counts_the_lengths_that_there_are(short, show, root):
    app = show("budget", b_k="100")
    assert not app.exception and not app.error
    assert offered(app) == ["10"] and "recall@10" in texts(app)
    make_runs.make_runs(root, 8, dataset="other")
    app = show("budget", {"b_data": "demo"}, b_k="100")
    assert offered(app) == ["10"] and "no float32 run" not in texts(app)


def test_trade_offs_are_shown_at_the_lengths_that_there_are(short, show):
    for asked in ({}, {"t_k": "100"}):
        app = show("tradeoffs", **asked)
        assert not app.exception and not app.error
        assert offered(app) == ["10"] and app.get("plotly_chart")
