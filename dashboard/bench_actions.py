"""What `dashboard.bench` times: each page by a link to it, and what a person does there; driven through Playwright.

Every action changes something each time it is repeated, and ends with a click or a key that is asked of the server.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard import compare
from engine.errors import FewbitsError
from engine.store import catalog

Act = Callable[[Any], None]
TRADEOFFS = "Trade-offs"
TRIES, OPENS_MS = 10, 500
"""How often a list is opened, which closes when its field is drawn anew, and how long that may take."""


@dataclass(frozen=True)
class Visit:
    """A page, the end of a link to it, and (what is done there, how)."""

    name: str
    path: str
    actions: Sequence[tuple[str, Act]] = field(default_factory=tuple)


def visits(root: Path) -> list[Visit]:
    """Return what is visited, Trade-offs first; FewbitsError where no run kept what it gave to single users."""
    points = catalog.points(root)
    kept = [i for i in dict.fromkeys(points["run_id"]) if (root / str(i) / "users.parquet").exists()][: compare.MOST]
    if not kept:
        raise FewbitsError(f"no run in {root} kept the metrics of single users: Compare and Users have nothing to show")
    coded = min(kept, key=lambda i: int(points.loc[points["run_id"] == i, "bits"].min()))  # of float32 nobody loses
    six = compare.written([(str(i), int(points.loc[points["run_id"] == i, "query_bits"].min())) for i in kept])
    return [
        Visit(TRADEOFFS, "", tradeoffs()),
        Visit("Budget", "budget", [
            ("prefer something else", _pressing("b_prefer", "Least memory", "Best lists")),
            ("type another share to keep", _typing("b_keep", "95", "90")),
        ]),
        Visit("Compare", f"compare?points={six}", [
            ("change k", _pressing("c_k", "50", "20")), ("change the base", _choosing("c_base", 1)),
        ]),
        Visit("Run", f"run?run_id={kept[0]}", [("choose another run", _choosing("run_pick", 1, 2))]),
        Visit("Users", f"users?run_id={coded}&user=5", [
            ("change k", _pressing("u_k", "50", "20")), ("the next who loses", _clicking(".st-key-u_lose button")),
        ]),
        Visit("New run", "new_run", [("add a quantizer", _choosing("n_quantizers", 1))]),
        Visit("Queue", "queue"), Visit("Data sets", "data_sets"), Visit("About the numbers", "about"),
    ]  # fmt: skip


def tradeoffs() -> list[tuple[str, Act]]:
    """Return what is done on Trade-offs."""
    return [
        ("change the vertical axis", _alternating("t_y", "NDCG", "Recall")),
        ("change the horizontal axis", _alternating("t_x", "Latency, median (µs)", "Bytes per item")),
        ("change k", _alternating("t_k", "50", "20")),
        ("filter by method", _filtering()),
        ("toggle the share of float32", _clicking(".st-key-t_share label")),
        ("toggle a logarithmic axis", _clicking(".st-key-t_log_x label")),
        ("select a point", _pointing()),
    ]


def _turns(values: Sequence[Any]) -> Iterator[Any]:
    while True:
        yield from values


def _clicking(selector: str) -> Act:
    return lambda page: page.locator(selector).first.click()


def _pressing(key: str, *words: str) -> Act:
    turn = _turns(words)
    return lambda page: page.locator(f".st-key-{key} button").get_by_text(next(turn), exact=True).click()


def _typing(key: str, *texts: str) -> Act:
    turn = _turns(texts)

    def act(page: Any) -> None:
        place = page.locator(f".st-key-{key} input").first
        place.fill(next(turn))
        place.press("Enter")

    return act


def _choosing(key: str, *places: int) -> Act:
    """Choose the option at each of the places of a list in turn; the first of several to choose is “Select all”."""
    turn = _turns(places)
    return lambda page: _choose(page, key, page.get_by_role("option").nth(next(turn)))


def _alternating(key: str, *options: str) -> Act:
    turn = _turns(options)
    return lambda page: _choose(page, key, _named(page, next(turn)))


def _named(page: Any, option: str) -> Any:
    return page.get_by_role("option", name=option, exact=True)


def _choose(page: Any, key: str, offered: Any) -> None:
    """Open a list and choose what it offers there."""
    for _ in range(TRIES):
        page.locator(f".st-key-{key} input").first.click()
        page.wait_for_timeout(OPENS_MS)
        if offered.is_visible():
            break
    offered.click()


def _filtering() -> Act:
    methods = ["float32", "uniform", "sign", "float16"]

    def act(page: Any) -> None:
        if not page.locator(".st-key-t_quantizer").is_visible():
            page.locator(".st-key-t_filters summary").click()
        if methods:
            _choose(page, "t_quantizer", _named(page, methods.pop(0)))
        else:
            page.locator(".st-key-t_quantizer [aria-label='Clear all']").click()

    return act


def _pointing() -> Act:
    places = iter(range(0, 1000, 7))

    def act(page: Any) -> None:
        marks = page.locator(".st-key-t_chart .scatterlayer .points path")
        marks.first.wait_for()
        marks.nth(next(places) % marks.count()).click(force=True)

    return act
