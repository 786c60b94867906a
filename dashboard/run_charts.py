"""The charts of one run and one data set: training, quality by list length, latency samples, popularity. Pure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.chart_style import PALETTE, framed, logarithmic
from dashboard.labels import queries

BLUE, RED, GREEN = PALETTE[0], PALETTE[1], PALETTE[2]


def training(history: pd.DataFrame, best_epoch: int | None) -> go.Figure:
    """Return loss (left axis) and validation ndcg@20 (right axis) by epoch; the epoch that was kept is marked."""
    figure = go.Figure()
    if "loss" in history:
        figure.add_scatter(
            x=history["epoch"], y=history["loss"], name="training loss (left)", line={"color": RED, "dash": "dot"}
        )
    if "valid_ndcg@20" in history:
        figure.add_scatter(
            x=history["epoch"], y=history["valid_ndcg@20"], name="validation NDCG@20 (right)", yaxis="y2",
            mode="lines+markers", line={"color": BLUE}, connectgaps=True,
        )  # fmt: skip
    if best_epoch is not None:
        figure.add_vline(best_epoch, line={"color": GREEN, "dash": "dash", "width": 1.5})
        figure.add_annotation(
            x=best_epoch, yref="paper", y=1, text=f"kept: epoch {best_epoch}", showarrow=False, yanchor="bottom"
        )
    right = {"title": "validation NDCG@20", "overlaying": "y", "side": "right", "showgrid": False, "tickformat": ".4f"}
    step = max(1, round(len(history) / 12))  # whole epochs only
    figure.update_layout(yaxis={"title": "loss"}, yaxis2=right, xaxis={"title": "epoch", "dtick": step})
    return framed(figure)


def quality_by_k(rows: pd.DataFrame, metric: str, title: str) -> go.Figure:
    """Return a metric by list length, one line for each query precision, with 95 % intervals."""
    figure = go.Figure()
    for place, (bits, group) in enumerate(
        rows[rows["metric"] == metric].sort_values("query_bits", ascending=False).groupby("query_bits", sort=False)
    ):
        group = group.sort_values("k")
        error = {
            "type": "data", "symmetric": False, "array": group["high"] - group["value"],
            "arrayminus": group["value"] - group["low"], "thickness": 1.2, "width": 3,
        }  # fmt: skip
        figure.add_scatter(
            x=[f"k = {k}" for k in group["k"]], y=group["value"], name=queries(int(bits)), mode="lines+markers",
            error_y=error if group["low"].notna().any() else None,
            line={"color": PALETTE[place % len(PALETTE)], "dash": ("solid", "dash", "dot")[place % 3]},
            marker={"symbol": ("circle", "square", "diamond")[place % 3], "size": 9},
        )  # fmt: skip
    figure.update_yaxes(title=title, rangemode="tozero")
    return framed(figure)


def latency(samples: pd.DataFrame, percentiles: dict[str, float]) -> go.Figure:
    """Return the histogram of single-query times (µs) with lines at percentiles; the slowest 0.5 % lie outside."""
    times = samples["microseconds"].to_numpy(float)
    end = float(np.quantile(times, 0.995)) if len(times) else 1.0
    figure = go.Figure()
    figure.add_histogram(
        x=times[times <= end], nbinsx=60, marker={"color": BLUE}, hovertemplate="%{x} µs: %{y} searches<extra></extra>"
    )
    for place, (name, value) in enumerate(percentiles.items()):
        if value <= end:
            figure.add_vline(value, line={"color": RED, "dash": "dash", "width": 1.5})
            figure.add_annotation(
                x=value,
                yref="paper",
                y=1 - 0.09 * place,
                text=f"{name} {value:,.4g}",
                showarrow=False,
                xanchor="left",
                xshift=3,
            )
    figure.update_layout(showlegend=False, bargap=0.03)
    figure.update_xaxes(title="microseconds for one user (k = 20, one thread)")
    figure.update_yaxes(title="searches")
    return framed(figure)


def popularity(train_users: np.ndarray) -> go.Figure:
    """Return how many users have each item in training, items sorted from the most popular, both axes logarithmic."""
    counts = np.sort(train_users[train_users > 0])[::-1]
    rank = np.unique(np.geomspace(1, max(1, len(counts)), 200).astype(int))
    figure = go.Figure(
        go.Scatter(x=rank, y=counts[rank - 1] if len(counts) else [], mode="lines", line={"color": BLUE, "width": 3})
    )
    figure.update_xaxes(title="items, most popular first", **logarithmic(pd.Series(rank)))
    figure.update_yaxes(title="users who have the item", **logarithmic(pd.Series(counts)))
    return framed(figure, height=280)


def history_lengths(lengths: np.ndarray) -> go.Figure:
    """Return how many users have how many training items; the longest 1 % of histories lie outside."""
    end = float(np.quantile(lengths, 0.99)) if len(lengths) else 1.0
    figure = go.Figure(go.Histogram(x=lengths[lengths <= end], nbinsx=50, marker={"color": GREEN}))
    figure.update_layout(bargap=0.03)
    figure.update_xaxes(title="training items of a user")
    figure.update_yaxes(title="users")
    return framed(figure, height=280)
