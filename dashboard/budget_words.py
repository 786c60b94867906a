"""A decision under a budget in words, without streamlit: what a configuration is called, why it is chosen, how sure."""

from typing import Any

import pandas as pd

from dashboard import labels, point_words
from dashboard.budget import Budget
from dashboard.decision import COMPARED, MARGIN, Decision
from dashboard.widgets import plain


def name(row: pd.Series) -> str:
    """Return a configuration in words."""
    return str(row["name"])


def room(row: pd.Series, column: str, limits: dict[str, float]) -> str | None:
    """Return how far a figure is from its limit, in words."""
    if column not in limits or pd.isna(row[column]):
        return None
    if column == "kept":
        return f"{100 * (row['kept'] - limits['kept']):+.1f} points from the limit"
    return f"{100 * row[column] / limits[column]:.0f} % of the limit"


def why(found: Decision, asked: Budget, prefer: str, row: pd.Series) -> list[str]:
    """Return the reasons as sentences."""
    many, all_ = len(found.meeting), len(found.table)
    words = [
        f"**Why:** {many} of {all_} measured configurations meet this"
        if asked.limits()
        else f"**Why:** no limit is set, so all {all_} measured configurations count"
    ]
    others = [found.table.loc[label] for label in found.ties[1:]]
    if prefer == "quality" and others:
        words.append(f"; {len(others) + 1} of them have lists {_as_good(found)}, and of these it is the smallest.")
    else:
        words.append(f", and it has {_most(found, prefer, row)}.")
    lines = ["".join(words)]
    if others:
        named = "; ".join(f"{plain(name(o))} ({labels.amount(o['index_bytes'])})" for o in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        paired = "95 % interval over seeds, paired" if found.by_seed else "95 % paired bootstrap over users"
        lines.append(f"**As good in {asked.quality}** ({paired}): {named}{more}.")
    undecided = [d for label, d in found.differences.items() if d.low <= 0 <= d.high and label not in found.ties]
    if found.by_seed and undecided:
        lines.append(f"**Too few seeds to tell:** {len(undecided)} more may be better or clearly worse.")
    if found.sure is not None and asked.keep is not None:
        lines.append(
            f"**How sure:** in {100 * found.sure:.0f} of 100 resamples of the users it keeps {percent(asked.keep)} or "
            f"more.{_seeds(row)}"
        )
    elif found.by_seed and asked.keep is not None and not pd.isna(row["kept"]):
        lines.append(f"**How sure:**{_seeds(row) if row['seeds'] > 1 else ' it is of one seed.'}")
    if doubt := point_words.doubt(row["drift"]):
        again = "" if found.by_seed else " Measure again when it is quiet."
        lines.append(f"**Its times are in doubt:** {doubt} while they were taken.{again}")
    needed = 2 if found.by_seed else 1
    strangers = sum(len(set(of) & set(row["of_seeds"])) < needed for of in found.meeting["of_seeds"].drop(found.best))
    if strangers:
        lines.append(
            f"**Not compared:** {strangers} of those that meet this {'share' if strangers > 1 else 'shares'} "
            f"{'fewer than two seeds' if found.by_seed else 'no seed'} with it, and another seed is another model"
            f"{'.' if found.by_seed else ': run them with the same seeds.'}"
        )
    if found.compared == COMPARED and not found.by_seed:
        lines.append(f":gray[Users were compared for the first {COMPARED} by this preference.]")
    return lines


def _as_good(found: Decision) -> str:
    if found.by_seed:
        return f"that lose less than {100 * MARGIN:.0f} % of the best's, for certain"
    return "that can't be told apart from the best"


def _most(found: Decision, prefer: str, row: pd.Series) -> str:
    """Return what it has the most or the least of, and among which."""
    alone = found.by_seed and row["seeds"] > 1 and bool((found.meeting["seeds"] == 1).any())
    among = " of those with several seeds" * alone
    if prefer == "index_bytes":
        return f"the least memory{among}"
    if prefer == "quality":
        return ("the best lists" if found.differences or len(found.meeting) == 1 else "the highest mean") + among
    untimed = int(found.meeting["latency"].isna().sum())
    if pd.isna(row["latency"]):
        return f"the best lists{among}: none of them was timed on this machine"
    timed = f", among what was timed on this machine ({untimed} of those that meet this were not)" if untimed else ""
    return f"the fastest search{among}{timed}"


def _seeds(row: pd.Series) -> str:
    if row["seeds"] == 1:
        return " One seed: run others to see what training's luck does."
    return f" Over {row['seeds']} seeds it kept {percent(row['kept_low'])} to {percent(row['kept_high'])}."


def difference(found: Decision, label: Any, row: pd.Series, best: pd.Series) -> str:
    """Return how much better or worse a configuration's lists are than the best's, with the interval where known."""
    if label not in found.differences:
        own, others = set(row["of_seeds"]), set(best["of_seeds"])
        unlike = "" if own == others else ", not of the same seeds" if own & others else ", of other seeds"
        return f"{row['quality'] - best['quality']:+.4f}{unlike}"
    mean, low, high, seeds = found.differences[label]
    apart = "" if low > 0 or high < 0 else ": can't be told apart"
    fewer = f", {seeds} seed{'s' * (seeds > 1)} that both have" * (seeds < max(row["seeds"], best["seeds"]))
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f}{fewer}){apart}"


def misses(over: dict[str, float], named: dict[str, str]) -> str:
    """Return which limits a configuration misses, and of which nothing is known (`budget.missed`)."""
    found = (f"{named[c]} not measured" if pd.isna(by) else named[c] for c, by in over.items() if by != 0)
    return ", ".join(found)


def times(value: float, base: float) -> str:
    """Return a ratio of costs."""
    return "not measured" if pd.isna(value) or pd.isna(base) else f"{labels.number(value / base, 2)} ×"


def percent(share: float) -> str:
    """Return a share in per cent."""
    return "not measured" if pd.isna(share) else f"{100 * share:.1f} %"
