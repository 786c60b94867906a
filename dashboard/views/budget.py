"""Budget: say what the service must reach, and get the one configuration to ship, why, and what else comes close."""

import pandas as pd
import streamlit as st

from dashboard import (
    budget,
    commands,
    data,
    first_steps,
    labels,
    plan,
    point_words,
    results,
    shipped,
    shipped_parts,
    size_parts,
    sizes,
)
from dashboard import budget_words as words
from dashboard.budget import PREFERENCES, Budget
from dashboard.decision import Decision, decide, points
from dashboard.labels import COSTS, QUALITY
from dashboard.widgets import LINK, NEW_RUN_PAGE, open_queue, open_run, plain, sentence
from engine.data import registry
from engine.errors import FewbitsError

TIMES = ("latency_p50_us", "latency_p95_us", "latency_p99_us")
MB = 1e6


def render() -> None:
    """Draw the page."""
    st.title("Budget", anchor=False)
    newcomer = data.points().empty
    if newcomer:
        first_steps.show("which one configuration to ship under your limits of quality, memory and search time")
    reference = shipped_parts.instead(newcomer)
    if newcomer and not reference:
        return
    st.markdown("What must your service reach? Leave empty what does not matter.")
    dataset, tested, hardware, items, asked, prefer = _controls(points(reference), reference)
    name = f"{data.snapshot()} {shipped.version()}"
    found = decide(str(data.root()), name, reference, dataset, tested, hardware, items, asked, prefer)
    if items is not None:
        own = results.described()
        own = own[(own["dataset"] == dataset) & (own["tested"] == tested)]
        lacking = sizes.lacking(own, data.scaled_points(), items)
        measured = len({run_id for ids in found.table["run_ids"] for run_id in ids})
        size_parts.missing(lacking, measured, items)
    if found.table.empty:
        st.info("Nothing is measured for these choices yet.", icon=":material/info:")
    elif found.best is None:
        _nothing(found, asked, dataset, reference)
    else:
        _recommended(found, asked, prefer, reference)
        _others(found, asked)
    if len(found.table):
        _all(found, asked)


def _controls(points: pd.DataFrame, reference: bool) -> tuple[str, str, str | None, int | None, Budget, str]:
    """Draw the controls; return data set, split, machine, catalogue size, budget and preference."""
    known = shipped.datasets(points.assign(source="reference" if reference else "own"))
    scaled = data.scaled_points()
    a, b, c, d = st.columns([3, 2, 2, 3], vertical_alignment="bottom")
    dataset = a.selectbox("Data set", known, key="b_data", **LINK)
    kind = b.selectbox("Quality", list(QUALITY)[:2], format_func=lambda q: QUALITY[q].title, key="b_quality", **LINK)
    own = points[points["dataset"] == dataset]
    lengths = results.lengths(own)
    usual = lengths.index(20) if 20 in lengths else len(lengths) - 1
    k = c.selectbox("List length k", lengths, index=usual, key="b_k", help="How many items are recommended.", **LINK)
    with d:
        items = None if reference else size_parts.choose(scaled, key="b_items", **LINK)
    splits = sorted(own["tested"].unique())
    tested = splits[0]
    if len(splits) > 1:
        told = "Runs of different splits have different test items, so one counts at a time."
        tested = st.selectbox("Tested on", splits, key="b_split", help=told, **LINK)
    own = own[own["tested"] == tested]
    own = own if items is None else sizes.at(own, scaled, items)
    machines = list(own["hardware"].value_counts().index)
    hardware = machines[0] if machines else None
    if len(machines) > 1:
        told = "Times of different machines cannot be compared, so one counts at a time."
        told += " Quality counts from all." * reference
        hardware = st.selectbox(
            "Times measured on" if reference else "Measured on", machines, key="b_hardware", help=told, **LINK
        )
    a, b, c, d = st.columns([3, 2, 2, 3], vertical_alignment="bottom")
    keep = a.number_input(
        f"Keep at least (% of float32's {kind}@{k})", 0.0, 120.0, 98.0, 0.5, key="b_keep", placeholder="any",
        help="100 means lists as good as those of the full-precision model with the same training.", **LINK,
    )  # fmt: skip
    column = b.selectbox(
        "Search time counted", TIMES, index=2, format_func=lambda x: COSTS[x].title.removeprefix("Latency, "),
        key="b_latency", help="One query on one thread, k = 20, what the user has seen left out.", **LINK,
    )  # fmt: skip
    micros = c.number_input("At most (µs)", 0.1, value=None, step=10.0, key="b_us", placeholder="any", **LINK)
    memory = d.number_input(
        "Index memory at most (MB)", 0.001, value=None, step=1.0, key="b_mb", format="%.3f", placeholder="any",
        help="All that a search needs: codes, scales, codebooks. 1 MB = 1,000,000 bytes.", **LINK,
    )  # fmt: skip
    prefer = st.segmented_control(
        "Of those that meet this, prefer", list(PREFERENCES), default="quality", format_func=PREFERENCES.__getitem__,
        key="b_prefer", required=True, **LINK,
        help="“Best lists” takes the smallest of all configurations whose lists can't be told apart from the best.",
    )  # fmt: skip
    asked = Budget(
        f"{kind}@{k}", None if keep is None else keep / 100, column, micros, None if memory is None else memory * MB
    )
    return dataset, tested, hardware, items, asked, prefer or "quality"


def _recommended(found: Decision, asked: Budget, prefer: str, reference: bool) -> None:
    """Show the one to ship, what it reaches, and why it."""
    row = found.table.loc[found.best]
    with st.container(border=True):
        st.subheader(f":material/verified: Ship {plain(words.name(row))}", anchor=False)
        st.caption(plain(labels.model(row)))
        a, b, c = st.columns(3)
        limits = asked.limits()
        a.metric(f"Keeps of float32's {asked.quality}", words.percent(row["kept"]), words.room(row, "kept", limits),
                 delta_color="off", delta_arrow="off")  # fmt: skip
        time = "not measured" if pd.isna(row["latency"]) else f"{labels.number(row['latency'])} µs"
        b.metric(COSTS[asked.latency].title, time, words.room(row, "latency", limits),
                 delta_color="off", delta_arrow="off")  # fmt: skip
        c.metric("Index memory", labels.amount(row["index_bytes"]), words.room(row, "index_bytes", limits),
                 delta_color="off", delta_arrow="off")  # fmt: skip
        for line in words.why(found, asked, prefer, row):
            st.markdown(line)
        if reference and pd.isna(row["latency"]) and points(reference)["hardware"].nunique() > 1:
            st.caption("It was not timed on this machine; choose another one above to see its times.")
        if reference:
            st.caption("Its index and its lists are not here: measure it on your machine and data to have them.")
            st.page_link(NEW_RUN_PAGE, label="New run", icon=":material/add_circle:")
        elif st.button("Open its run", icon=":material/science:", key="b_open"):
            open_run(row["run_ids"][0])


def _others(found: Decision, asked: Budget) -> None:
    """Show what others that meet the budget give up, and what they win."""
    rest = budget.alternatives(found.meeting, found.best, found.differences)
    if rest.empty:
        st.caption("No other configuration that meets this is better in anything.")
        return
    st.subheader("What the runners-up win and give up", anchor=False)
    best = found.table.loc[found.best]
    rows = [
        {
            "Configuration": words.name(row), f"{asked.quality} against it": words.difference(found, label, row, best),
            "Memory": words.times(row["index_bytes"], best["index_bytes"]),
            "Search time": words.times(row["latency"], best["latency"]),
        }
        for label, row in rest.head(8).iterrows()
    ]  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="b_others")
    how = "95 % over seeds, Student's t" if found.by_seed else "95 %, paired bootstrap"
    of = "" if found.by_seed else " over the same users"
    st.caption(f"Differences of means{of}. Those with an interval ({how}) are of the seeds that both have.")


def _nothing(found: Decision, asked: Budget, dataset: str, reference: bool) -> None:
    """Say that nothing meets the budget, who comes nearest, and offer the runs that are missing."""
    st.warning("No measured configuration meets all of this.", icon=":material/block:")
    label = budget.nearest(found.table)
    if label is not None:
        row = found.table.loc[label]
        over = budget.missed(found.table.loc[[label]], asked).iloc[0]
        short = {"kept": f"keeps {words.percent(row['kept'])}", "latency": f"takes {labels.number(row['latency'])} µs",
                 "index_bytes": f"needs {labels.amount(row['index_bytes'])}"}  # fmt: skip
        misses = " and ".join(short[column] for column, by in over.items() if by > 0)
        st.markdown(f"**The nearest:** {plain(words.name(row))}. It {misses}, and meets the rest.")
    elif "kept" in asked.limits() and found.table["kept"].isna().all():
        st.markdown("There is no float32 run with the same training to compare with: run float32 first.")
    if reference:
        st.page_link(NEW_RUN_PAGE, label="Measure others on your machine", icon=":material/add_circle:")
    else:
        _try(found, dataset)


def _try(found: Decision, dataset: str) -> None:
    """Offer every quantizer and width that was not measured with the same model and split yet."""
    if dataset not in registry.names(data.root()):
        st.markdown("Its data are no longer here, so that nothing more can be measured: add them again for that.")
        return
    run_id = found.table.sort_values("quality", ascending=False)["run_ids"].iloc[0][0]
    methods = [m for m in data.methods("quantizer") if not m.get("unavailable") and m["name"] != "peer"]
    if not methods:
        return
    like = data.spec_of(data.run(run_id))
    names = [m["name"] for m in methods]
    made = plan.make(
        methods, [dataset], names, [], [like.model], ["float32", "own"], {}, chosen=False, split_seed=like.split_seed
    )
    new = made.new
    if not new:
        words = (
            "every quantizer and width is measured or waiting: try other options, more dimensions, or a larger budget"
        )
        st.markdown(f"**Try:** with this model {words}.")
        st.page_link(NEW_RUN_PAGE, label="Choose other runs", icon=":material/add_circle:")
        return
    named = ", ".join(dict.fromkeys(labels.method(labels.spec_row(s), data.defaults()) for s in new))
    st.markdown(f"**Try:** {len(new)} configurations were not measured with this model yet: {plain(named)}.")
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Queue {len(new)} run{'s' * (len(new) != 1)} (about {labels.duration(made.seconds)})"
        if st.button(label, type="primary", icon=":material/send:", key="b_queue"):
            try:
                commands.submit(new)
                st.session_state["submitted"] = len(new)
                open_queue()
            except FewbitsError as error:
                st.error(sentence(error), icon=":material/error:")
        st.page_link(NEW_RUN_PAGE, label="or choose some of them", icon=":material/add_circle:")


def _all(found: Decision, asked: Budget) -> None:
    """Show all configurations against the budget."""
    with st.expander(f"All {len(found.table)} measured configurations", icon=":material/table:"):
        table = found.table.sort_values(["over", "quality"], ascending=[True, False])
        over = budget.missed(table, asked)
        named = {"kept": "quality", "latency": "time", "index_bytes": "memory"}
        misses = [words.misses(row, named) for row in over.to_dict("records")]
        doubts = [point_words.doubt(drift) for drift in table["drift"]]
        number = st.column_config.NumberColumn
        st.dataframe(
            pd.DataFrame({
                "Configuration": [words.name(row) for _, row in table.iterrows()],
                "Misses": misses, "Kept (%)": 100 * table["kept"].to_numpy(float),
                asked.quality: table["quality"].to_numpy(float), "µs": table["latency"].to_numpy(float),
                "MB": table["index_bytes"].to_numpy(float) / MB, "Seeds": table["seeds"].to_numpy(),
                **({"Times in doubt": doubts} if any(doubts) else {}),
            }),
            hide_index=True, key="b_all",
            column_config={"Kept (%)": number(format="%.1f"), asked.quality: number(format="%.4f"),
                           "µs": number(format="%.1f"), "MB": number(format="%.3f")},
        )  # fmt: skip


render()
