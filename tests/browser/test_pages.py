"""Every page in light and dark, wide and narrow: it fits, nothing fails, and nothing is asked of the internet."""

from typing import Any

from tests.browser.conftest import Server
from tests.dashboard.make_runs import make_runs

PAGES = (
    "", "budget", "compare?points={run_id}:32,{run_id}:4", "run?run_id={run_id}", "users?run_id={run_id}&user=5&bits=4",
    "new_run", "queue", "data_sets", "about",
)  # fmt: skip
LOOKS = (("light", 1400, "rgb(255, 255, 255)"), ("dark", 400, "rgb(23, 22, 20)"))


def test_every_page_fits_and_stays_on_this_machine(server: Server, page: Any) -> None:
    run_id, elsewhere = make_runs(server.root)[3], []
    page.on("request", lambda request: None if is_local(request.url, server.url) else elsewhere.append(request.url))
    first, second = LOOKS
    for path in PAGES:  # each is opened in one look and changed to the other, the next one the other way round
        look_at(page, first)
        page.goto(f"{server.url}/{path.format(run_id=run_id)}")
        page.get_by_role("heading", level=1).wait_for()
        page.get_by_test_id("stStatusWidget").wait_for(state="detached")
        assert page.get_by_test_id("stException").count() == 0
        assert page.get_by_text("could not be shown").count() == 0
        assert_looks_right(page, first)
        look_at(page, second)
        assert_looks_right(page, second)
        first, second = second, first
    assert elsewhere == []


def look_at(page: Any, look: tuple[str, int, str]) -> None:
    scheme, width, _ = look
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})


def assert_looks_right(page: Any, look: tuple[str, int, str]) -> None:
    """Once it is laid out, the page has the colour of its scheme and nothing to scroll to the side."""
    _, width, background = look
    shown = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
    assert becomes_true(page, f"{shown} == '{background}'"), f"{page.url}: expected {background}"
    widest = "Math.max(...['html', '.stApp', '.stMain'].map(part => document.querySelector(part).scrollWidth))"
    assert becomes_true(page, f"{widest} <= {width}"), f"{page.url} is {page.evaluate(widest)} wide on {width}"


def becomes_true(page: Any, expression: str, attempts: int = 20) -> bool:
    for _ in range(attempts):
        if page.evaluate(expression):
            return True
        page.wait_for_timeout(100)
    return False


def is_local(address: str, server: str) -> bool:
    return address.startswith((server, server.replace("http", "ws", 1), "data:", "blob:"))
