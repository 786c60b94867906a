"""Compare: two to six points side by side, what differs, what it costs, and which users and items lose by it; or two to
six configurations over their seeds, which need no users: the reference study's as well.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import (
    compare,
    compare_parts,
    comparison,
    data,
    first_steps,
    labels,
    results,
    seed_comparison,
    seed_parts,
    shipped,
    shipped_parts,
)
from dashboard.compare import LETTERS, MOST, Key
from dashboard.comparison import Paired
from dashboard.seed_comparison import Known
from dashboard.widgets import LINK, TRADEOFFS_PAGE, USERS_PAGE, plain, run_link, sentence
from engine.errors import FewbitsError

SHOWN = (10, 50)
"""List lengths that the Users page offers beside its own, 20."""


def render() -> None:
    """Draw the page for ``?points=run_id:bits,…``; the first point is the base."""
    st.title("Compare", anchor=False)
    newcomer = data.points().empty
    if newcomer:
        first_steps.show("what differs between configurations, what each costs, and who loses by it")
    elif _of_reference():
        st.session_state[shipped_parts.OVER_SEEDS] = True
    over_seeds = shipped_parts.over_seeds(newcomer, _own_alone)
    if newcomer and not over_seeds:
        return
    if over_seeds:
        _over_seeds(seed_comparison.known())
    else:
        _points()


def _points() -> None:
    """Compare single points by the users that they share."""
    st.markdown("Two to six points side by side: what differs, what each costs, and who loses by it.")
    name = data.snapshot()
    assert name is not None  # there are points
    known = comparison.offered(str(data.root()), name)
    keys = _choose(known)
    if len(keys) < 2:
        told = "The float32 run of the data set measured last, and runs of the same model on the frontier of recall@20 "
        _too_few(keys, compare.suggested(results.described()), told + "against bytes per item.")
        return
    rows = comparison.rows_of(keys)
    k, everything = _controls(keys, known, results.lengths(pd.DataFrame(rows)))
    heads = compare.short_names(rows, data.defaults())
    _cards(rows, heads, k)
    found, there = _paired(rows, keys, k, name)
    compare_parts.settings([compare.settings(row) for row in rows], heads, everything)
    compare_parts.figures(rows, heads, found, there, k)
    if found is not None:
        compare_parts.losers(rows, heads, found, there, k)


def _over_seeds(found: Known) -> None:
    """Compare configurations by the seeds that they share."""
    st.markdown("Two to six configurations side by side, over all their seeds: what differs, and what each costs.")
    keys = _choose(found.names, found.of)
    if len(keys) < 2:
        told = "float32 with the model that was measured most, and the frontier of recall@20 against bytes per item."
        _too_few(keys, seed_comparison.suggested(found), told)
        return
    machine = None
    if machines := seed_comparison.machines(found, keys):
        told = "Some of these have seeds on several machines, whose times cannot be compared: those of one count. "
        told += "Quality counts from all."
        machine = st.selectbox("Times measured on", machines, key="c_hardware", help=told, **LINK)
    rows = seed_comparison.rows_of(found, keys, machine)
    k, everything = _controls(keys, found.names, results.lengths(pd.DataFrame(rows)))
    heads = compare.short_names(rows, data.defaults())
    seed_parts.cards(rows, heads)
    seed_parts.unpaired(found, keys)
    compare_parts.settings([seed_parts.settings(row) for row in rows], heads, everything)
    seed_parts.figures(found, keys, rows, heads, k)
    seed_parts.losers(found, keys, rows, heads)


def _choose(known: dict[Key, str], of: Mapping[Key, Key] | None = None) -> list[Key]:
    """Draw the choice of points, which the address holds; say what in the address is no point here.

    Parameters
    ----------
    of : any point → the one that stands for it; None: itself
    """
    asked, odd = compare.parse(st.query_params.get("points", ""))
    of = {key: key for key in known} if of is None else of
    odd += [compare.written([key]) for key in asked if key not in of]
    there = [of[key] for key in asked if key in of]
    keys = list(dict.fromkeys(there))
    if odd:
        words = ", ".join(f"“{plain(part)}”" for part in odd[:3])
        st.warning(f"There is no measured point {words} here. Choose others below.", icon=":material/search_off:")
    if len(keys) < len(there):
        st.info("Some of these points are seeds of one configuration: they count as one.", icon=":material/filter_1:")
    if len(keys) > MOST:
        st.warning(f"{len(keys)} points were asked for: the first {MOST} are compared.", icon=":material/filter_6:")
    st.session_state["c_points"] = keys[:MOST]
    return st.multiselect(
        "Points", list(known), format_func=lambda key: known.get(key, ""), key="c_points", max_selections=MOST,
        on_change=lambda: _go(st.session_state["c_points"]), placeholder="choose two to six, or type to search",
        help="What was measured, and how its users are searched. The first is the base that the others are compared "
        "with.",
    )  # fmt: skip


def _of_reference() -> bool:
    """Return whether the address names points of the reference study alone: single runs of it are not here."""
    ids = {run_id for run_id, _ in compare.parse(st.query_params.get("points", ""))[0]}
    if not ids or data.points()["run_id"].isin(ids).any():
        return False
    try:
        return ids <= set(shipped.runs()["run_id"])
    except (FewbitsError, KeyError):  # unreadable, or there are none: the switch says so
        return False


def _own_alone() -> None:
    """Take from the address what can't be shown once the switch is off: points whose runs are not here."""
    if not st.session_state[shipped_parts.OVER_SEEDS]:
        here = set(data.points()["run_id"])
        _go([key for key in compare.parse(st.query_params.get("points", ""))[0] if key[0] in here])


def _go(keys: list[Key]) -> None:
    """Write the points into the address."""
    if keys:
        st.query_params["points"] = compare.written(keys)
    else:
        st.query_params.pop("points", None)


def _too_few(keys: list[Key], wanted: list[Key], told: str) -> None:
    """Say what to choose, and offer a comparison that is worth a look: what it is of is ``told``."""
    more = "one more point" if keys else "two to six points"
    st.info(f"Choose {more} above, or select points on the Trade-offs page.", icon=":material/compare_arrows:")
    with st.container(horizontal=True, vertical_alignment="center"):
        if wanted:
            st.button(
                f"Compare float32 with {len(wanted) - 1} on the frontier", type="primary", icon=":material/compare:",
                on_click=_go, args=(wanted,), key="c_suggested",
                help=told,
            )  # fmt: skip
        st.page_link(TRADEOFFS_PAGE, label="Go to Trade-offs", icon=":material/show_chart:")


def _controls(keys: list[Key], known: dict[Key, str], lengths: list[int]) -> tuple[int, bool]:
    """Draw base, list length and the toggle; return the list length and whether equal rows are shown."""
    a, b, c = st.columns([3, 2, 2], vertical_alignment="bottom")
    st.session_state["c_base"] = keys[0]

    def rebase() -> None:
        base = st.session_state["c_base"]
        _go([base, *(key for key in keys if key != base)])

    a.selectbox(
        "Base", keys, format_func=lambda key: known.get(key, ""), key="c_base", on_change=rebase,
        help="Differences, ratios and losses are against this point.",
    )  # fmt: skip
    k = b.segmented_control(
        "List length k", lengths, default=20 if 20 in lengths else lengths[-1], key="c_k", required=True,
        help="How many items are recommended.", **LINK,
    )  # fmt: skip
    everything = c.toggle("Show what is equal too", key="c_all", **LINK)
    return int(k or lengths[-1]), bool(everything)


def _cards(rows: list[dict[str, Any]], heads: list[str], k: int) -> None:
    """Say which letter is which point, with links to its run and its users."""
    models, sets = {labels.model(row) for row in rows}, {row["dataset"] for row in rows}
    for column, row, head in zip(compare_parts.places(len(rows)), rows, heads, strict=True):
        with column.container(border=True, height="stretch"):
            letter, name = head.split(" ", 1)
            st.markdown(f"**{letter}** · {plain(name)}" + (" :gray-badge[base]" if letter == LETTERS[0] else ""))
            words = [labels.queries(row["query_bits"])]
            words += [row["dataset"]] if len(sets) > 1 else []
            words += [labels.model(row)] if len(models) > 1 else []
            st.caption(plain(" · ".join(words)))
            links = st.container(horizontal=True, gap="small")
            with links:
                run_link(row["run_id"], f"Run {letter}")
            query = {"run_id": row["run_id"], "bits": str(row["query_bits"])} | ({"u_k": str(k)} if k in SHOWN else {})
            links.page_link(USERS_PAGE, label=f"Users of {letter}", icon=":material/person_search:", query_params=query)


def _paired(rows: list[dict[str, Any]], keys: list[Key], k: int, name: str) -> tuple[Paired | None, list[int]]:
    """Return the paired comparison, None where there is none, and the places of its points; say what is left out."""
    split = rows[0]["split"]
    same = [place for place, row in enumerate(rows) if row["split"] == split and isinstance(split, str)]
    there = [place for place in same if comparison.has_users(keys[place])]
    if others := [LETTERS[place] for place in range(len(rows)) if place not in same]:
        st.info(
            f"{', '.join(others)}: another data set or split than the base {LETTERS[0]}. Other users and other "
            "held-out items can't be paired, so no difference is given.", icon=":material/info:",
        )  # fmt: skip
    if gone := [LETTERS[place] for place in same if place not in there]:
        st.info(
            f"{', '.join(gone)}: the metrics of single users are gone or were never kept, so users can't be compared.",
            icon=":material/info:",
        )
    if len(there) < 2 or there[0] != 0:
        return None, there
    try:
        return comparison.paired(str(data.root()), name, split, tuple(keys[place] for place in there), k), there
    except FewbitsError as error:
        st.info(sentence(error), icon=":material/info:")
        return None, there


render()
