"""How long the pages take in a real browser; ``python -m engine bench dashboard`` calls it over synthetic runs.

``python -m dashboard.bench FOLDER`` starts the dashboard over a runs folder, on a free port, and prints JSON. Needs
the extra ``test`` (Playwright) and a Chromium. A time ends with the last change on the page: drawn, not only answered.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError

REPOSITORY = Path(__file__).resolve().parents[1]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PAINT_MS, ACTION_MS = 1000, 300
"""The aims: the chart drawn after the address was opened, and anything that a person does on a page."""
REPEATS = 5
QUIET_MS = 500
"""A page that changed, whose script ended, and that changed nothing more for so long is done."""
WATCH = """(() => {
  const bench = window.bench = {painted: null, changed: 0, began: 0, ran: 0};
  const state = 'data-test-script-state';
  const marks = '.st-key-t_chart .scatterlayer .points path';
  const inside = node => (node.nodeType === 1 ? node : node.parentElement)?.closest('.stMain');
  new MutationObserver(changes => {
    for (const change of changes) {
      if (change.attributeName !== state) { if (inside(change.target)) bench.changed = performance.now(); }
      else if (change.target.getAttribute(state) === 'notRunning') bench.ran = performance.now();
    }
    if (bench.painted === null && document.querySelector(marks)) {
      bench.painted = 0;
      requestAnimationFrame(() => { bench.painted = performance.now(); });
    }
  }).observe(document, {subtree: true, childList: true, characterData: true, attributes: true,
                        attributeFilter: ['d', 'transform', state]});
  for (const kind of ['click', 'keydown']) addEventListener(kind, () => { bench.began = performance.now(); }, true);
})();"""
DONE = """quiet => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') === 'notRunning'
      && bench.ran > bench.began && bench.changed > bench.began
      && performance.now() - bench.changed > quiet;
}"""
Action = tuple[str, Callable[[Any], None]]


def measure(root: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return the aims and ``rows``: what was done, the median, fastest and slowest in ms, and whether the aim is met.

    Raises
    ------
    FewbitsError
        Playwright or a browser is missing, or the server did not start.
    """
    browser = chromium()
    from playwright.sync_api import sync_playwright

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as logs, serving(root, Path(logs) / "log") as url, sync_playwright() as driver:
        chrome = driver.chromium.launch(executable_path=browser, args=ARGUMENTS)
        page = chrome.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.add_init_script(WATCH)
        say("opening the page")
        times = [opened(page, url) for _ in range(REPEATS + 1)]
        rows.append(row("Trade-offs: the first paint", times[1:], PAINT_MS))
        for what, act in actions():
            say(what)
            rows.append(row(what, [timed(page, act) for _ in range(REPEATS)], ACTION_MS))
        page.goto(url)
        for name in names(page):
            say(name)
            rows.append(row(f"open {name}", [visited(page, name) for _ in range(3)], ACTION_MS))
        chrome.close()
    return {"cold_ms": round(times[0]), "repeats": REPEATS, "rows": rows}


def row(what: str, times: list[float], aim: float) -> dict[str, Any]:
    """Return what is told of one thing that was timed."""
    middle = statistics.median(times)
    numbers = {"ms": middle, "low_ms": min(times), "high_ms": max(times)}
    return {"what": what, **{k: round(v) for k, v in numbers.items()}, "aim_ms": aim, "met": bool(middle < aim)}


def chromium() -> str:
    """Return the browser to drive: ``FEWBITS_CHROMIUM``, else one on the path; FewbitsError where there is none."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        raise FewbitsError("the browser's driver is not installed: `pip install -e '.[test]'` adds it") from None
    known = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    if found := os.environ.get("FEWBITS_CHROMIUM") or next(known, None):
        return found
    raise FewbitsError("no Chromium found: install one, or name it in FEWBITS_CHROMIUM")


@contextlib.contextmanager
def serving(root: Path, log: Path) -> Iterator[str]:
    """Start the dashboard over a runs folder on a free port, yield its address, end it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"], cwd=REPOSITORY, env={**os.environ, "FEWBITS_RUNS": str(root)},
            stdout=file, stderr=file, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise FewbitsError(f"the dashboard did not start; it said: {log.read_text('utf-8', 'replace')[-500:].strip()}")


def opened(page: Any, url: str) -> float:
    """Return the ms from asking for Trade-offs until the chart's points are drawn."""
    page.goto(url, wait_until="commit")
    page.wait_for_function("bench.painted > 0", timeout=60_000)
    page.wait_for_function(DONE, arg=QUIET_MS, polling=50, timeout=60_000)
    return float(page.evaluate("bench.painted"))


def timed(page: Any, act: Callable[[Any], None]) -> float:
    """Return the ms from an action's last click until the page's last change."""
    act(page)
    page.wait_for_function(DONE, arg=QUIET_MS, polling=50, timeout=30_000)
    return float(page.evaluate("Math.max(0, bench.changed - bench.began)"))


def actions() -> list[Action]:
    """Return what is done on Trade-offs; each changes something every time it is repeated."""
    return [
        ("change the vertical axis", _alternating("t_y", "NDCG", "Recall")),
        ("change the horizontal axis", _alternating("t_x", "Latency, median (µs)", "Bytes per item")),
        ("change k", _alternating("t_k", "50", "20")),
        ("filter by method", _filtering()),
        ("toggle the share of float32", lambda page: page.locator(".st-key-t_share label").click()),
        ("toggle a logarithmic axis", lambda page: page.locator(".st-key-t_log_x label").click()),
        ("select a point", _pointing()),
    ]


def _alternating(key: str, first: str, second: str) -> Callable[[Any], None]:
    turn = [first, second]

    def act(page: Any) -> None:
        _choose(page, key, turn[0])
        turn.reverse()

    return act


def _choose(page: Any, key: str, option: str) -> None:
    page.locator(f".st-key-{key} input").first.click()
    page.get_by_role("option", name=option, exact=True).click()


def _filtering() -> Callable[[Any], None]:
    methods = ["float32", "uniform", "sign", "float16"]

    def act(page: Any) -> None:
        if not page.locator(".st-key-t_quantizer").is_visible():
            page.locator(".st-key-t_filters summary").click()
        if methods:
            _choose(page, "t_quantizer", methods.pop(0))
        else:
            page.locator(".st-key-t_quantizer [aria-label='Clear all']").click()

    return act


def _pointing() -> Callable[[Any], None]:
    places = iter(range(0, 1000, 7))

    def act(page: Any) -> None:
        marks = page.locator(".st-key-t_chart .scatterlayer .points path")
        marks.nth(next(places) % marks.count()).click(force=True)

    return act


def names(page: Any) -> list[str]:
    """Return the pages that the side bar offers, Trade-offs last."""
    page.get_by_test_id("stSidebarNavLink").first.wait_for()
    found = [text.strip() for text in page.get_by_test_id("stSidebarNavLink").all_inner_texts()]
    texts = [text.splitlines()[-1] for text in found]
    return [*(text for text in texts if text != "Trade-offs"), "Trade-offs"]


def visited(page: Any, name: str) -> float:
    """Return the ms from the click in the side bar until a page stands; another page was open before."""
    other = "About the numbers" if name != "About the numbers" else "Queue"
    links = page.get_by_test_id("stSidebarNavLink")
    links.filter(has_text=other).first.click()
    page.wait_for_timeout(2 * QUIET_MS)  # it may be open already, and then nothing changes
    return timed(page, lambda _: links.filter(has_text=name).first.click())


if __name__ == "__main__":
    try:
        print(json.dumps(measure(Path(sys.argv[1]), lambda what: print(what, file=sys.stderr))))
    except FewbitsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
