"""Whether a folder's runs say what the shipped rows say: quality to the last bit, times as a ratio.

To the last bit on the same machine (processor and cores), that is. On another, sums are made in another order,
training ends at another model of the same kind, and only what is kept of float32 can be compared.
"""

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError
from engine.spec import FLOAT_BITS
from engine.store import reference
from engine.store.folders import RunFolder

QUALITY = ("recall", "ndcg", "overlap")
P50 = "latency_p50_us"
Figures = Mapping[tuple[str, int, int], float]
"""(Metric, query bits, k) → value."""


def compared(folders: Iterable[RunFolder], shipped: Path) -> dict[str, Any]:
    """Return how many quality figures were compared and how many are equal, those that differ, and the median ratio
    of p50 here to the shipped one (None without one); "elsewhere": how many runs' shipped rows are of another
    machine, and how far the shares of recall@20 that they keep lie apart.

    Raises
    ------
    FewbitsError
        No rows are shipped, or none of the runs is among them.
    """
    there, machines = _shipped(shipped)
    here = {f.run_id: f.manifest() or {} for f in folders if f.run_id in there}
    if not here:
        raise FewbitsError(f"none of these runs is among those of {shipped}: `python -m engine study reference` first")
    same = {i: m for i, m in here.items() if m.get("machine", {}).get("hardware") == machines[i]}
    equal, differing, ratios = 0, [], []
    for run_id, manifest in same.items():
        for (metric, bits, k), value in _figures(manifest["measurements"]).items():
            other = there[run_id].get((metric, bits, k))
            if other is None:
                continue
            if metric == P50:
                ratios.append(value / other)
            elif value == other:
                equal += 1
            else:
                differing.append({
                    "run_id": run_id, "metric": metric, "query_bits": bits, "k": k, "shipped": other, "here": value,
                })  # fmt: skip
    return {
        "runs": len(same), "compared": equal + len(differing), "equal": equal, "differing": differing,
        "latency": statistics.median(ratios) if ratios else None,
        "elsewhere": _elsewhere({i: m for i, m in here.items() if i not in same}, there, machines),
    }  # fmt: skip


def _shipped(path: Path) -> tuple[dict[str, Figures], dict[str, str]]:
    """Return run id → its shipped figures, and run id → the machine that they were measured on."""
    found: dict[str, dict[tuple[str, int, int], float]] = {}
    rows = reference.rows(path)
    for r in rows[rows["metric"].isin([*QUALITY, P50])].itertuples():
        found.setdefault(r.run_id, {})[r.metric, r.query_bits, r.k] = r.value
    return dict(found), dict(zip(rows["run_id"], rows["hardware"], strict=True))


def _figures(measurements: Iterable[Mapping[str, Any]]) -> Figures:
    return {(r["metric"], r["query_bits"], r["k"]): r["value"] for r in measurements if r["metric"] in (*QUALITY, P50)}


def _elsewhere(
    here: Mapping[str, Mapping[str, Any]], there: Mapping[str, Figures], machines: Mapping[str, str]
) -> dict[str, Any]:
    """Return how many runs there are, the machines of their shipped rows, and how far apart what is kept lies."""
    exact = {
        (m["spec"]["dataset"], m["checkpoint"]): run_id
        for run_id, m in here.items() if m["spec"]["quantizer"] == "float32"
    }  # fmt: skip
    key, apart = ("recall", FLOAT_BITS, 20), []
    for run_id, manifest in here.items():
        beside = exact.get((manifest["spec"]["dataset"], manifest["checkpoint"]), run_id)
        ours, theirs = _figures(here[beside]["measurements"]).get(key), there[beside].get(key)
        if beside == run_id or not ours or not theirs:
            continue
        for (metric, bits, k), value in _figures(manifest["measurements"]).items():
            shipped = there[run_id].get((metric, bits, k))
            if (metric, k) == ("recall", 20) and shipped is not None:
                apart.append(abs(value / ours - shipped / theirs))
    kept = {"median": statistics.median(apart), "most": max(apart)} if apart else None
    return {"runs": len(here), "on": sorted({machines[run_id] for run_id in here}), "kept": kept}
