"""The parts of the Compare page: settings, figures, and who loses."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import compare, comparison, labels, ruler, who_loses
from dashboard.compare import LETTERS
from dashboard.comparison import Group, Paired
from dashboard.labels import QUALITY
from dashboard.widgets import LINK, plain
from engine.store.lists import LIST_K

Rows = Sequence[dict[str, Any]]
CHANGE = "Change against the base"
GROUPS_HELP = (
    "**Items** by popularity: the head is the most popular items that together hold a third of all training "
    "interactions, the middle those that hold the next third, the tail all others. Shown is the share of the held-out "
    "items of each group that stand in the top k. (*Findings* and the exported `recall_head@20` and `recall_tail@20` "
    "divide otherwise: there the head is the most popular tenth of the items, the tail all others.)\n\n"
    "**Users** in thirds by their number of training items: light, middle, heavy. Shown is their mean recall.\n\n"
    "Intervals are 95 % bootstrap intervals over users; changes against the base are paired."
)


def settings(columns: Sequence[Mapping[str, str]], heads: Sequence[str], everything: bool) -> None:
    """Show of each point's settings those that differ; the others in one line, or in the table as well."""
    st.subheader("Settings", anchor=False)
    found = compare.table(columns, heads)
    apart = compare.differs(found)
    shown = found if everything else found[apart]
    if len(shown):
        st.table(_marked(shown, everything))
    words = "**Bold**: another value than the base." if len(shown) else "All settings are equal."
    equal = [f"{name}: {value}" for name, value in found.loc[~apart].iloc[:, 0].items()]
    if equal and not everything:
        words += f" Equal in all: {plain('; '.join(equal))}."
    st.caption(words)


def _marked(found: pd.DataFrame, everything: bool) -> pd.DataFrame:
    """Return the table as markdown: bold what differs from the base; among equal rows those that differ have a ≠."""
    apart, base = compare.differs(found), found.iloc[:, 0]
    marked = {
        plain(head): [f"**{plain(v)}**" if v != b else plain(v) for v, b in zip(found[head], base, strict=True)]
        for head in found
    }
    names = [f"**≠ {plain(name)}**" if everything and differs else plain(name) for name, differs in apart.items()]
    return pd.DataFrame(marked, index=pd.Index(names, name=""))


def figures(rows: Rows, heads: Sequence[str], found: Paired | None, there: Sequence[int], k: int) -> None:
    """Show quality with paired differences, and costs with ratios.

    Parameters
    ----------
    there : the places of the points in ``found``
    """
    st.subheader("Figures", anchor=False)
    lines: dict[str, list[str]] = {}
    for kind in QUALITY:
        column = f"{kind}@{k}"
        if all(pd.isna(row.get(column)) for row in rows):
            continue
        lines[labels.axis_title(column)] = [compare.quality(row, column) for row in rows]
        if found and (triples := found.changes.get(kind)):
            told = dict(zip(there[1:], triples, strict=True))
            words = [compare.change(*told[p]) if p in told else "not paired" for p in range(1, len(rows))]
            lines[f"{labels.axis_title(column)} against {LETTERS[0]}"] = ["base", *words]
    lines |= compare.costs(rows)
    doubtful = any(compare.DOUBT in text for cells in lines.values() for text in cells)
    table = pd.DataFrame.from_dict(lines, orient="index", columns=[plain(head) for head in heads])
    st.table(table.map(plain))
    st.caption(
        "In brackets: 95 % bootstrap intervals over users; differences are paired, of the same users. “Can't be told "
        f"apart”: the interval holds 0. ×: how many times {LETTERS[0]}'s."
        + f" {compare.DOUBT}: the machine did not keep its pace while these times were taken."
        * doubtful
    )


def losers(rows: Rows, heads: Sequence[str], found: Paired, there: Sequence[int], k: int) -> None:
    """Show recall by the items' popularity and by the users' activity: what a mean over all hides."""
    st.subheader("Who loses", anchor=False, help=GROUPS_HELP)
    relative = shown_relative()
    points = marks(rows, heads, there)
    split, key = rows[0]["split"], (rows[0]["run_id"], int(rows[0]["query_bits"]))
    left, right = st.columns(2)
    with left:
        st.markdown("**Items by popularity**")
        if found.popularity is None:
            short = f"lists are kept to {LIST_K} places" if k > LIST_K else "lists or prepared data are gone"
            st.caption(f"Not known at k = {k}: {short}.")
        else:
            groups(found.popularity, points, "items", who_loses.POPULARITY, relative, k)
            _who("items", who_loses.POPULARITY, comparison.popularity_of(split))
    with right:
        st.markdown("**Users by activity**")
        if found.activity is None:
            st.caption(f"Not known at k = {k}: recall was not kept, or the prepared data is gone.")
        else:
            groups(found.activity, points, "users", who_loses.ACTIVITY, relative, k)
            _who("users", who_loses.ACTIVITY, comparison.activity_of(split, key))


def places(n: int) -> list[DeltaGenerator]:
    """Return where n cards are drawn: three in a row at most, or words would be cut in a narrow window."""
    across = n if n <= 3 else 2 if n == 4 else 3
    return [place for _ in range(0, n, across) for place in st.columns(across)][:n]


def shown_relative() -> bool:
    """Draw the choice between recall and its change against the base; return whether it is the change."""
    kind = st.segmented_control("Show", [CHANGE, "Recall"], default=CHANGE, key="c_show", required=True, **LINK)
    return kind == CHANGE


def marks(rows: Rows, heads: Sequence[str], there: Sequence[int]) -> pd.DataFrame:
    """Return how the points at these places are drawn: see `who_loses.figure`."""
    named = ("quantizer", "query_bits")
    return pd.DataFrame([{n: rows[p][n] for n in named} | {"letter": LETTERS[p], "head": heads[p]} for p in there])


def groups(
    table: pd.DataFrame, points: pd.DataFrame, whose: str, names: Sequence[str], relative: bool, k: int,
    halves: bool = True,
) -> None:  # fmt: skip
    """Draw what each point reaches in each group as a chart, say who loses most, and give the same as a table."""
    title = f"recall@{k}" + (f", change against {LETTERS[0]}" if relative else "")
    figure = who_loses.figure(table, points, names, title, relative)
    of = (points.to_csv(), k, relative)
    ruler.chart(figure, f"c_{whose}", f"{title} by group of {whose}; a table follows.", of, halves=halves)
    heads = [plain(head) for head in points["head"]]
    words = [f"- {heads[p]}: {who_loses.verdict(table, p, names)}." for p in range(1, len(points))]
    st.markdown("\n".join(words))
    cells = {
        names[g]: [plain(_cell(row, relative)) for row in own.sort_values("point").to_dict("records")]
        for g, own in table.groupby("group")
    }
    st.table(pd.DataFrame(cells, index=pd.Index(heads, name="")))


def _who(whose: str, names: Sequence[str], who: dict[int, Group]) -> None:
    """Say who is in each group."""
    sizes = [
        f"**{names[g]}**: {group.size:,} {whose} with {group.least:,} to {group.most:,} interactions in training"
        for g, group in who.items()
    ]
    lone = f" All {whose} have equally many, so there is one group." if len(who) < 2 else ""
    st.caption("; ".join(sizes) + f".{lone}")


def _cell(row: dict[str, Any], relative: bool) -> str:
    """Return recall with its interval, or with the change against the base and the interval of that."""
    share = f"{row['share']:.4f}"
    if not relative:
        return share if pd.isna(row["low"]) else f"{share} ({row['low']:.4f} to {row['high']:.4f})"
    return share if row["point"] == 0 else f"{share}, {who_loses.percent(row)}"
