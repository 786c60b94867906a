"""Two to six points side by side, without streamlit: which ones an address names, their settings, what differs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard import frontiers, labels, point_words
from dashboard.labels import COSTS
from engine.spec import RULED, RunSpec

Key = tuple[str, int]
"""A point: its run and the bits at which users are searched."""
DOUBT = "≈"
"""Before a time that was taken while the machine did not keep its pace, and before ratios of it."""
LETTERS = "ABCDEF"
"""What the points are called in tables and charts; the first is the base."""
MOST = len(LETTERS)
ABSENT = "–"
"""A setting that a point does not have: the option of another method."""
RULE = "by rule"
"""A training setting that was left to the data's size and density."""
SUGGESTED = ("bytes_per_item", "recall@20")
MODEL = {"encoder": "Encoder", "dim": "Dimensions", "layers": "Layers", "loss": "Loss", "seed": "Seed"}
"""How the main fields of a model are called; the others by `labels.option_title`."""


def parse(text: str) -> tuple[list[Key], list[str]]:
    """Return the points that ``run_id:bits,run_id:bits`` names, none twice, and the parts that name none."""
    keys, odd = [], []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        run_id, _, bits = part.rpartition(":")
        if run_id and bits.isascii() and bits.isdecimal() and len(bits) < 4:
            keys.append((run_id, int(bits)))
        else:
            odd.append(part)
    return list(dict.fromkeys(keys)), odd


def written(keys: Sequence[Key]) -> str:
    """Return the points as an address has them; see `parse`."""
    return ",".join(f"{run_id}:{bits}" for run_id, bits in keys)


def suggested(points: pd.DataFrame) -> list[Key]:
    """Return a comparison worth a look: the float32 run of the newest data set, and what lies on the frontier below.

    All have one checkpoint, so that quantizing alone is compared. Empty where there are not two such points.

    Parameters
    ----------
    points : with "checkpoint"
    """
    if points.empty or any(column not in points for column in SUGGESTED):
        return []
    table = points.sort_values("finished", ascending=False)
    floats = table[(table["quantizer"] == "float32") & table["checkpoint"].notna()]
    if floats.empty:
        return []
    base = floats.iloc[0]
    own = table[(table["checkpoint"] == base["checkpoint"]) & (table["dataset"] == base["dataset"])]
    best = frontiers.judged(own, *SUGGESTED).query("frontier and quantizer != 'float32'")
    best = best.drop_duplicates(SUGGESTED[0]).sort_values(SUGGESTED[0], ascending=False)
    step = max(1, -(-len(best) // (MOST - 1)))
    chosen = [base, *(row for _, row in best.iloc[::-step].iloc[::-1].iterrows())]
    return [(str(row["run_id"]), int(row["query_bits"])) for row in chosen] if len(chosen) > 1 else []


def short_names(rows: Sequence[Mapping[str, Any]], defaults: labels.Defaults | None = None) -> list[str]:
    """Return ``A float32``, ``B uniform 4 bit``: what heads a column; options are told where they tell two apart."""
    methods = point_words.short_names([labels.method(row, defaults) for row in rows])
    return [f"{letter} {name}" for letter, name in zip(LETTERS, methods, strict=False)]


def settings(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a point's settings as words, from its run's specification and what the catalog says of the point.

    Parameters
    ----------
    row : of the catalog's points, with "spec" (JSON) of its run
    """
    spec = RunSpec.model_validate_json(row["spec"]).model_dump(mode="json")  # with what older runs left at its default
    model = spec["model"]
    found = {"Data set": spec["dataset"], "Split seed": str(spec.get("split_seed", 0))}
    found |= {MODEL.get(k, labels.option_title(k)): _word(v) if v or k not in RULED else RULE for k, v in model.items()}
    found |= {"Quantizer": labels.name(spec["quantizer"]), "Bits of the items": str(spec["bits"])}
    found |= {f"Option: {labels.option_title(key).lower()}": _word(v) for key, v in spec.get("options", {}).items()}
    found["Users searched at"] = labels.queries(row["query_bits"])
    found |= {"Index": str(row["index"]), "Measured on": str(row.get("hardware") or "unknown")}
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return labels.name(value) if isinstance(value, str) else f"{value:g}"


def table(columns: Sequence[Mapping[str, str]], heads: Sequence[str]) -> pd.DataFrame:
    """Return dicts side by side: what one lacks is "–"; rows are in the order in which they come up."""
    order = list(dict.fromkeys(name for column in columns for name in column))
    order.sort(key=lambda name: LAST.get(name, 0))
    content = {head: [column.get(n, ABSENT) for n in order] for head, column in zip(heads, columns, strict=True)}
    return pd.DataFrame(content, index=pd.Index(order, name=""))


LAST = {"Users searched at": 1, "Index": 2, "Measured on": 3}
"""What stands beneath the options of all methods."""


def differs(found: pd.DataFrame) -> pd.Series:
    """Return for each row whether a point has another value than the base, which is the first column."""
    return found.ne(found.iloc[:, 0], axis=0).any(axis=1)


def change(mean: float, low: float, high: float, every: str = "user") -> str:
    """Return a difference with its interval in words: ``-0.0012 (-0.0018 to -0.0006)``; ``every``: what it is over."""
    if mean == low == high == 0:
        return f"the same for every {every}"
    apart = "" if low > 0 or high < 0 else ", can't be told apart"
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f}){apart}"


def quality(row: Mapping[str, Any], column: str) -> str:
    """Return a quality with the 95 % interval of its mean: ``0.1823 (0.1801 to 0.1845)``."""
    low, high = row.get(f"{column}_low"), row.get(f"{column}_high")
    value = labels.share(row.get(column))
    return value if pd.isna(low) or pd.isna(high) else f"{value} ({low:.4f} to {high:.4f})"


def costs(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return cost → each point's value and how many times the base's it is; of other machines no ratio of times. What
    is in doubt has `DOUBT` before it.
    """
    found = {}
    for axis in COSTS.values():
        values = [row.get(axis.column) for row in rows]
        if all(value is None or pd.isna(value) for value in values):
            continue
        machines = [row.get("hardware") if axis.timed else None for row in rows]
        doubts = [axis.timed and bool(point_words.doubt(row.get("calibration_drift"))) for row in rows]
        found[axis.title] = [
            _cost(value, values[0], axis, machine == machines[0], place == 0, (doubt, doubts[0]))
            for place, (value, machine, doubt) in enumerate(zip(values, machines, doubts, strict=True))
        ]
    return found


def _cost(value: Any, base: Any, axis: labels.Axis, comparable: bool, first: bool, doubts: tuple[bool, bool]) -> str:
    """Return a cost and how many times the base's it is.

    Parameters
    ----------
    doubts : whether its own time is in doubt, and the base's
    """
    if value is None or pd.isna(value):
        return "not measured"
    words = DOUBT * doubts[0] + labels.number(value * axis.scale)
    if first or base is None or pd.isna(base) or not base:
        return words
    if not comparable:
        return f"{words} (another machine)"
    return f"{words} ({DOUBT * any(doubts)}{labels.number(value / base, 2)} ×)"
