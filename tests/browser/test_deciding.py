"""From a budget to the run to ship, and from points to their comparison; the address holds what was chosen."""

import re
from typing import Any

from tests.browser.conftest import Server
from tests.dashboard.make_runs import make_runs


def shipped(page: Any) -> str:
    """What the Budget page recommends."""
    page.get_by_test_id("stStatusWidget").wait_for(state="detached")
    return str(page.get_by_role("heading", name=re.compile("Ship ")).inner_text())


def test_a_budget_gives_one_run_and_its_link_the_same_again(server: Server, page: Any) -> None:
    make_runs(server.root)
    page.goto(f"{server.url}/budget?b_keep=0")
    free = shipped(page)
    field = page.get_by_role("spinbutton", name="Index memory at most (MB)")
    field.fill("0.002")
    field.press("Enter")
    page.wait_for_url("**b_mb=0.002*")
    page.get_by_text("% of the limit").first.wait_for()
    tight = shipped(page)
    assert tight != free
    page.goto(page.url)
    assert shipped(page) == tight
    page.get_by_role("button", name="Open its run").click()
    page.wait_for_url("**/run?run_id=*")


def test_the_suggested_comparison_says_who_loses(server: Server, page: Any) -> None:
    make_runs(server.root)
    page.goto(f"{server.url}/compare")
    page.get_by_role("button", name=re.compile("Compare float32 with")).click()
    page.wait_for_url("**points=*")
    page.get_by_role("heading", name="Who loses").wait_for()
    page.get_by_role("link", name="Users of B").click()
    page.wait_for_url("**/users?run_id=*")
