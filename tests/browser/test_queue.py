"""Runs that are asked for, watched, cancelled, tried again and deleted, with the real engine."""

from typing import Any

from engine.store import catalog
from tests.browser.conftest import TIMEOUT_MS, Server


def test_runs_are_submitted_cancelled_tried_again_and_deleted(server: Server, page: Any, picture: Any) -> None:
    page.goto(f"{server.url}/new_run")
    page.get_by_role("button", name="Submit 6 runs").click()
    page.wait_for_url("**/queue")
    page.get_by_role("heading", name="Running (1)").wait_for()
    page.get_by_role("heading", name="Waiting (5)").wait_for()
    picture("watched")
    page.get_by_role("button", name="Cancel all waiting").click()
    page.get_by_role("button", name="Cancel 5 runs").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("heading", name="Waiting (0)").wait_for()
    cancel_what_runs(page)
    page.get_by_role("heading", name="cancelled (6)").wait_for()
    assert set(catalog.runs(server.root)["state"]) == {"cancelled"}
    picture("cancelled")
    page.get_by_role("button", name="Try again", exact=True).first.click()
    page.get_by_role("heading", name="cancelled (5)").wait_for()
    page.get_by_role("heading", name="Running (1)").wait_for()
    cancel_what_runs(page)
    page.get_by_role("heading", name="cancelled (6)").wait_for()
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("dialog").wait_for()
    picture("before they are deleted")
    page.get_by_role("button", name="Delete these 6 runs").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_text("Nothing was asked for yet").wait_for()
    assert catalog.runs(server.root).empty


def cancel_what_runs(page: Any) -> None:
    """Press the one *Cancel* there is, when those of runs that waited before have left the page: they go last."""
    from playwright.sync_api import expect

    cancel = page.get_by_role("button", name="Cancel", exact=True)
    expect(cancel).to_have_count(1, timeout=TIMEOUT_MS)
    cancel.click()
