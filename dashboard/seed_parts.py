"""The parts of the Compare page for configurations over their seeds: cards, figures, and whether the tail loses."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import compare, compare_parts, labels, seed_comparison
from dashboard.compare import LETTERS, Key
from dashboard.labels import QUALITY
from dashboard.seed_comparison import SHARE, Known
from dashboard.widgets import plain
from engine.study.figures import Figure

Rows = Sequence[dict[str, Any]]
GROUPS_HELP = (
    "The head is the most popular tenth of the items, the tail all others. Shown is the share of the held-out items of "
    "each group that stand in the top 20, as mean over seeds; changes against the base are of the seeds that both "
    "have. Intervals are 95 %, Student's t."
)
NOT_MEASURED = "not measured"


def cards(rows: Rows, heads: Sequence[str]) -> None:
    """Say which letter is which configuration, and of which seeds it is."""
    for column, row, head in zip(compare_parts.places(len(rows)), rows, heads, strict=True):
        with column.container(border=True, height="stretch"):
            letter, name = head.split(" ", 1)
            base = " :gray-badge[base]" if letter == LETTERS[0] else ""
            source = " :blue-badge[reference]" if row["source"] == "reference" else ""
            st.markdown(f"**{letter}** · {plain(name)}{base}{source}")
            st.caption(plain(" · ".join([row["dataset"], labels.queries(row["query_bits"]), labels.model(row)])))


def settings(row: dict[str, Any]) -> dict[str, str]:
    """Return a configuration's settings as words: of all its seeds."""
    found = compare.settings(row)
    return {("Seeds" if k == "Seed" else k): (", ".join(map(str, row["of_seeds"])) if k == "Seed" else v)
            for k, v in found.items()}  # fmt: skip


def figures(known: Known, keys: Sequence[Key], rows: Rows, heads: Sequence[str], k: int) -> None:
    """Show means over seeds with differences seed by seed, and costs with ratios."""
    st.subheader("Figures", anchor=False)
    lines: dict[str, list[str]] = {}
    share = f"recall@{k}{SHARE}"
    kept = [seed_comparison.mean(known, key, share) for key in keys]
    if any(kept):
        lines[f"Keeps of float32's recall@{k}"] = [_percent(figure) for figure in kept]
    for kind in QUALITY:
        lines |= _quality(known, keys, f"{kind}@{k}", labels.axis_title(f"{kind}@{k}"))
    lines |= compare.costs(rows)
    table = pd.DataFrame.from_dict(lines, orient="index", columns=[plain(head) for head in heads])
    st.table(table.map(plain))
    doubtful = any(compare.DOUBT in text for cells in lines.values() for text in cells)
    st.caption(
        "Quality: means over seeds, in brackets their 95 % interval (Student's t); of one seed there is none. "
        f"Differences are those of the seeds that both have. “Can't be told apart”: the interval holds 0. ×: how many "
        f"times {LETTERS[0]}'s; costs are medians."
        + f" {compare.DOUBT}: the machine did not keep its pace while these times were taken."
        * doubtful
    )


def losers(known: Known, keys: Sequence[Key], rows: Rows, heads: Sequence[str]) -> None:
    """Show recall of popular and of rare items."""
    st.subheader("Who loses", anchor=False, help=GROUPS_HELP)
    table = seed_comparison.by_popularity(known, keys)
    if table.empty:
        st.caption("Recall by the items' popularity is not known of these.")
        return
    relative = compare_parts.shown_relative()
    st.markdown("**Items by popularity**")
    there = table["point"].unique().tolist()
    points = compare_parts.marks(rows, heads, there)
    table = table.assign(point=table["point"].map(there.index))
    compare_parts.groups(table, points, "items", seed_comparison.GROUPS, relative, 20)


def _quality(known: Known, keys: Sequence[Key], column: str, title: str) -> dict[str, list[str]]:
    """Return a quality and its difference to the base; nothing where no configuration has it."""
    means = [seed_comparison.mean(known, key, column) for key in keys]
    if not any(means):
        return {}
    found = seed_comparison.differences(known, keys, column)
    words = [_change(found[key]) if key in found else "not paired" for key in keys[1:]]
    return {title: [_mean(figure) for figure in means], f"{title} against {LETTERS[0]}": ["base", *words]}


def _change(difference: Any) -> str:
    words = compare.change(*difference[:3], every="seed")
    return f"{words}, {difference.seeds} seeds"


def _mean(figure: Figure | None) -> str:
    if figure is None:
        return NOT_MEASURED
    return f"{figure.mean:.4f}" + (f" ({figure.low:.4f} to {figure.high:.4f})" if figure.half else "")


def _percent(figure: Figure | None) -> str:
    if figure is None:
        return "no float32 with the same model"
    interval = f" ({100 * figure.low:.1f} to {100 * figure.high:.1f})" if figure.half else ""
    return f"{100 * figure.mean:.1f} %{interval}"
