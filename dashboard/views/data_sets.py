"""Data sets: what is known, how large it is, where it lies, under which terms; and how each was split."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, own_data, own_reports, ruler, run_charts
from dashboard.widgets import NEW_RUN_PAGE, plain
from engine.data import registry


def render() -> None:
    """Draw the registry's table, the section of one's own data, and the prepared splits."""
    st.title("Data sets", anchor=False)
    st.markdown(
        f"A data set is taken from the folder that the environment variable `{registry.ENVIRONMENT}` names, where it "
        "lies there, else downloaded when a run first needs it (with a checksum); your own is added below. Only who "
        "had which item is used: no ratings, no texts."
    )
    splits = data.splits()
    prepared = {split["dataset"]: split for split in splits}
    root = data.root()
    rows = [_row(registry.info(name, root), prepared.get(name)) for name in registry.names(root)]
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "Data set": st.column_config.TextColumn(pinned=True),
            "Users": number(format="localized"),
            "Items": number(format="localized"),
            "Interactions": number(format="localized", help="Training, validation and test together."),
            "Density": number(format="%.3f %%", help="Interactions divided by users × items, in percent."),
            "Terms": st.column_config.TextColumn(width="large"),
            "What it is": st.column_config.TextColumn(width="large"),
        },
    )
    own_reports.render()
    own_data.render()
    st.subheader("Prepared splits", anchor=False)
    if not splits:
        st.info(
            "None yet. The first run on a data set prepares it; its counts and charts then appear here.",
            icon=":material/info:",
        )
        st.page_link(NEW_RUN_PAGE, label="New run", icon=":material/add_circle:")
        return
    names = {split["key"]: f"{registry_title(split['dataset'])} · seed {split['seed']}" for split in splits}
    chosen = st.selectbox(
        "Split", list(names), format_func=lambda key: names[key], key="d_split", persist_state="session"
    )
    _split(next(split for split in splits if split["key"] == chosen))


def registry_title(name: str) -> str:
    """Return a data set's title, or its bare name where the registry does not know it (one that was removed)."""
    root = data.root()
    return registry.info(name, root).title if name in registry.names(root) else name


def _row(known: registry.DatasetInfo, split: dict[str, Any] | None) -> dict[str, Any]:
    users, items = known.users, known.items
    interactions = known.interactions
    if split:
        users, items, interactions = split["users"], split["items"], split["train"] + split["valid"] + split["test"]
    return {
        "Data set": known.title,
        "Name": known.name,
        "Users": users,
        "Items": items,
        "Interactions": interactions or None,
        "Density": 100 * interactions / (users * items) if interactions else None,
        "Item names": "yes" if known.titles else "no",
        "Where": _where(known),
        "What it is": known.description,
        "Terms": known.terms,
    }


def _where(known: registry.DatasetInfo) -> str:
    if known.synthetic:
        return "built in"
    if known.own:
        return "added here"
    folder = registry.find(known.name, data.root())
    if folder is None:
        return "will be downloaded"
    return "downloaded" if folder.is_relative_to(data.root()) else f"{registry.ENVIRONMENT} ({folder})"


def _split(split: dict[str, Any]) -> None:
    figures = [
        ("Users", split["users"], "All users of the set."),
        ("Items", split["items"], "All items of the set."),
        ("Training", split["train"], "Interactions the model learns from."),
        (
            "Validation",
            split["valid"],
            "Interactions for stopping and choosing; kept small so that results compare with published ones.",
        ),
        ("Test", split["test"], "Held-out interactions: what recall and NDCG are computed on."),
        (
            "Users with test items",
            split["users_with_test"],
            "The users whose mean is reported; the others have nothing to be tested on.",
        ),
    ]
    columns = [*st.columns(3), *st.columns(3)]
    for column, (title, count, help) in zip(columns, figures, strict=True):
        column.metric(title, f"{count:,}", help=help)
    st.markdown(f"**How it was split.** {plain(split['rule'])}")
    for note in split["notes"]:
        st.caption(f":material/info: {plain(note)}")
    left, right = st.columns(2)
    with left:
        st.markdown("**Popularity of the items**")
        counts = data.items(split["key"])["train_users"].to_numpy()
        figure = run_charts.popularity(counts)
        ruler.chart(figure, "popularity", "Users for each item, most popular first", split["key"], halves=True)
        st.caption(
            f"{(counts == 0).sum():,} items have no user in training."
            if (counts == 0).any()
            else "Every item has a user in training."
        )
    with right:
        st.markdown("**Length of the histories**")
        figure = run_charts.history_lengths(data.history_lengths(split["key"]))
        ruler.chart(figure, "lengths", "Training items of each user", split["key"], halves=True)
        st.caption("How many training items users have; the longest 1 % of histories are outside the chart.")


render()
