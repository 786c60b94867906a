"""About the numbers: metrics, protocol, what counts as a byte, how time is measured, and the methods; plain words."""

import json
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, labels
from dashboard.chart_style import rank
from dashboard.widgets import plain

PROTOCOL = """
Every user's held-out (test) items are hidden from training. The model then ranks **all** items for the user, except
those already in the user's history, and the list is compared with the held-out items. Nothing is sampled. The mean is
over users who have at least one held-out item.

Choices (when to stop training, which epoch to keep) are made on a small validation set taken out of training, never
on the test items. Published splits are kept as published, so that results can be compared with papers; other sets are
split 80 / 20 per user, with a seed, and your own as you chose: a random fifth of each user's items, or the last one by
time.

The float32 model is the reference. A quantizer that needs no training starts from the same trained model. One thing
besides the number format can differ: where validation shortened the items' vectors for float32, codes keep the lengths
as they were learned unless validation prefers the shortened ones for them too. A run's notes say so.
"""
METRICS = (
    ("Recall@k", "Share of a user's held-out items that are among the first k recommended.", "higher"),
    ("NDCG@k", "Like recall, but a hit counts more the higher it stands; 1: all first places are hits.", "higher"),
    ("Overlap@k", "Share of the exact float32 top k that the quantized list keeps. Needs no held-out items.", "higher"),
    (
        "Tied places@k",
        "Share of the top k whose score equals a neighbour's. Ties are broken by one fixed random order of the items, "
        "the same for all methods, so that nobody profits from the numbering.",
        "lower",
    ),
    ("Bytes per item", "Memory of one item in the index: its code **and** its scale.", "lower"),
    ("Index memory", "All bytes that a search needs resident, shared constants included.", "lower"),
    (
        "Latency p50, p95, p99",
        "Time to find the top 20 for one user on one thread: 50, 95, 99 of 100 are faster.",
        "lower",
    ),
    (
        "Latency p50, cold",
        "The same, with the processor's caches emptied before each search: what a server that is busy with other "
        "things pays.",
        "lower",
    ),
    ("Throughput", "Users answered in a second, in batches of 64 on one thread.", "higher"),
    (
        "Training, tuning, quantizing, index build",
        "Seconds to train the float32 model, to train the quantizer itself where it learns, to turn vectors into "
        "codes, and to pack codes into an index. Paid once, not in a search.",
        "lower",
    ),
)
TOLD = ("memory_gb", "instructions", "caches", "gpu", "os", "python", "torch", "numba", "fewbits")
"""What is told of a machine; its processor and cores are in its name."""
FRONTIER = """
A point is **on the frontier** when no other point is at least as good in both metrics and better in one. Everything
else can be replaced by a frontier point without losing anything. **Error bars** are 95 % bootstrap intervals over
users: two points whose bars overlap widely may differ by luck alone. Where several seeds are one point, they are the
interval of the mean over seeds (Student's t): training's luck instead of that of the users.

**Items and users have separate precisions.** The catalogue's items are what fills memory. A user's vector is made on
the fly, so it can stay float32 at no cost in memory (“float32 users”, filled markers) or be packed like the items,
which often makes scoring cheaper (“users at the items' bits”, open markers).
"""
DECIDING = """
**Who can be told apart?** Two configurations are compared on the same users: for each user the difference of the two
is taken, and 1,000 resamples of the users (paired bootstrap) give its 95 % interval. Where that holds 0, the two can't
be told apart; of all that can't be told apart from the best, the Budget page ships the smallest. Several seeds of one
configuration are averaged: quality by the mean, costs by the median; two configurations are compared on the seeds that
both have, since another seed is another model. No users come with the reference study: by it, Budget compares seed by
seed (Student's t), and as good is what loses less than 1 % of the best's quality for certain; three seeds tell little
apart. Compare with “Over seeds” pairs by seed as well.

**Who loses?** A mean over all users can hide that the rare items were given up. Compare therefore counts users in
thirds by the number of their training items (light, middle, heavy), and held-out items by popularity: the *head* is the
most popular items that hold the first third of all training interactions, the *middle* those with the next third, the
*tail* all others. Over seeds, without users, there are two groups: the most popular tenth of the items, and all others.
"""
HARDWARE = """
A search reads the code of every item once. How long that takes depends on whether the index fits into the processor's
caches or must come from memory, and on the processor's vector instructions (AVX2, AVX-512, NEON), for which the
kernels are compiled on the machine itself at their first use. Searches are always timed on the processor; a GPU, where
there is one, is used to train, and changes no measured search. Each run keeps the machine and the versions that it was
measured with.
"""
PEERS = """
Indexes of other libraries (faiss, usearch, hnswlib) can be measured on the same float32 vectors as one more quantizer,
`peer`. They are grey and hollow in every chart. Their bytes are those of the library's own file. They are not told what
a user has seen: they are asked for as many items more, and those are dropped, within the time.
"""
TIMES = """
Latency is measured while nothing else of Fewbits runs, on real user vectors, after warming up, with the number of
threads fixed; all raw samples are kept and shown on the Run page. Six rounds go through all settings in turn, and the
median shown is that of the rounds' medians. Still, times depend on the processor, on its cache and on what else the
machine does: **they are never compared across machines** here, and a chart with a time on it shows one machine only.
Bytes and quality do not depend on the machine.

**Did the machine keep its pace?** A fixed piece of arithmetic is timed before and after each part of the measurement.
Where it took over 10 % longer than at its fastest, that part is measured again once the machine is back at its pace;
where that does not help, the run's page says that its times are in doubt.

**At my catalogue size.** A data set of a few thousand items says little about a catalogue of millions. On the
Trade-offs page, latency and memory can be shown at 1 or 10 million items: the codes of a run are repeated, each copy in
a fresh random order, and an index of that many items is built and searched for real. Nothing is extrapolated: runs that
were not measured at a size are absent there, and a button measures them. Quality stays that of the data set.
"""


def render() -> None:
    """Draw the page."""
    st.title("About the numbers", anchor=False)
    st.markdown("**Fewbits** measures how small a recommender's vectors can be made before the recommendations suffer.")
    rows = [f"| **{name}** | {words} | {better} |" for name, words, better in METRICS]
    metrics = "\n".join(["| | What it says | Better |", "|---|---|---|", *rows])
    parts = {
        "How quality is measured": PROTOCOL,
        "The metrics": metrics,
        "Reading the chart": FRONTIER,
        "Deciding": DECIDING,
        "About times": TIMES,
        "Other libraries": PEERS,
        "Hardware": HARDWARE,
    }
    for title, text in parts.items():
        st.subheader(title, anchor=False)
        st.markdown(text)
    _machines()
    st.subheader("The methods", anchor=False)
    groups = {"quantizer": "Quantizers", "encoder": "Encoders", "loss": "Losses"}
    described = {kind: data.methods(kind) for kind in groups}
    if not any(described.values()):
        st.info("The engine lists its methods here once it has started.", icon=":material/hourglass_top:")
        return
    for tab, (kind, methods) in zip(st.tabs(list(groups.values()), key="about_tabs"), described.items(), strict=True):
        with tab:
            for method in sorted(methods, key=lambda m: rank(m["name"])):
                _method(method, kind)


def _machines() -> None:
    """Say on which machines the runs here were measured."""
    runs = data.runs()
    known = runs[runs["machine"].notna()] if len(runs) else runs
    if known.empty:
        st.caption("The machines that runs were measured on are listed here once there are any.")
        return
    rows = []
    for hardware, group in known.groupby("hardware", sort=False):
        machine = json.loads(group["machine"].iloc[0])  # the newest comes first
        told = {labels.MACHINE.get(key, key): str(machine[key]) for key in TOLD if machine.get(key)}
        rows.append({"Machine": hardware, "Runs": len(group), **told})
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="about_machines")


def _method(method: dict[str, Any], kind: str) -> None:
    bits = f" · {labels.widths(method['bits'])}" if kind == "quantizer" else ""
    link = f" [Paper]({method['link']})" if method.get("link") else ""
    st.markdown(f"**{method['title']}** (`{method['name']}`){bits}  \n{method['explanation']}{link}")
    if method.get("unavailable"):
        st.caption(plain(f"Cannot be used here yet; {method['unavailable']}."))
    if options := method.get("options"):
        with st.expander(f"{len(options)} option{'s' if len(options) != 1 else ''}"):
            st.markdown("\n".join(_option(option) for option in options))


def _option(option: dict[str, Any]) -> str:
    choices = f": {', '.join(map(str, option['choices']))}" if option.get("choices") else ""
    told = plain(f"{choices} (default {option['default']}). {option.get('help') or ''}")
    return f"- **{labels.option_title(option['name'])}** (`{option['name']}`){told}"


render()
