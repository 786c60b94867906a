"""Every page in light and dark, wide and narrow: it fits, nothing fails, and nothing is asked of the internet."""

from typing import Any

import pytest

from tests.dashboard.make_runs import make_runs

PAGES = ("", "run?run_id={run_id}", "users?run_id={run_id}&user=5&bits=4", "new_run", "queue", "data_sets", "about")


@pytest.mark.parametrize("scheme, width", [("light", 1400), ("dark", 400)])
def test_every_page_fits_and_stays_on_this_machine(server: Any, browser: Any, scheme: str, width: int) -> None:
    run_id = make_runs(server.root)[3]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, elsewhere = context.new_page(), []
    page.on("request", lambda request: None if is_local(request.url, server.url) else elsewhere.append(request.url))
    for path in PAGES:
        page.goto(f"{server.url}/{path.format(run_id=run_id)}")
        page.get_by_role("heading", level=1).wait_for()
        page.get_by_test_id("stStatusWidget").wait_for(state="detached")
        assert page.get_by_test_id("stException").count() == 0
        assert page.get_by_text("could not be shown").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than the screen"
        dark = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(23, 22, 20)"
        assert dark == (scheme == "dark")
    context.close()
    assert elsewhere == []


def is_local(address: str, server: str) -> bool:
    return address.startswith((server, server.replace("http", "ws", 1), "data:", "blob:"))
