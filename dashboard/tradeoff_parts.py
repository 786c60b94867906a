"""Beneath the trade-off chart: what can be done with the selected points, and all points as a table and as files."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import compare, downloads, frontiers
from dashboard.point_table import Listing
from dashboard.shipped_parts import OVER_SEEDS
from dashboard.widgets import open_run

COMPARE_PAGE = "views/compare.py"
COMPARED = (2, compare.MOST)
"""Least and most points that Compare shows side by side."""
Chosen = list[tuple[str, int]]
"""Run id and query bits of each selected point."""


def clicked(state: Any) -> Chosen:
    """Return the points that are selected in a chart."""
    marks = (point.get("customdata") for point in state["selection"]["points"])
    return [(str(mark[0]), int(mark[1])) for mark in marks if mark]


Rows = Callable[[], pd.DataFrame]
"""Gives the catalog's own rows, for an export."""


def actions(chosen: Chosen, here: Chosen, rows: Rows, members: Mapping[tuple[str, int], Chosen] | None = None) -> None:
    """Say how many points are selected and what can be done with them.

    Parameters
    ----------
    here : those of the chosen whose runs are here: only they can be opened and compared user by user
    members : the points of all seeds that one stands for, where it is a mean
    """
    n, runs = len(here), list(dict.fromkeys(run_id for run_id, _ in here))
    with st.container(horizontal=True, vertical_alignment="center", key="t_actions"):
        if not chosen:
            st.caption(
                ":material/touch_app: Click a point to open, compare or export it: with Shift for several, or draw a "
                "box or a lasso with the tools above the chart. Rows of the table beneath can be selected alike."
            )
            return
        st.markdown(f"**{len(chosen)} point{'s' * (len(chosen) > 1)} selected**", width="content")
        first = " Of several seeds it is the first." if members else ""
        if here and st.button(
            "Open run", icon=":material/science:", key="t_open", disabled=len(runs) != 1,
            help=f"All about its run.{first}" if len(runs) == 1 else f"Select one run: {len(runs)} are selected.",
        ):  # fmt: skip
            open_run(runs[0])
        if here and st.button(
            f"Compare these {n}" if n > 1 else "Compare", icon=":material/compare_arrows:", key="t_compare",
            disabled=not COMPARED[0] <= n <= COMPARED[1], type="primary",
            help=f"Side by side, with what differs. {COMPARED[0]} to {COMPARED[1]} points can be compared.{first}",
        ):  # fmt: skip
            _compare(here, over_seeds=False)
        several = len(here) < len(chosen) or any(len(own) > 1 for own in (members or {}).values())
        if several and st.button(
            "Compare over seeds", icon=":material/compare_arrows:", key="t_compare_seeds",
            disabled=not COMPARED[0] <= len(chosen) <= COMPARED[1], type="secondary" if here else "primary",
            help="Side by side: means over all seeds, and differences seed by seed. "
            f"{COMPARED[0]} to {COMPARED[1]} points can be compared.",
        ):  # fmt: skip
            _compare(chosen, over_seeds=True)

        def selected() -> pd.DataFrame:
            points = rows()
            every = [member for point in chosen for member in (members or {}).get(point, [point])]
            return points[pd.MultiIndex.from_frame(points[["run_id", "query_bits"]]).isin(every)]

        with st.popover("Export selection", icon=":material/download:", key="t_export"):
            downloads.table(selected, "fewbits-selection", "t_selected")


def _compare(points: Chosen, over_seeds: bool) -> None:
    """Open Compare; its switch keeps its place between visits, unless it is told."""
    st.session_state[OVER_SEEDS] = over_seeds
    told = {OVER_SEEDS: "true"} if over_seeds else {}
    st.switch_page(COMPARE_PAGE, query_params={"points": compare.written(points), **told})


def beneath(shown: pd.DataFrame, listing: Listing, rows: Rows) -> Chosen:
    """Draw the points as a table, best first, and a download of all that pass the filters; return the selected ones."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.subheader("The same points as a table", anchor=False)
        downloads.table(lambda: frontiers.originals(rows(), shown), "fewbits-points", "t")
    event = st.dataframe(
        listing.table, column_config=listing.settings, hide_index=True, selection_mode="multi-row", on_select="rerun",
        key=f"t_table_{listing.name:x}", height=min(35 * (len(listing.table) + 1) + 3, 460),
    )  # fmt: skip
    n = listing.left_out
    rest = f" {n:,} points off the frontier are left out; the download holds all." if n else ""
    st.caption(f"Select rows to open, compare or export them. Click a column's head to sort.{rest}")
    return [listing.keys[row] for row in event["selection"]["rows"]]
