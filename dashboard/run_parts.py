"""The parts of a finished run's page: headline, quality, speed and memory, training, and where it all comes from."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, labels, ruler, run_charts
from dashboard.widgets import plain
from engine.spec import DRIFT_LIMIT, KS

PERCENTILES = {"p50": "latency_p50_us", "p95": "latency_p95_us", "p99": "latency_p99_us"}


def value(rows: pd.DataFrame, metric: str, k: int | None = None, bits: int | None = None) -> float | None:
    """Return a measured value on one thread, or None where it was not measured."""
    found = rows[rows["metric"] == metric]
    if k is not None:
        found = found[found["k"] == k]
    if bits is not None and found["query_bits"].notna().any():
        found = found[found["query_bits"] == bits]
    return None if found.empty else float(found.iloc[0]["value"])


def precisions(rows: pd.DataFrame) -> list[int]:
    """Return the query precisions that were measured, float32 first."""
    return sorted(rows["query_bits"].dropna().astype(int).unique().tolist(), reverse=True)


def headline(rows: pd.DataFrame) -> None:
    """Show the five figures that matter most, those of searches at the highest precision of the users."""
    bits = precisions(rows)[0] if precisions(rows) else None
    index, compression = value(rows, "index_bytes"), value(rows, "compression")
    figures = [
        ("Recall@20", labels.share(value(rows, "recall", 20, bits)), labels.QUALITY["recall"].help),
        ("Overlap@20", labels.share(value(rows, "overlap", 20, bits)), labels.QUALITY["overlap"].help),
        ("Latency, median", _us(value(rows, "latency_p50_us", None, bits)), labels.COSTS["latency_p50_us"].help),
        ("Bytes per item", labels.number(value(rows, "bytes_per_item")), labels.COSTS["bytes_per_item"].help),
        ("Index", "not measured" if index is None else labels.amount(index), labels.COSTS["index_bytes"].help),
    ]
    with st.container(horizontal=True):
        for title, text, help in figures:
            st.metric(title, text, help=help, width=170)
    smaller = (
        f" The index is {compression:.3g} times smaller than float32." if compression and compression > 1.005 else ""
    )
    st.caption((f"Figures for {labels.queries(bits)}." if bits else "") + smaller)


def _us(microseconds: float | None) -> str:
    return labels.number(microseconds) + ("" if microseconds is None else " µs")


def quality(rows: pd.DataFrame) -> None:
    """Show recall, NDCG, overlap and ties by list length, with their intervals."""
    left, right = st.columns(2)
    for column, metric in ((left, "recall"), (right, "ndcg")):
        title = labels.QUALITY[metric].title
        with column:
            figure = run_charts.quality_by_k(rows, metric, title)
            ruler.chart(figure, f"by_k_{metric}", f"{title} by list length", rows["run_id"].iloc[0], halves=True)
    of_k = rows.loc[rows["k"].notna(), ["metric", "k", "query_bits", "value", "low", "high"]].to_dict("records")
    told = {(row["metric"], row["k"], row["query_bits"]): row for row in of_k[::-1]}  # the first one counts
    table = []
    names = {"recall": "Recall", "ndcg": "NDCG", "overlap": "Overlap with float32", "tied": "Tied places"}
    for bits in precisions(rows):
        for metric, title in names.items():
            cells = {f"k = {k}": _with_interval(told.get((metric, k, bits))) for k in KS}
            if any(cells.values()):
                table.append({"Metric": title, "Users searched at": labels.queries(bits), **cells})
    st.table(pd.DataFrame(table), hide_index=True)  # the other kind loads half a megabyte of script first
    users = value(rows, "users")
    st.caption(
        ("" if users is None else f"Means over {users:,.0f} users with held-out items. ")
        + "In brackets: 95 % bootstrap interval over users. Tied places: share of the top k whose score equals a "
        "neighbour's, so that only the fixed tie rule decides their order."
    )


def _with_interval(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['value']:.4f}" + ("" if pd.isna(row["low"]) else f" ({row['low']:.4f}–{row['high']:.4f})")


def speed(run_id: str, rows: pd.DataFrame) -> None:
    """Show latency for each query precision with its raw samples, throughput, memory and building times."""
    samples = data.latency_samples(run_id)
    for bits in precisions(rows):
        found = {name: value(rows, metric, None, bits) for name, metric in PERCENTILES.items()}
        if all(v is None for v in found.values()):
            continue
        st.markdown(f"**{labels.queries(bits).capitalize()}**")
        figures = [(f"Latency {name}", _us(v)) for name, v in found.items()]
        if (cold := value(rows, "latency_cold_p50_us", None, bits)) is not None:
            figures.append(("Latency p50, cold", _us(cold)))
        throughput = value(rows, "throughput_qps", None, bits)
        figures.append(("Users a second", "not measured" if throughput is None else f"{throughput:,.0f}"))
        with st.container(horizontal=True):
            for title, text in figures:
                st.metric(title, text, width=170)
        single = (
            samples[(samples["query_bits"] == bits) & (samples["batch"] == 1) & (samples["threads"] == 1)]
            if len(samples)
            else samples
        )
        single = single[~single["cold"]] if "cold" in single else single
        if len(single):
            measured = {name: v for name, v in found.items() if v is not None}
            figure = run_charts.latency(single, measured)
            ruler.chart(figure, f"latency_{bits}", "Histogram of raw search times", run_id)
            st.caption(
                f"{len(single):,} timed searches; the slowest 0.5 % are outside the chart but in the percentiles."
            )
        _doubt(value(rows, "calibration_drift", None, bits))
    st.markdown("**Memory and building**")
    _facts([
        ("Index, resident", value(rows, "index_bytes"), labels.amount),
        ("Bytes per item", value(rows, "bytes_per_item"), labels.number),
        ("Smaller than float32", value(rows, "compression"), lambda v: f"{v:.3g} ×"),
        ("One user's vector as searched", value(rows, "query_bytes"), labels.amount),
        ("Tuning the quantizer", value(rows, "tune_s"), labels.duration),
        ("Quantizing", value(rows, "quantize_s"), labels.duration),
        ("Building the index", value(rows, "build_s"), labels.duration),
    ])  # fmt: skip


def _doubt(drift: float | None) -> None:
    """Warn where the machine did not keep its pace while it measured."""
    if drift is not None and drift > DRIFT_LIMIT:
        st.warning(
            f"These times are in doubt: while they were taken, the machine was up to {drift:.0f} % slower than at its "
            f"best (at most {DRIFT_LIMIT:.0f} % is expected). Something else was at work; measure again when it is "
            "quiet.",
            icon=":material/warning:",
        )


def training(run_id: str, meta: dict[str, Any], timings: dict[str, Any], tuning: dict[str, Any] | None = None) -> None:
    """Show the training curve of the float32 model under this run and, where there is one, its quantizer's tuning."""
    if tuning:
        st.markdown("**The quantizer**")
        words = "Trained from the float32 model on, with its codes in the loop; validation scores the codes themselves."
        _curve(run_id, tuning, "tuning", words)
        _facts(_effort("Tuning", tuning, timings.get("tune_s", tuning.get("train_s"))))
        st.markdown("**The float32 model**")
    words = (
        "The float32 model under this run; runs with equal training settings share it. Validation uses a few training "
        "items kept aside, never the test items."
    )
    _curve(run_id, meta, "training", words)
    _facts(_effort("Training", meta, meta.get("train_s", timings.get("train_s"))))


def _curve(run_id: str, record: dict[str, Any], what: str, words: str) -> None:
    history = pd.DataFrame(record.get("history") or [])
    if history.empty:
        st.info(
            f"This run has no {what} curve: nothing was trained, or what it used is gone from the cache.",
            icon=":material/info:",
        )
        return
    figure = run_charts.training(history, record.get("best_epoch"))
    alt = f"{what.capitalize()} loss and validation NDCG by epoch"
    ruler.chart(figure, what, alt, run_id)
    st.caption(words)


def _effort(title: str, record: dict[str, Any], seconds: float | None) -> list[tuple[str, Any, Any]]:
    history = record.get("history") or []  # of a tuning, the first entry is epoch 0: before any step
    return [
        (title, seconds, labels.duration),
        ("Epochs run", history[-1]["epoch"] if history else record.get("epochs"), labels.number),
        ("Epoch kept", record.get("best_epoch"), labels.number),
    ]


def origin(manifest: dict[str, Any]) -> None:
    """Show the split, the machine and the files."""
    split, machine = manifest.get("split", {}), manifest.get("machine", {})
    left, right = st.columns(2)
    with left:
        st.markdown("**Data**")
        words = {
            "users": "Users",
            "items": "Items",
            "train": "Training interactions",
            "valid": "Validation interactions",
            "test": "Test interactions",
            "users_with_test": "Users with test items",
        }
        _facts([(title, split.get(key), lambda v: f"{v:,}") for key, title in words.items()])
        if split.get("rule"):
            st.caption(plain(f"Split: {split['rule']}"))
        for note in split.get("notes", []):
            st.caption(f":material/info: {plain(note)}")
    with right:
        st.markdown("**Machine and versions**")
        shown = {key: text for key, text in machine.items() if not isinstance(text, dict | list)}
        _facts([(labels.MACHINE.get(key, key.replace("_", " ")), text, str) for key, text in shown.items()])
    st.markdown("**Files**")
    files = [
        {"File": name, "Size": labels.amount(entry["bytes"]), "SHA-256": entry["sha256"]}
        for name, entry in manifest.get("files", {}).items()
    ]
    st.dataframe(pd.DataFrame(files), hide_index=True)
    st.caption(f"In {data.folder(manifest['run_id']).path}" if "run_id" in manifest else "")


def _facts(facts: list[tuple[str, Any, Any]]) -> None:
    """A small table of names and values; what is not known is left out."""
    rows = [{"": title, "Value": write(v)} for title, v, write in facts if v is not None and v != ""]
    st.table(pd.DataFrame(rows).set_index("")) if rows else st.caption("Nothing was recorded.")
