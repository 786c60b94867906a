"""Choosing one user: by name, by row, at random, or by what compression did to them. The choice is ``?user=``."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, people
from dashboard.widgets import plain, sentence
from engine.errors import FewbitsError

ORDERS = {"recall": "Recall lost", "overlap": "List changed most"}


def choose(row: dict[str, Any], bits: int, k: int) -> int | None:
    """Draw the search and the short cuts of a run; return the user that the address names, None where it names none."""
    split = str(row["split"])
    names = data.user_labels(split)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Find a user", key="u_find", on_change=_find, args=(split, names), width=260,
            placeholder=people.example(names),
            help="The user's name in the data set, or # and the number of the row.",
        )  # fmt: skip
        _short_cuts(row, bits, k, len(names))
    if error := st.session_state.pop("u_error", None):
        st.warning(error, icon=":material/search_off:")
    searched, matches = st.session_state.get("u_matches", ("", []))
    if matches and searched == split:  # of another data set they would be strangers
        few = len(matches) < people.MATCHES
        st.selectbox(
            f"{len(matches)} users match" if few else f"The first {people.MATCHES} users that match", matches,
            format_func=lambda user: people.title(names[user], user), index=None, key="u_match", on_change=_go_match,
            placeholder="choose one",
        )  # fmt: skip
    return _asked(len(names))


def worst(row: dict[str, Any], bits: int, k: int, expanded: bool) -> None:
    """Draw the users who lose most, with how active they are; a selected row opens that user."""
    metrics, reference = people.against_float(row, bits, k)
    if metrics.empty:
        return
    with st.expander("Users who lose most", icon=":material/trending_down:", expanded=expanded):
        if metrics["change"].abs().max() == 0 and (metrics[f"overlap@{k}"] == 1).all():
            st.caption("Nobody loses: every list is that of float32.")
            return
        orders = list(ORDERS) if reference else ["overlap"]
        order = st.segmented_control(
            "First come those with", orders, default=orders[0], format_func=ORDERS.__getitem__, key="u_order",
            required=True, help="Recall lost: against the float32 run of the same trained model. List changed most: "
            "the least overlap with the float32 list.",
        )  # fmt: skip
        history = data.history_lengths(str(row["split"]))
        what = f"recall@{k} against float32" if reference else f"places of the float32 top {k}"
        st.caption(people.losing(metrics, history, what))
        table = people.losses(metrics, k, data.user_labels(str(row["split"])), history, order == "overlap")
        _table(table, k)
        words = f"The first {len(table)} of {len(metrics):,}. " if len(table) < len(metrics) else ""
        st.caption(f"{words}Select a row to open the user. Among few held-out items one more or less is a large share.")


def _table(table: pd.DataFrame, k: int) -> None:
    """Draw the ranked users; a selected row goes into the address."""
    number = st.column_config.NumberColumn

    def picked() -> None:
        for place in st.session_state["u_worst"]["selection"]["rows"]:
            _go(int(table.index[place]))

    settings = {
        "User": st.column_config.TextColumn(pinned=True),
        "Change": number(format="%+.4f", help=f"Recall@{k} of this run minus that of float32."),
        f"Recall@{k}": number(format="%.4f", help="In this run."),
        "float32": number(format="%.4f", help=f"Recall@{k} of the float32 run of the same trained model."),
        f"Overlap@{k}": number(format="%.2f", help=f"Share of the float32 top {k} that is kept."),
        "Held out": number(help="Held-out items of the user: what recall is a share of."),
        "Training items": number(format="localized", help="How active the user is."),
    }
    st.dataframe(
        table, hide_index=True, column_config=settings, key="u_worst", on_select=picked, selection_mode="single-row",
        height=min(35 * (len(table) + 1) + 3, 320),
    )  # fmt: skip


def _short_cuts(row: dict[str, Any], bits: int, k: int, total: int) -> None:
    metrics, reference = people.against_float(row, bits, k)
    order = people.by_loss(metrics, k)["user"].tolist() if len(metrics) else []
    same = not order or metrics["change"].abs().max() == 0
    words = f"By {f'recall@{k} against float32' if reference else 'overlap with the float32 list'}; again for the next."
    walk = (row["run_id"], bits, k)
    st.button("Random user", icon=":material/shuffle:", on_click=_go_random, args=(order, total), key="u_random")
    st.button(
        "Loses most",
        icon=":material/trending_down:",
        on_click=_go_next,
        args=(order, (*walk, "lose")),
        disabled=same,
        help=words,
        key="u_lose",
    )
    st.button(
        "Gains most", icon=":material/trending_up:", on_click=_go_next, args=(order[::-1], (*walk, "gain")),
        key="u_gain", disabled=same or not reference,
        help=words if reference else "Needs a finished float32 run on the same trained model.",
    )  # fmt: skip


def _asked(total: int) -> int | None:
    asked = st.query_params.get("user")
    if asked is None:
        return None
    if not (asked.isascii() and asked.isdecimal()) or int(asked) >= total:
        words = f"There is no user “{plain(asked)}”: this data set has the rows 0 to {total - 1:,}."
        st.warning(words, icon=":material/search_off:")
        return None
    return int(asked)


def _find(split: str, names: tuple[str | None, ...]) -> None:
    st.session_state.pop("u_matches", None)
    try:
        found = people.search(names, st.session_state["u_find"])
    except FewbitsError as error:
        st.session_state["u_error"] = sentence(error)
        return
    if len(found) == 1:
        _go(found[0])
    elif found:
        st.session_state["u_matches"] = (split, found)


def _go(user: int) -> None:
    st.query_params["user"] = str(user)


def _go_match() -> None:
    if st.session_state["u_match"] is not None:
        _go(st.session_state["u_match"])


def _go_random(users: list[int], total: int) -> None:
    _go(people.random_user(users, total))


def _go_next(order: list[int], which: tuple[str, int, int, str]) -> None:
    """Go to the next user of an order; begin anew where another one was followed before."""
    before, place = st.session_state.get("u_walk", ((), -1))
    place = (place + 1) % len(order) if before == which else 0
    st.session_state["u_walk"] = (which, place)
    _go(int(order[place]))
