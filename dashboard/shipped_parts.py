"""What pages show of the reference study: the click that hides it or asks for it, and what cannot be done with it."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import streamlit as st

from dashboard import data, results, shipped
from dashboard.widgets import sentence
from engine.errors import FewbitsError

OVER_SEEDS = "c_seeds"
"""The key of Compare's switch."""
FINDINGS_PAGE = "views/findings.py"
Chosen = list[tuple[str, int]]


def choose() -> pd.DataFrame:
    """Draw the switch and say what the shipped points are; return the points to show, with "source"."""
    try:
        known = _all(str(data.root()), data.snapshot(), shipped.version())
    except FewbitsError as error:  # one's own results are shown all the same
        st.warning(sentence(error), icon=":material/inventory_2:")
        return results.described().assign(source="own")
    table = known.points.copy(deep=False)
    if not known.about:
        return table
    with st.container(horizontal=True, vertical_alignment="center", key="t_study"):
        on = st.toggle(
            "Reference study", value=True, key="t_reference", bind="query-params",
            help="Results that come with Fewbits. Their times are of another machine and have charts of their own; "
            "off hides them everywhere on this page.",
        )  # fmt: skip
        if on:
            st.caption(known.about, width="content")
            st.page_link(FINDINGS_PAGE, label="What follows from it", icon=":material/lightbulb:")
    return table if on else table[table["source"] == "own"]


def instead(newcomer: bool) -> bool:
    """Draw Budget's switch to the shipped rows, where there are any; return whether they are used instead of one's
    own. A newcomer has nothing else, and no switch.
    """
    there = _there()
    return not there.empty and _switch(
        newcomer, there, "Reference study", "b_reference",
        "Decide by the results that come with Fewbits instead of your own: their times are of another machine, and "
        "configurations are compared seed by seed, since no users come with them.",
    )  # fmt: skip


def over_seeds(newcomer: bool, on_change: Callable[[], None]) -> bool:
    """Draw Compare's switch to configurations over their seeds, the shipped ones among them; return whether it is on.
    A newcomer has nothing else, and no switch.
    """
    there = _there()
    return not (newcomer and there.empty) and _switch(
        newcomer, there, "Over seeds", OVER_SEEDS,
        "Compare configurations over all their seeds, those that come with Fewbits as well: means, and differences "
        "seed by seed. Off: single runs, user by user.", on_change,
    )  # fmt: skip


def _there() -> pd.DataFrame:
    """Return the shipped points; where they cannot be read, say so and return none."""
    try:
        return shipped.points()
    except FewbitsError as error:
        st.warning(sentence(error), icon=":material/inventory_2:")
        return pd.DataFrame()


def _switch(
    newcomer: bool, there: pd.DataFrame, label: str, key: str, told: str, on_change: Callable[[], None] | None = None
) -> bool:  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        on = newcomer or st.toggle(label, key=key, bind="query-params", help=told, on_change=on_change)
        if on and len(there):
            words = "Until something is measured here, by " if newcomer else ""
            st.caption(words + shipped.about(there), width="content")
    return on


class Known(NamedTuple):
    """One's own points and the shipped ones, and what the shipped ones are; "" where there are none."""

    points: pd.DataFrame
    about: str


@st.cache_resource(show_spinner=False, max_entries=4)
def _all(root: str, snapshot: str | None, version: str) -> Known:
    """Put the points together, once for each snapshot."""
    table = shipped.beside(results.described())
    some = len(table) > 0 and bool((table["source"] == "reference").any())
    return Known(table, shipped.about(table) if some else "")


def rows(own: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to export: one's own as the catalog has them, and those of the reference that are shown, with
    "method": what was not at its default when they were measured.
    """
    of = table[table["source"] == "reference"]
    return pd.concat([own, of.drop(columns=["queries", "split", "tested"])], ignore_index=True) if len(of) else own


def openable(selected: Chosen, own: pd.DataFrame) -> Chosen:
    """Return the selected points whose runs are here; say of the others why they cannot be opened."""
    if not selected:
        return []
    here = set(own["run_id"]) if len(own) else set()
    kept = [point for point in selected if point[0] in here]
    if len(kept) < len(selected):
        n = len(set(selected)) - len(set(kept))
        which = "The selected point is" if n == len(set(selected)) == 1 else f"{n} of the selected points are"
        st.info(
            f"{which} of the reference study: figures without lists, users or an index, so that they cannot be opened, "
            "compared user by user or taken home. To have all of that, choose the same settings on the New run page.",
            icon=":material/inventory_2:",
        )
    return kept
