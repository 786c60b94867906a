"""The parts of the Compare page for configurations over their seeds: cards, figures, and whether the tail loses."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import compare, compare_parts, labels, seed_comparison
from dashboard.budget import Difference
from dashboard.compare import LETTERS, Key
from dashboard.labels import QUALITY
from dashboard.seed_comparison import SHARE, Known
from dashboard.shipped import MARK
from dashboard.widgets import plain
from engine.study.figures import Figure

Rows = Sequence[dict[str, Any]]
GROUPS_HELP = (
    "The head is the most popular tenth of the items, the tail all others. Shown is the share of the held-out items of "
    "each group that stand in the top 20, as mean over seeds; changes against the base are of the seeds that both "
    "have. Intervals are 95 %, Student's t."
)


def cards(rows: Rows, heads: Sequence[str]) -> None:
    """Say which letter is which configuration, and of which seeds it is."""
    for column, row, head in zip(compare_parts.places(len(rows)), rows, heads, strict=True):
        with column.container(border=True, height="stretch"):
            letter, name = head.split(" ", 1)
            base = " :gray-badge[base]" if letter == LETTERS[0] else ""
            source = " :blue-badge[reference]" if row["source"] == "reference" else ""
            st.markdown(f"**{letter}** · {plain(name)}{base}{source}")
            st.caption(plain(" · ".join([row["dataset"], labels.queries(row["query_bits"]), labels.model(row)])))


def unpaired(known: Known, keys: Sequence[Key]) -> None:
    """Say which configurations have no difference to the base, and why."""
    same = seed_comparison.alike(known, keys)
    of = [set(known.points.loc[known.members[key], "seed"]) for key in keys]
    if others := [LETTERS[place] for place, key in enumerate(keys) if key not in same]:
        st.info(
            f"{', '.join(others)}: another data set or split than the base {LETTERS[0]}, or your own beside the "
            "reference study, whose models are others. Their seeds have nothing in common, so no difference is given.",
            icon=":material/info:",
        )  # fmt: skip
    if few := [LETTERS[p] for p, key in enumerate(keys) if p and key in same and len(of[p] & of[0]) < 2]:
        st.info(
            f"{', '.join(few)}: fewer than two seeds in common with the base {LETTERS[0]} (its seeds: "
            f"{', '.join(map(str, sorted(of[0])))}), so no difference is given. More seeds of both would give one.",
            icon=":material/info:",
        )  # fmt: skip


def settings(row: dict[str, Any]) -> dict[str, str]:
    """Return a configuration's settings as words: of all its seeds."""
    found = compare.settings(row)
    machines = "; ".join(row["machines"]).replace(f"; {MARK}", "; ")
    whole = {"Seed": ("Seeds", ", ".join(map(str, row["of_seeds"]))),
             "Measured on": ("Measured on", machines or "unknown")}  # fmt: skip
    return dict(whole.get(name, (name, value)) for name, value in found.items())


def figures(known: Known, keys: Sequence[Key], rows: Rows, heads: Sequence[str], k: int) -> None:
    """Show means over seeds with differences seed by seed, and costs with ratios."""
    st.subheader("Figures", anchor=False)
    lines: dict[str, list[str]] = {}
    recall = [seed_comparison.mean(known, key, f"recall@{k}") for key in keys]
    kept = [seed_comparison.mean(known, key, f"recall@{k}{SHARE}") for key in keys]
    if any(kept):
        lines[f"Keeps of float32's recall@{k}"] = [_share(*both) for both in zip(kept, recall, strict=True)]
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
        st.caption(
            f"Not known of {LETTERS[0]} beside another: recall by the items' popularity comes with the reference "
            "study alone. Of your own runs it is counted user by user, with “Over seeds” off."
        )
        return
    relative = compare_parts.shown_relative()
    st.markdown("**Items by popularity**")
    there = sorted(table["point"].unique().tolist())
    points = compare_parts.marks(rows, heads, there)
    table = table.assign(point=table["point"].map(there.index))
    compare_parts.groups(table, points, "items", seed_comparison.GROUPS, relative, 20, halves=False)
    if left := [LETTERS[place] for place in range(len(keys)) if place not in there]:
        st.caption(f"Not known of {', '.join(left)}, or not of the same test items.")


def _quality(known: Known, keys: Sequence[Key], column: str, title: str) -> dict[str, list[str]]:
    """Return a quality and its difference to the base; nothing where no configuration has it."""
    means = [seed_comparison.mean(known, key, column) for key in keys]
    if not any(means):
        return {}
    found = seed_comparison.differences(known, keys, column)
    words = [_change(found[key]) if key in found else "not paired" for key in keys[1:]]
    return {title: [_mean(figure) for figure in means], f"{title} against {LETTERS[0]}": ["base", *words]}


def _change(difference: Difference) -> str:
    words = compare.change(difference.mean, difference.low, difference.high, every="seed")
    return f"{words}, {difference.seeds} seeds"


def _mean(figure: Figure | None) -> str:
    if figure is None:
        return labels.share(None)
    return f"{figure.mean:.4f}" + ("" if figure.half is None else f" ({figure.low:.4f} to {figure.high:.4f})")


def _share(kept: Figure | None, recall: Figure | None) -> str:
    if kept is None:
        return labels.share(None) if recall is None else "no float32 with the same model"
    interval = "" if kept.half is None else f" ({100 * kept.low:.1f} to {100 * kept.high:.1f})"
    return f"{100 * kept.mean:.1f} %{interval}"
