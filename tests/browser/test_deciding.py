"""From points to their comparison and the users who lose, from a budget to the run to ship; links show the same."""

import re
from typing import Any

from tests.browser.actions import choose
from tests.browser.conftest import Server

POINTS = ".st-key-t_chart .js-plotly-plot .points path.point"


def settled(page: Any) -> None:
    """Wait until nothing is computed any more."""
    page.get_by_test_id("stStatusWidget").wait_for(state="detached")


def shipped(page: Any) -> str:
    """What the Budget page recommends."""
    settled(page)
    return str(page.get_by_role("heading", name=re.compile("Ship ")).inner_text())


def test_what_is_filtered_and_selected_is_compared_down_to_its_users(filled: Server, page: Any, picture: Any) -> None:
    page.goto(filled.url)
    page.locator(POINTS).first.wait_for()
    page.get_by_text("Filters and axes").click()
    choose(page, "Quantizer", "sign")
    page.wait_for_url("**t_quantizer=sign*")
    page.get_by_text("4 points, ").first.wait_for()
    picture("filtered")
    page.goto(page.url)  # a link reproduces the view
    page.get_by_text("Filters and axes (1 active)").wait_for()
    page.get_by_text("4 points, ").first.wait_for()
    draw_a_box_around_all(page)
    page.get_by_text("4 points selected").wait_for()
    page.get_by_role("button", name="Compare these 4").click()
    page.wait_for_url("**/compare?points=*")
    page.get_by_role("heading", name="Who loses").wait_for()
    settled(page)
    picture("compared")
    page.get_by_role("link", name="Users of D").click()
    page.wait_for_url("**/users?run_id=*")
    settled(page)
    table = page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for()
    picture("losing")
    table.click(position={"x": 18, "y": 52})  # the first row: below the head, where rows are selected
    page.wait_for_url("**user=*")
    page.get_by_role("heading", name="Held-out items").wait_for()
    page.get_by_text("left the top 20").wait_for()
    assert page.get_by_test_id("stException").count() == 0


COUNT_DRAWINGS = """() => {
  window.drawings = 0;
  window.counting?.disconnect();
  const drawn = change => change.target.closest?.('.st-key-t_chart .scatterlayer');
  window.counting = new MutationObserver(changes => { drawings += changes.some(drawn); });
  counting.observe(document.querySelector('.stMain'),
    {subtree: true, childList: true, attributes: true, attributeFilter: ['d', 'transform']});
}"""


def test_another_axis_draws_the_chart_once_and_at_its_full_width(filled: Server, page: Any) -> None:
    page.goto(filled.url)
    page.locator(POINTS).first.wait_for()
    page.wait_for_timeout(2000)  # the ruler tells how wide the page is, once
    for axis, title in (("NDCG", "NDCG@20"), ("Overlap with float32", "Overlap@20")):
        page.evaluate(COUNT_DRAWINGS)
        choose(page, "Vertical axis", axis)
        page.locator(".st-key-t_chart .ytitle", has_text=title).wait_for()
        settled(page)
        page.wait_for_timeout(500)
        assert page.evaluate("drawings") == 1, "drawn hidden, or as a copy of itself: each takes a tenth of a second"
    width = "document.querySelector('.st-key-t_chart {}').getBoundingClientRect().width"
    assert page.evaluate(width.format(".main-svg")) == page.evaluate(width.format(".stPlotlyChart"))


def draw_a_box_around_all(page: Any) -> None:
    """Select every point of the chart with the tool above it."""
    page.locator(POINTS).first.wait_for()
    chart = page.locator(".st-key-t_chart .js-plotly-plot")
    chart.hover()
    page.locator(".st-key-t_chart [data-title='Box Select']").click()
    area = chart.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + 3, area["y"] + 3)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 3, area["y"] + area["height"] - 3, steps=5)
    page.mouse.up()


def test_a_budget_gives_one_run_and_its_link_the_same_again(filled: Server, page: Any, picture: Any) -> None:
    page.goto(f"{filled.url}/budget?b_keep=0")
    free = shipped(page)
    field = page.get_by_role("spinbutton", name="Index memory at most (MB)")
    field.fill("0.002")
    field.press("Enter")
    page.wait_for_url("**b_mb=0.002*")
    page.get_by_text("% of the limit").first.wait_for()
    tight = shipped(page)
    picture("shipped")
    assert tight != free
    page.goto(page.url)
    assert shipped(page) == tight
    page.get_by_role("button", name="Open its run").click()
    page.wait_for_url("**/run?run_id=*")


def test_the_suggested_comparison_says_who_loses(filled: Server, page: Any) -> None:
    page.goto(f"{filled.url}/compare")
    page.get_by_role("button", name=re.compile("Compare float32 with")).click()
    page.wait_for_url("**points=*")
    page.get_by_role("heading", name="Who loses").wait_for()
    page.get_by_role("link", name="Users of B").click()
    page.wait_for_url("**/users?run_id=*")
