"""Whether a folder's runs say what the shipped rows say: quality to the last bit, times as a ratio.

To the last bit on the same machine (processor and cores), that is. Another may make sums in another order, so that
training ends at another model of the same kind; what is kept of float32 can be compared even then.
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
    of p50 here to the shipped one (None without one); "elsewhere": of runs whose shipped rows are of another machine,
    how many there are and how many figures are equal, and how far the shares of recall@20 that they keep lie apart.

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
    other = {i: m for i, m in here.items() if i not in same}
    figures, ratios = _beside(same, there)
    differing = [figure for figure in figures if figure["here"] != figure["shipped"]]
    return {
        "runs": len(same), "compared": len(figures), "equal": len(figures) - len(differing), "differing": differing,
        "latency": statistics.median(ratios) if ratios else None,
        "elsewhere": _elsewhere(other, there, machines),
    }  # fmt: skip


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Return what `compared` found as lines to print: each figure that differs, then how many are equal."""
    lines = [
        f"{row['run_id']} {row['metric']}@{row['k']}: shipped {row['shipped']!r}, here {row['here']!r}"
        for row in found["differing"]
    ]
    if found["runs"]:
        ratio = found["latency"]
        times = "" if ratio is None else f"; p50 here is {ratio:.2f} times the shipped one (median)"
        lines.append(_equal(found) + times)
    other = found["elsewhere"]
    if other["runs"]:
        lines.append(f"measured on another machine ({'; '.join(other['on'])}): {_equal(other)}")
    if kept := other["kept"]:
        shares = f"{kept['median']:.2%} (median), {kept['most']:.2%} at most"
        lines.append(f"what these keep of float32's recall@20 differs by {shares}")
    return lines


def _equal(found: Mapping[str, Any]) -> str:
    runs = f"{found['runs']:,} run{'s' * (found['runs'] != 1)}"
    return f"{found['equal']:,} of {found['compared']:,} quality figures of {runs} are equal"


def _beside(
    here: Mapping[str, Mapping[str, Any]], there: Mapping[str, Figures]
) -> tuple[list[dict[str, Any]], list[float]]:
    """Return each quality figure of the runs beside the shipped one, and the ratios of p50 here to the shipped one."""
    figures, ratios = [], []
    for run_id, manifest in here.items():
        for (metric, bits, k), value in _figures(manifest["measurements"]).items():
            shipped = there[run_id].get((metric, bits, k))
            if shipped is None:
                continue
            if metric == P50:
                ratios.append(value / shipped)
            else:
                figures.append({
                    "run_id": run_id, "metric": metric, "query_bits": bits, "k": k, "shipped": shipped, "here": value,
                })  # fmt: skip
    return figures, ratios


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
    """Return the runs and equal figures, the shipped rows' machines, and how far apart what is kept lies."""
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
    figures, _ = _beside(here, there)
    return {
        "runs": len(here), "on": sorted({machines[run_id] for run_id in here}), "kept": kept, "compared": len(figures),
        "equal": sum(figure["here"] == figure["shipped"] for figure in figures),
    }  # fmt: skip
