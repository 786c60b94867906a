"""The charts of one run and one data set: training, quality by list length, latency samples, popularity. Pure."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.chart_style import AXIS, PALETTE, finished, intervals, logarithmic
from dashboard.labels import number, queries

BLUE, RED, GREEN = PALETTE[0], PALETTE[1], PALETTE[2]
LINE = {"type": "scatter", "mode": "lines"}


def training(history: pd.DataFrame, best_epoch: int | None) -> go.Figure:
    """Return loss (left axis) and validation ndcg@20 (right axis) by epoch; the epoch that was kept is marked."""
    traces: list[dict[str, Any]] = []
    epochs = history["epoch"].tolist()
    if "loss" in history:
        line = {"color": RED, "dash": "dot"}
        traces.append(
            {**LINE, "x": epochs, "y": history["loss"].tolist(), "name": "training loss (left)", "line": line}
        )
    if "valid_ndcg@20" in history:
        traces.append({
            "type": "scatter", "mode": "lines+markers", "x": epochs, "y": history["valid_ndcg@20"].tolist(),
            "name": "validation NDCG@20 (right)", "yaxis": "y2", "line": {"color": BLUE}, "connectgaps": True,
        })  # fmt: skip
    kept = [] if best_epoch is None else [(best_epoch, f"kept: epoch {best_epoch}")]
    right = {
        **AXIS, "title": {**AXIS["title"], "text": "validation NDCG@20"}, "overlaying": "y", "side": "right",
        "showgrid": False, "tickformat": ".4f",
    }  # fmt: skip
    layout = {
        "shapes": [_upright(at, GREEN) for at, _ in kept],
        "annotations": [{"x": at, "yref": "paper", "y": 1, "text": text, "showarrow": False, "yanchor": "bottom"}
                        for at, text in kept],
        "xaxis": {"title": {"text": "epoch"}, "dtick": max(1, round(len(history) / 12))},  # whole epochs only
        "yaxis": {"title": {"text": "loss"}}, "yaxis2": right,
    }  # fmt: skip
    return finished(traces, layout)


def _upright(at: float, color: str) -> dict[str, Any]:
    """Return a dashed line at a value of the horizontal axis."""
    line = {"color": color, "dash": "dash", "width": 1.5}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "y domain", "line": line}


def quality_by_k(rows: pd.DataFrame, metric: str, title: str) -> go.Figure:
    """Return a metric by list length, one line for each query precision, with 95 % intervals."""
    traces: list[dict[str, Any]] = []
    own = rows.loc[rows["metric"] == metric, ["query_bits", "k", "value", "low", "high"]]
    for bits in sorted(own["query_bits"].unique(), reverse=True):
        group = own[own["query_bits"] == bits].sort_values("k")
        place = len(traces) % 3
        bars = intervals(group["high"] - group["value"], group["value"] - group["low"])
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": queries(int(bits)),
            "x": [f"k = {k}" for k in group["k"]], "y": group["value"].tolist(),
            "line": {"color": PALETTE[len(traces) % len(PALETTE)], "dash": ("solid", "dash", "dot")[place]},
            "marker": {"symbol": ("circle", "square", "diamond")[place], "size": 9},
            **({"error_y": {**bars, "thickness": 1.2, "width": 3}} if group["low"].notna().any() else {}),
        })  # fmt: skip
    return finished(traces, {"yaxis": {"title": {"text": title}, "rangemode": "tozero"}})


def latency(samples: pd.DataFrame, percentiles: dict[str, float]) -> go.Figure:
    """Return the histogram of single-query times (µs) with lines at percentiles; the slowest 0.5 % lie outside."""
    times = samples["microseconds"].to_numpy(float)
    end = float(np.quantile(times, 0.995)) if len(times) else 1.0
    bars = {"x": times[times <= end], "nbinsx": 60, "hovertemplate": "%{x} µs: %{y} searches<extra></extra>"}
    inside = [(place, name, value) for place, (name, value) in enumerate(percentiles.items()) if value <= end]
    layout = {
        "showlegend": False, "bargap": 0.03, "shapes": [_upright(value, RED) for _, _, value in inside],
        "annotations": [
            {"x": value, "yref": "paper", "y": 1 - 0.09 * place, "text": f"{name} {number(value)}", "showarrow": False,
             "xanchor": "left", "xshift": 3}
            for place, name, value in inside
        ],
        "xaxis": {"title": {"text": "microseconds for one user (k = 20, one thread)"}},
        "yaxis": {"title": {"text": "searches"}},
    }  # fmt: skip
    return finished([{"type": "histogram", "marker": {"color": BLUE}, **bars}], layout)


def popularity(train_users: np.ndarray) -> go.Figure:
    """Return how many users have each item in training, items sorted from the most popular, both axes logarithmic."""
    counts = np.sort(train_users[train_users > 0])[::-1]
    rank = np.unique(np.geomspace(1, max(1, len(counts)), 200).astype(int))
    line = {**LINE, "x": rank, "y": counts[rank - 1] if len(counts) else [], "line": {"color": BLUE, "width": 3}}
    layout = {
        "xaxis": {"title": {"text": "items, most popular first"}, **logarithmic(pd.Series(rank))},
        "yaxis": {"title": {"text": "users who have the item"}, **logarithmic(pd.Series(counts))},
    }
    return finished([line], layout, height=280)


def history_lengths(lengths: np.ndarray) -> go.Figure:
    """Return how many users have how many training items; the longest 1 % of histories lie outside."""
    end = float(np.quantile(lengths, 0.99)) if len(lengths) else 1.0
    bars = {"type": "histogram", "x": lengths[lengths <= end], "nbinsx": 50, "marker": {"color": GREEN}}
    layout = {
        "bargap": 0.03, "xaxis": {"title": {"text": "training items of a user"}}, "yaxis": {"title": {"text": "users"}},
    }  # fmt: skip
    return finished([bars], layout, height=280)
