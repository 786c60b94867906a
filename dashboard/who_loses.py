"""Who loses by quantizing: light and heavy users, popular and rare items, each in three groups. Pure.

A mean over all users hides that a format keeps the popular items and gives up the rare ones. Held-out items are
therefore counted by how popular they are, and users by how much is known of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.chart_style import GREY, finished, intervals, style
from engine.frontier import bootstrap_means
from engine.spec import FLOAT_BITS

ACTIVITY = ("light", "middle", "heavy")
POPULARITY = ("head", "middle", "tail")
CHUNK = 1 << 12
"""Held-out items looked up at a time: their lists, 50 × 4 bytes each, stay in the cache (2.6 times faster than 2¹⁶)."""
BLOCK = 32
"""Resamples summed at once: six points (57 columns, 30,000 users) take 0.35 s of a core instead of 0.95."""

ROUNDING = 1e-12


def activity_groups(lengths: np.ndarray) -> np.ndarray:
    """Return for each user 0 (light), 1 (middle) or 2 (heavy): thirds of the users by their number of training items.

    Users with equally many are never parted, so the groups can differ in size; equal users are all light.

    Parameters
    ----------
    lengths : int [n]
    """
    return np.searchsorted(np.quantile(lengths, [1 / 3, 2 / 3]), lengths, side="left").astype(np.int8)


def popularity_groups(train_users: np.ndarray) -> np.ndarray:
    """Return for each item 0 (head), 1 (middle) or 2 (tail).

    The head is the most popular items that hold the first third of all training interactions, the middle those with
    the next third, the tail all others, also those that nobody has.

    Parameters
    ----------
    train_users : int [items], the users who have each item in training
    """
    counts = np.asarray(train_users, np.int64)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    groups = np.empty(len(counts), np.int8)
    groups[order] = np.minimum(3 * before // max(1, int(counts.sum())), 2)
    return groups


def places(lists: np.ndarray, owners: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return where each held-out item stands in its user's list, from 0; K where it does not: int16 [n].

    Parameters
    ----------
    lists : int32 [U, K], −1 where a list is shorter
    owners, items : int [n], the user and the item of each held-out interaction
    """
    found = np.full(len(items), lists.shape[1], np.int16)
    for begin in range(0, len(items), CHUNK):
        part = slice(begin, begin + CHUNK)
        same = lists[owners[part]] == items[part, None]  # [c, K]
        hit = same.any(1)
        found[part][hit] = same.argmax(1)[hit]
    return found


def by_user(owners: np.ndarray, groups: np.ndarray, counted: np.ndarray, users: int) -> np.ndarray:
    """Return how many held-out items of each group count, for each user: float64 [users, 3].

    Parameters
    ----------
    owners, groups : int [n], the user and the group of each held-out item
    counted : bool [n]
    """
    cells = 3 * owners.astype(np.int64) + groups
    return np.bincount(cells, counted.astype(float), 3 * users).reshape(users, 3)


def columns(gained: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """Return what `shares` needs the means of: float64 [users, 3 + 3 × points].

    Parameters
    ----------
    gained : float [users, points, 3]
    possible : float [users, 3], what ``gained`` is a share of
    """
    return np.concatenate([possible, gained.reshape(len(gained), -1)], axis=1).astype(float)


def resampled(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the means of the columns [users, m], and below them those of 1000 resamples of the users: [1001, m]."""
    means = bootstrap_means(np.asfortranarray(values), seed, block=BLOCK)
    return np.concatenate([values.mean(0)[None], means])


def shares(means: np.ndarray, users: int) -> pd.DataFrame:
    """Return what each point reaches in each group, with 95 % bootstrap intervals over users.

    One row for each point and group that has anyone: point, group, of (the sum of what is possible), share with low
    and high, and change with change_low and change_high: the share divided by that of point 0, minus 1. All points
    share the resamples, so changes are paired. NaN where a resample found nothing to divide by.

    Parameters
    ----------
    means : `resampled` of `columns`
    users : whom the means are of
    """
    groups = 3
    possible = means[0, :groups] * users
    with np.errstate(divide="ignore", invalid="ignore"):
        share = means[:, groups:].reshape(len(means), -1, groups) / means[:, None, :groups]
        change = share / share[:, :1] - 1
    change[~np.isfinite(change)] = np.nan
    change[np.abs(change) < ROUNDING] = 0.0  # equal columns can differ in the last bits of their sums
    low, high = np.percentile(share[1:], [2.5, 97.5], axis=0)
    least, most = np.percentile(change[1:], [2.5, 97.5], axis=0)
    rows = [
        {
            "point": p, "group": g, "of": float(possible[g]), "share": share[0, p, g], "low": low[p, g],
            "high": high[p, g], "change": change[0, p, g], "change_low": least[p, g], "change_high": most[p, g],
        }
        for p in range(share.shape[1]) for g in range(groups) if possible[g] > 0
    ]  # fmt: skip
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame, point: int, names: Sequence[str]) -> str:
    """Return in words which group loses most with a point against point 0, and whether the groups differ clearly.

    Two groups differ clearly where their intervals do not overlap: a cautious rule.
    """
    own = table[(table["point"] == point) & table["change_low"].notna()]
    if own.empty:
        return "too few to say who loses"
    if (own["change_high"] >= 0).all():
        return "no group loses more than chance would explain"
    worst, best = own.sort_values("change").iloc[[0, -1]].to_dict("records")
    least, most = (f"{names[row['group']]} {percent(row)}" for row in (best, worst))
    if worst["change_high"] < best["change_low"]:
        return f"**{names[worst['group']]} loses most: {percent(worst)}**, clearly more than {least}"
    return f"no group clearly loses more than another: from {least} to {most}" if len(own) > 1 else most


def percent(row: dict[str, float]) -> str:
    """Return a change with its interval: ``-12.3 % (-15.0 to -9.8 %)``."""
    if pd.isna(row["change_low"]):
        return "too few to say"
    change, low, high = (100 * row[c] for c in ("change", "change_low", "change_high"))
    return f"{change:+.1f} % ({low:+.1f} to {high:+.1f} %)"


def figure(
    table: pd.DataFrame, points: pd.DataFrame, names: Sequence[str], title: str, relative: bool = False
) -> go.Figure:
    """Return what each point reaches in each group, or how it differs from point 0, with intervals.

    Parameters
    ----------
    table : `shares`
    points : quantizer, query_bits and letter of each point; colour and symbol are its method's, the letter its own
    names : of the groups
    relative : draw the change against point 0 in percent instead of the share
    """
    shown = sorted(table["group"].unique())
    columns = ("change", "change_low", "change_high") if relative else ("share", "low", "high")
    traces: list[dict[str, Any]] = []
    for number, row in enumerate(points.to_dict("records")):
        own = table[(table["point"] == number) & table[columns[0]].notna()].sort_values("group")
        if own.empty or (relative and number == 0):
            continue
        x = [shown.index(g) + (number - (len(points) - 1) / 2) * 0.8 / len(points) for g in own["group"]]
        value, low, high = (own[column].to_numpy(float) * (100 if relative else 1) for column in columns)
        traces += _marks(x, value, low, high, row, [names[g] for g in own["group"]], relative)
    zero = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": 0, "y1": 0, "yref": "y"}
    layout = {
        "showlegend": False,
        "shapes": [{**zero, "line": {"color": GREY, "dash": "dot", "width": 1.5}}] if relative else [],
        "xaxis": {
            "tickvals": list(range(len(shown))), "ticktext": [names[g] for g in shown],
            "range": [-0.5, len(shown) - 0.5],
        },
        "yaxis": {
            "title": {"text": title}, "rangemode": "normal" if relative else "tozero",
            "ticksuffix": " %" if relative else "",
        },
    }  # fmt: skip
    return finished(traces, layout, height=300)


def _marks(
    x: list[float], value: np.ndarray, low: np.ndarray, high: np.ndarray, row: dict[str, object], groups: list[str],
    below: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a point's marks with intervals, and its letter above each, or below so that the line at 0 is free."""
    color, symbol = style(str(row["quantizer"]))
    if row["query_bits"] != FLOAT_BITS:
        symbol = f"{symbol.removesuffix('-open')}-open"
    marks = {
        "type": "scatter", "x": x, "y": value.tolist(), "mode": "markers", "name": str(row["letter"]),
        "error_y": {**intervals(high - value, value - low), "color": color, "thickness": 1.5},
        "marker": {"color": color, "symbol": symbol, "size": 10, "line": {"color": color, "width": 2}},
        "customdata": [list(cell) for cell in zip(groups, low.tolist(), high.tolist(), strict=True)],
        "hovertemplate": "%{fullData.name}, %{customdata[0]}: %{y:.4g} (%{customdata[1]:.4g} to %{customdata[2]:.4g})"
        "<extra></extra>",
    }  # fmt: skip
    end = low if below else high
    letters = {
        "type": "scatter", "x": x, "y": np.where(np.isnan(end), value, end).tolist(), "mode": "text",
        "text": [row["letter"]] * len(x), "textposition": "bottom center" if below else "top center",
        "hoverinfo": "skip",
    }  # fmt: skip
    return [marks, letters]
