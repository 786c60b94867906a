"""Runs are deleted after a question, from their page or many from the queue; the engine does it."""

import shutil

from dashboard import data
from engine.store import inbox
from tests.dashboard import make_runs
from tests.dashboard.conftest import texts


def test_a_run_is_deleted_after_a_question_and_its_page_says_so(show, runs, root):
    app = show("run", run_id=runs[0])
    app.button(key="r_delete").click().run()
    assert not list(inbox.pending(root)) and "All that was measured of this run goes" in texts(app)
    app.button(key="delete_yes").click().run()
    assert [c for _, c in inbox.pending(root)] == [{"command": "delete", "run_id": runs[0]}]
    assert app.button(key="r_delete").label == "Asked to be deleted" and app.button(key="r_delete").disabled
    shutil.rmtree(root / runs[0])
    next(iter(inbox.pending(root)))[0].unlink()
    app.run()
    assert "This run was deleted; it leaves all pages" in app.info[0].value and not app.error, (
        "the catalog still has it"
    )
    make_runs.publish(root)
    app.run()
    assert "This run was deleted. Choose one above." in app.warning[0].value and not app.exception


def test_a_run_that_is_measured_at_other_sizes_is_not_deleted_meanwhile(show, runs, root):
    with data.folder(runs[0]).lock().acquire():
        assert show("run", run_id=runs[0]).button(key="r_delete").disabled
    assert not show("run", run_id=runs[0]).button(key="r_delete").disabled


def test_what_came_to_nothing_is_deleted_in_one_go_but_for_what_is_tried_again(show, root):
    gone = [make_runs.failed(root), make_runs.cancelled(root)]
    make_runs.orphaned(root)
    make_runs.publish(root)
    app = show("queue")
    app.button(key="delete_all").click().run()
    assert "1 more will be tried again without being asked" in texts(app)
    assert "All that was measured of these" in texts(app)
    app.button(key="delete_yes").click().run()
    assert {c["run_id"] for _, c in inbox.pending(root)} == set(gone), "the third will be tried again"


def test_nothing_is_deleted_where_all_will_be_tried_again(show, root):
    first, second = make_runs.orphaned(root), make_runs.failed(root)
    (root / second / "failed.json").unlink()
    assert not data.folder(first).settled() and not data.folder(second).settled()
    make_runs.publish(root)
    app = show("queue")
    app.button(key="delete_all").click().run()
    assert "All of them will be tried again" in app.toast[0].value
    assert not [b for b in app.button if b.key == "delete_yes"] and not list(inbox.pending(root))
