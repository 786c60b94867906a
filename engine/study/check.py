"""Whether a folder's runs say what the shipped rows say: quality to the last bit, times as a ratio."""

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError
from engine.store import reference
from engine.store.folders import RunFolder

QUALITY = ("recall", "ndcg", "overlap")


def compared(folders: Iterable[RunFolder], shipped: Path) -> dict[str, Any]:
    """Return how many quality figures were compared and how many are equal, those that differ, and the median ratio
    of p50 here to the shipped one (None where no run is in both).

    Raises
    ------
    FewbitsError
        No rows are shipped, or none of the runs is among them.
    """
    rows = reference.rows(shipped)
    known = {
        (r.run_id, r.metric, r.query_bits, r.k): r.value
        for r in rows[rows["metric"].isin([*QUALITY, "latency_p50_us"])].itertuples()
    }
    ids, runs, equal, differing, ratios = {key[0] for key in known}, 0, 0, [], []
    for folder in folders:
        if folder.run_id not in ids:
            continue
        runs += 1
        for row in (folder.manifest() or {})["measurements"]:
            there = known.get((folder.run_id, row["metric"], row["query_bits"], row["k"]))
            if there is None:
                continue
            if row["metric"] == "latency_p50_us":
                ratios.append(row["value"] / there)
            elif row["value"] == there:
                equal += 1
            else:
                differing.append({
                    "run_id": folder.run_id, "metric": row["metric"], "query_bits": row["query_bits"], "k": row["k"],
                    "shipped": there, "here": row["value"],
                })  # fmt: skip
    if not runs:
        raise FewbitsError(f"none of these runs is among those of {shipped}: `python -m engine study reference` first")
    return {
        "runs": runs, "compared": equal + len(differing), "equal": equal, "differing": differing,
        "latency": statistics.median(ratios) if ratios else None,
    }  # fmt: skip
