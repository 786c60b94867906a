"""Every page, full and empty, in light and dark, wide and narrow: it fits, all can read it, it needs no internet."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from engine.store import catalog
from tests.browser.conftest import TIMEOUT_MS, Server

PAGES = {
    "trade-offs": "", "budget": "budget", "compare": "compare?points={run_id}:32,{run_id}:4",
    "run": "run?run_id={run_id}", "users": "users?run_id={run_id}&user=5&bits=4", "new run": "new_run",
    "queue": "queue", "findings": "findings", "data sets": "data_sets", "about": "about",
}  # fmt: skip
LIGHT, DARK = ("light", "rgb(255, 255, 255)"), ("dark", "rgb(23, 22, 20)")
FOUR_LOOKS = ((*LIGHT, 1400), (*DARK, 1400), (*DARK, 400), (*LIGHT, 400))
TWO_LOOKS = ((*LIGHT, 1400), (*DARK, 400))
SERIOUS = ("serious", "critical")
RULES: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}}}
"""What axe checks in a scheme: everything, and then what the other scheme changes, which is colours alone."""
STREAMLITS = {("list", "stSidebarNav"), ("listitem", "stSidebarNav")}
"""Rule and the place whose markup is streamlit's own, where nothing can be mended from here: the list of pages groups
its entries in elements that a list must not have."""
TALLEST = 4500
"""Pixels of a picture."""


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """One page for all tests here: streamlit's own code is loaded and compiled once."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_full_page_fits_and_can_be_read_by_everybody(filled: Server, page: Any, picture: Any, name: str) -> None:
    runs = catalog.runs(filled.root)
    run_id = runs[(runs["quantizer"] == "uniform") & (runs["bits"] == 4) & (runs["state"] == "done")]["run_id"].iloc[0]
    looks_right(page, filled, PAGES[name].format(run_id=run_id), picture, FOUR_LOOKS)


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_fits_and_can_be_read_by_everybody(empty: Server, page: Any, picture: Any, name: str) -> None:
    looks_right(page, empty, PAGES[name].partition("?")[0], picture, TWO_LOOKS)


@pytest.mark.parametrize("name", ["trade-offs", "findings"])
def test_what_a_newcomer_sees_fits_and_can_be_read_by_everybody(
    newcomer: Server, page: Any, picture: Any, name: str
) -> None:
    looks_right(page, newcomer, PAGES[name], picture, FOUR_LOOKS)
    real = {"trade-offs": ".st-key-t_chart .scatterlayer .points path", "findings": "table tbody tr"}
    assert page.locator(real[name]).count() > 10, "measured points, before anything was run"


def looks_right(page: Any, server: Server, path: str, picture: Any, looks: Any) -> None:
    """Open a page, and see it in some looks; nothing may fail, shut people out, or be asked of another machine."""
    elsewhere: list[str] = []

    def hear(request: Any) -> None:
        if not is_local(request.url, server.url):
            elsewhere.append(request.url)

    page.on("request", hear)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(f"{server.url}/{path}")
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_test_id("stStatusWidget").wait_for(state="detached")
    assert page.get_by_test_id("stException").count() == 0
    assert page.get_by_text("could not be shown").count() == 0
    checked: dict[str, list[str]] = {}
    for scheme, background, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page, background, width)
        whole(page, width)
        if scheme not in checked:
            checked[scheme] = lasting_findings(page, RULES[scheme])
        picture(f"{scheme}-{width}")
    page.remove_listener("request", hear)
    assert not any(checked.values()), checked
    assert elsewhere == []


def assert_fits(page: Any, background: str, width: int) -> None:
    """Once it is laid out, the page has the colour of its scheme and nothing to scroll to the side."""
    shown = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
    assert becomes_true(page, f"{shown} == '{background}'"), f"{page.url}: expected {background}"
    drawn = (
        "!document.querySelector('[data-testid=stSkeleton]') && every('.stPlotlyChart', c => c.querySelector('text'))"
    )
    ink = "every('.stPlotlyChart text', t => getComputedStyle(t).fill === getComputedStyle(app).color)"
    every = "(() => { const app = document.querySelector('.stApp'), every = (s, f) => [...document.querySelectorAll(s)]"
    assert becomes_true(page, f"{every}.every(f); return {drawn} && {ink}; }})()"), f"{page.url}: a chart's text"
    widest = "Math.max(...['html', '.stApp', '.stMain'].map(part => document.querySelector(part).scrollWidth))"
    assert becomes_true(page, f"{widest} <= {width}"), f"{page.url} is {page.evaluate(widest)} wide on {width}"
    if width < 600:  # the list of pages slides away
        slid = "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right <= 0"
        assert becomes_true(page, slid), f"{page.url}: the list of pages covers the page on {width}"


def lasting_findings(page: Any, rules: dict[str, Any], attempts: int = 4) -> list[str]:
    """Return what axe finds again and again: what is about to be drawn anew is pale for a moment."""
    found = findings(page, rules)
    for _ in range(attempts - 1):
        if not found:
            return []
        page.wait_for_timeout(500)
        again = findings(page, rules)
        found = {target: words for target, words in found.items() if target in again}
    return [f"{target}: {words}" for target, words in found.items()]


def findings(page: Any, rules: dict[str, Any]) -> dict[str, str]:
    """Return what axe finds that keeps people from using the page: rule and element → what is wrong with it."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
    return {
        f"{rule['id']} at {node['target']}": f"{node['failureSummary']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
        if rule["impact"] in SERIOUS and not is_streamlits(page, rule["id"], node["target"][0])
    }


def is_streamlits(page: Any, rule: str, target: str) -> bool:
    inside = "([target, place]) => document.querySelector(target).closest(`[data-testid=${place}]`) !== null"
    return any(rule == known and page.evaluate(inside, [target, place]) for known, place in STREAMLITS)


def whole(page: Any, width: int) -> None:
    """Make the window so high that all of the page is seen: what scrolls in it is not on pictures otherwise."""
    height = page.evaluate("document.querySelector('.stMain').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height, TALLEST)})


def becomes_true(page: Any, expression: str, attempts: int = 20) -> bool:
    for _ in range(attempts):
        if page.evaluate(expression):
            return True
        page.wait_for_timeout(100)
    return False


def is_local(address: str, server: str) -> bool:
    return address.startswith((server, server.replace("http", "ws", 1), "data:", "blob:"))
