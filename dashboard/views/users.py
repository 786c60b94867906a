"""Users: one user's history and held-out items, and the float32 list beside the quantized one."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, labels, lists, people, user_picker
from dashboard.widgets import TRADEOFFS_PAGE, plain, run_link, run_picker

HISTORY_SHOWN = 200
LENGTHS = (10, 20, 50)


def render() -> None:
    """Draw the page for ``?run_id=``, ``?bits=`` and ``?user=``, each with a control of its own."""
    st.title("Users", anchor=False)
    st.markdown(
        "What does compression do to one person's recommendations? Compare the exact list with the quantized one."
    )
    known = data.runs()
    done = known[known["state"] == "done"]
    if done.empty:
        st.info("No run is finished yet. The Trade-offs page starts a demo with one click.", icon=":material/info:")
        st.page_link(TRADEOFFS_PAGE, label="Go to Trade-offs", icon=":material/show_chart:")
        return
    asked = st.query_params.get("run_id")
    if asked and asked not in set(done["run_id"]):
        st.warning(f"There is no finished run “{plain(asked)}” here. Choose one below.", icon=":material/search_off:")
    run_id = run_picker("Which run", done, key="u_run")
    if run_id is None:
        return
    row = data.run(run_id)
    bits, k = _precision_and_length(data.spec_of(row).query_bits, people.measured(run_id, LENGTHS))
    user = user_picker.choose(row, bits, k)
    user_picker.worst(row, bits, k, expanded=user is None)
    if user is None:
        st.info("Find a user, take a random one, or select one who loses.", icon=":material/person_search:")
        return
    _show(row, user, bits, k)


def _precision_and_length(query_bits: tuple[int, ...], lengths: list[int]) -> tuple[int, int]:
    """Return how users are searched (``?bits=`` where the run has it, else the highest), and the list length."""
    asked = st.query_params.get("bits", "")
    if asked.isdecimal() and int(asked) in query_bits:
        st.session_state["u_bits"] = int(asked)
    elif st.session_state.get("u_bits") not in query_bits:
        st.session_state["u_bits"] = query_bits[0]

    def remember() -> None:
        st.query_params["bits"] = str(st.session_state["u_bits"])

    left, right = st.columns(2)
    bits = left.segmented_control(
        "Users searched at", query_bits, format_func=labels.queries, key="u_bits", required=True, on_change=remember,
        help="The precision of the user's vector in the quantized search.",
    )  # fmt: skip
    k = right.segmented_control(
        "List length k", lengths, default=20 if 20 in lengths else lengths[-1], key="u_k", required=True,
        bind="query-params", help="How many places are compared, at most as many as there are items.",
    )  # fmt: skip
    return int(bits or query_bits[0]), int(k or lengths[-1])


def _show(row: dict[str, Any], user: int, bits: int, k: int) -> None:
    split = str(row["split"])
    person, items = data.person(split, user), data.items(split)
    st.header(plain(people.title(person["label"], user)), anchor=False)
    _facts(row, user, bits, k)
    quantized, exact = data.list_of(row["run_id"], user, bits), data.float_list(row["checkpoint"], user)
    if quantized is None:
        st.warning("This run kept no list for this user.", icon=":material/info:")
    elif exact is None:
        st.info("The float32 list of this model is gone from the cache: only the quantized one is shown.")
        names = people.item_names(items, quantized["items"][:k])
        _ranked(lists.side_by_side(quantized, quantized, person["test"], names, k)[0].drop(columns=lists.QUANTIZED))
    else:
        _lists(exact, quantized, person, items, k, f"{labels.method(row, data.defaults())}, {labels.queries(bits)}")
        if row["quantizer"] == "float32":
            st.caption("This run is float32 itself, so both lists are the same.")
    run_link(row["run_id"], "Everything about this run")
    left, right = st.columns(2)
    with left:
        st.subheader(f"Held-out items ({len(person['test'])})", anchor=False)
        st.caption("What the user really had and the model never saw: a recommended one is a hit.")
        _items(person["test"], items, "This user has no held-out items and is left out of the means.")
    with right:
        seen = [*person["train"], *person["valid"]]
        st.subheader(f"History ({len(seen)})", anchor=False)
        kept_back = " and one item that validation kept back" if person["valid"] else ""
        st.caption(f"What the model learned from{kept_back}, most popular first; never recommended again.")
        _items(seen, items, "No history: nothing can be learned about this user.")


def _facts(row: dict[str, Any], user: int, bits: int, k: int) -> None:
    metrics, reference = people.against_float(row, bits, k)
    if metrics.empty:
        st.caption(f"This run has no recall@{k} of single users: it was not kept, or there are fewer items.")
        return
    mine = metrics[metrics["user"] == user]
    if mine.empty:
        st.caption("This user has no held-out items: recall is not defined, and the user is left out of all means.")
        return
    values = mine.iloc[0]
    delta = f"{values['change']:+.4f}" if reference and values["change"] else None
    with st.container(horizontal=True):
        st.metric(
            f"Recall@{k}, quantized", labels.share(values[f"recall@{k}"]), delta=delta, width=220,
            delta_description="against float32" if delta else None,
        )  # fmt: skip
        exact = labels.share(values["reference"]) if reference else "not run"
        why = None if reference else "No finished float32 run shares this model."
        st.metric(f"Recall@{k}, float32", exact, help=why, width=220)
        overlap = labels.share(values.get(f"overlap@{k}"))
        st.metric(f"Overlap@{k}", overlap, help=labels.QUALITY["overlap"].help, width=220)


def _lists(
    exact: dict[str, Any], quantized: dict[str, Any], person: dict[str, Any], items: pd.DataFrame, k: int, title: str
) -> None:
    """Draw what changed in one sentence, and the two lists side by side."""
    names = people.item_names(items, [*exact["items"][:k], *quantized["items"][:k]])
    before, after = lists.side_by_side(exact, quantized, person["test"], names, k)
    entered, left = lists.moved(exact["items"], quantized["items"], k)
    hits = [int((table["Held out"] != "").sum()) for table in (before, after)]
    tied = int((after["Tied"] != "").sum())
    words = f"**{len(left)} of {len(before)} items left the top {k}, {len(entered)} entered.** "
    words += f"Hits: {hits[0]} with float32, {hits[1]} quantized."
    st.markdown(words + (f" {tied} places of the quantized list are tied." if tied else ""))
    _moves(exact, quantized, k)
    for column, heading, table in zip(st.columns(2), ("float32", title), (before, after), strict=True):
        with column:
            st.subheader(heading, anchor=False)
            _ranked(table)


def _moves(exact: dict[str, Any], quantized: dict[str, Any], k: int) -> None:
    """Say how far the items that stayed have moved, and how little decides who is in the list at all."""
    shifts = lists.shifts(exact["items"], quantized["items"], k)
    moved = [shift for shift in shifts if shift]
    words = f"Of the {len(shifts)} that stayed {len(moved)} moved"
    words += f", by {sum(moved) / len(moved):.1f} places on average, at most {max(moved)}." if moved else "."
    gaps = {name: lists.cut(kept["scores"], k) for name, kept in (("float32", exact), ("quantized", quantized))}
    if told := [f"{100 * gap:.2g} % ({name})" for name, gap in gaps.items() if gap is not None]:
        words += (
            f" The gap in score between the places {k} and {k + 1}, of the range of the top {k}: {', '.join(told)}."
        )
    st.caption(words)


def _ranked(table: pd.DataFrame) -> None:
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    settings = {
        "Place": number("#", width=34, help="Place in the list."),
        "Item": text(width=130),
        lists.QUANTIZED: text(width=140, help="Where the item stands in the quantized list, and by how much it moved."),
        lists.EXACT: text(width=140, help="Where the item stands in the float32 list, and by how much it moved."),
        "Score": number(
            width=54, format="%.4g", help="Higher is better; scores of different lists cannot be compared."
        ),
        "Gap": number(
            width=48, format="%.2g", help="Score above the next place: where it is small, little decides the order."
        ),
        "Held out": text(
            "Hit", width=50, help="✓ hit: held out, so the user really had it, and the model never saw it."
        ),
        "Tied": text(help="Equal score to a neighbour: a fixed rule alone decides the order of such places."),
    }
    table = table if (table["Tied"] != "").any() else table.drop(columns="Tied")
    st.dataframe(table, hide_index=True, column_config=settings, height=35 * (len(table) + 1) + 3)


def _items(ids: list[int], items: pd.DataFrame, empty: str) -> None:
    if not ids:
        st.caption(empty)
        return
    table = people.popular_first(ids, items)
    counts = st.column_config.NumberColumn(format="localized", help="Users with this item in training.")
    height = min(35 * (len(table) + 1) + 3, 400)
    st.dataframe(table.head(HISTORY_SHOWN), hide_index=True, height=height, column_config={people.HAVE_IT: counts})
    if len(table) > HISTORY_SHOWN:
        st.caption(f"The {HISTORY_SHOWN} most popular of {len(table):,}.")


render()
