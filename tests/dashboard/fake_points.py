"""Points to draw, and what can be read off the figure that is made of them."""

import pandas as pd

from dashboard import charts
from dashboard.labels import COSTS, axis

BYTES, RECALL = COSTS["bytes_per_item"], axis("recall", 20)


def points(**columns: object) -> pd.DataFrame:
    """Three points: float32 at 256 bytes, 4 bits nearly as good at 34, and a bad one at 40 that 4 bits dominate."""
    table = {
        "run_id": ["r-float", "r-four", "r-bad"],
        "dataset": "demo",
        "quantizer": ["float32", "uniform", "sign"],
        "method": ["float32", "uniform 4 bit, scale row", "sign 1 bit, no scale"],
        "queries": ["float32", "float32", "own"],
        "query_bits": [32, 32, 1],
        "bytes_per_item": [256.0, 34.0, 40.0],
        "index_bytes": [25_600_000.0, 3_400_000.0, 4_000_000.0],
        "recall@20": [0.20, 0.19, 0.10],
        "recall@20_low": [0.19, 0.17, 0.09],
        "recall@20_high": [0.22, 0.20, 0.12],
        "frontier": [True, True, False],
        "encoder": "lightgcn", "dim": 64, "layers": 2, "loss": "softmax", "settings": "{}", "seed": 0,
        "hardware": "Fake CPU",
    }  # fmt: skip
    return pd.DataFrame(table | columns)


def drawn(table: pd.DataFrame, x=BYTES, y=RECALL, log_x=True, log_y=False, references=()):
    lines = [charts.Reference(*r) for r in references]
    return charts.tradeoffs(table, x, y, log_x=log_x, log_y=log_y, references=lines)


def markers(figure):
    return {t.customdata[0][0]: t for t in figure.data if t.customdata is not None}


def places(figure):
    """The names of the frontier's points and, without a text, where each ends: (text, x, y, the trace of all)."""
    named = [trace for trace in figure.data if trace.mode == "markers+text"]
    return [(*place, t) for t in named for place in zip(t.text, t.x, t.y, strict=True)]


def names(figure):
    """The names of the frontier's points: name → the trace of all and where it stands."""
    return {text: (trace, x, y) for text, x, y, trace in places(figure) if text}
