"""How long the pages take in a real browser; ``python -m engine bench dashboard`` calls it over synthetic runs.

``python -m dashboard.bench FOLDER`` starts the dashboard over a runs folder, on a free port, and prints JSON. Needs
the extra ``test`` (Playwright) and a Chromium. A time ends with the last change on the page: drawn, not only answered.
What a table's canvas holds for screen readers, written 0.2 s after the table was drawn, is not waited for.
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

from dashboard.bench_actions import TRADEOFFS, visits
from engine.errors import FewbitsError

REPOSITORY = Path(__file__).resolve().parents[1]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PAINT_MS, ACTION_MS = 1000, 300
"""The aims: a page that stands after its address was opened, and anything that a person does on one."""
REPEATS, OPENED = 5, 3
"""How often each thing is done, and each page opened, which is slower and varies less."""
QUIET_MS = 500
"""A page that changed, whose script ended, and that changed nothing more for so long is done, once all is drawn whose
script had to be loaded first."""
WATCH = """(() => {
  const bench = window.bench = {painted: null, changed: 0, began: 0, ran: 0};
  const state = 'data-test-script-state';
  const marks = '.st-key-t_chart .scatterlayer .points path';
  const inside = node => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    return element?.closest('.stMain') && !element.closest('canvas');
  };
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
      && !document.querySelector('.stMain [data-testid="stSkeleton"]')
      && bench.ran > bench.began && bench.changed > bench.began
      && performance.now() - bench.changed > quiet;
}"""


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
        page.goto(f"{url}/_stcore/health")  # what the browser's own start takes is not the page's
        cold = opened(page, url, TRADEOFFS)
        for visit in visits(root):
            say(visit.name)
            times = [opened(page, f"{url}/{visit.path}", visit.name) for _ in range(OPENED + 1)]
            rows.append(row(f"{visit.name}: by a link", times[1:], PAINT_MS))
            for what, act in visit.actions:
                say(what)
                rows.append(row(f"  {what}", [timed(page, act) for _ in range(REPEATS)], ACTION_MS))
        page.goto(url)
        for name in names(page):
            say(name)
            rows.append(row(f"{name}: from another page", [visited(page, name) for _ in range(OPENED)], ACTION_MS))
        chrome.close()
    return {"cold_ms": round(cold), "repeats": REPEATS, "rows": rows}


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
        wait_for_health(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for_health(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Wait until a server answers; FewbitsError with the end of its log where it does not, and it is ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    process.kill()
    raise FewbitsError(f"the dashboard did not start; it said: {log.read_text('utf-8', 'replace')[-2000:].strip()}")


def opened(page: Any, url: str, name: str) -> float:
    """Return the ms from asking for a page until it stands; of Trade-offs until the chart's points are drawn."""
    page.goto(url, wait_until="commit")
    if name == TRADEOFFS:
        page.wait_for_function("bench.painted > 0", timeout=60_000)
    page.wait_for_function(DONE, arg=QUIET_MS, polling=50, timeout=60_000)
    return float(page.evaluate("bench.painted" if name == TRADEOFFS else "bench.changed"))


def timed(page: Any, act: Callable[[Any], None]) -> float:
    """Return the ms from an action's last click until the page's last change."""
    act(page)
    page.wait_for_function(DONE, arg=QUIET_MS, polling=50, timeout=30_000)
    return float(page.evaluate("Math.max(0, bench.changed - bench.began)"))


def names(page: Any) -> list[str]:
    """Return the pages that the side bar offers, Trade-offs last."""
    page.get_by_test_id("stSidebarNavLink").first.wait_for()
    found = [text.strip() for text in page.get_by_test_id("stSidebarNavLink").all_inner_texts()]
    texts = [text.splitlines()[-1] for text in found]
    return [*(text for text in texts if text != TRADEOFFS), TRADEOFFS]


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
