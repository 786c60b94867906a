"""How long the Trade-offs page takes with 300 runs in the catalog: ``python tests/bench/dashboard_render.py``.

Prints the seconds from opening the address to the drawn chart in Chromium (cold: the server's first page; warm: later
ones), and those of the script alone. Not collected by pytest: time is no property of the code but of the machine.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))
sys.path.insert(0, str(REPOSITORY / "tests" / "browser"))

import conftest as browser  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from engine.store.status import engine_lock  # noqa: E402
from tests.dashboard.make_runs import make_runs  # noqa: E402

RUNS, REPEATS = 300, 5
CURVE = ".st-key-t_chart .js-plotly-plot .scatterlayer .trace .points path"


def opened(page: object, url: str) -> float:
    """Return the seconds from asking for the page until the chart's points are drawn."""
    began = time.perf_counter()
    page.goto(url, wait_until="commit")  # type: ignore[attr-defined]
    page.locator(CURVE).first.wait_for()  # type: ignore[attr-defined]
    return time.perf_counter() - began


def script_seconds(root: Path) -> list[float]:
    """Return the seconds of the page's script alone, without browser and network."""
    import os

    from streamlit.testing.v1 import AppTest

    os.environ["FEWBITS_RUNS"] = str(root)
    app = AppTest.from_file(str(REPOSITORY / "dashboard" / "app.py"), default_timeout=60)
    seconds = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        app.run()
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    """Write the runs, open the page several times, print the times."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        make_runs(root, RUNS, lists=False)
        with engine_lock(root):  # no engine is started beside the measurement
            script = script_seconds(root)
            print(f"script: first {script[0]:.2f} s, then {statistics.median(script[1:]):.2f} s")
            with browser.serving(root, Path(folder)) as server, sync_playwright() as driver:
                chrome = driver.chromium.launch(executable_path=browser.chromium(), args=browser.ARGUMENTS)
                page = chrome.new_context(viewport={"width": 1400, "height": 1000}).new_page()
                times = [opened(page, server.url) for _ in range(REPEATS + 1)]
                chrome.close()
    print(f"{RUNS} runs in Chromium: cold {times[0]:.2f} s, warm {statistics.median(times[1:]):.2f} s (median)")


if __name__ == "__main__":
    main()
