"""New run: choose what to measure; see how many runs that makes, how long they take and what is done; submit."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import commands, data, forms, labels, plan
from dashboard.chart_style import rank
from dashboard.forms import KEEP
from dashboard.widgets import QUEUE_PAGE, open_queue, plain, run_link, run_name, sentence, waiting_for_engine
from engine.data import registry
from engine.errors import FewbitsError
from engine.spec import ModelSpec

QUERIES = {"float32": "float32", "own": "the items' own bits"}
LINKED = 30


def render() -> None:
    """Draw the form and, beneath it, what it means."""
    st.title("New run", anchor=False)
    st.markdown("Choose one or several values in each field: every sensible combination becomes one run.")
    quantizers = sorted(data.methods("quantizer"), key=lambda m: rank(m["name"]))
    if not quantizers:
        waiting_for_engine()
        return
    try:
        st.subheader("1. Data and compression", anchor=False)
        datasets = _datasets()
        chosen, bits, queries, options = _compression(quantizers)
        st.subheader("2. The model underneath", anchor=False)
        models = _models(datasets)
        made = plan.make(quantizers, datasets, chosen, bits, models, queries, options)
    except FewbitsError as error:
        st.error(sentence(error), icon=":material/error:")
        return
    st.subheader("3. What this means", anchor=False)
    _show(made)


def _datasets() -> list[str]:
    known = {name: registry.info(name, data.root()) for name in registry.names(data.root())}
    chosen = st.multiselect(
        "Data sets", list(known), default=list(known)[:1], format_func=lambda n: known[n].title, key="n_datasets",
        placeholder="choose a data set", help="Their sizes and terms are on the Data sets page.", **KEEP,
    )  # fmt: skip
    for name in chosen:
        if not registry.available(name, data.root()):
            words = f"{known[name].title} is not on this machine: its first run downloads it."
            st.warning(f"{words} Terms: {known[name].terms}", icon=":material/download:")
    return chosen


def _offer(widths: list[int]) -> None:
    """Put the widths that are wanted into the field: all, or those that were chosen when last somebody chose some."""
    state = st.session_state
    shown, chosen = state.get("n_shown"), state.get("n_bits")
    if shown is not None and chosen is not None and set(chosen) != set(shown):
        state["n_wanted"] = chosen if chosen and set(chosen) != set(state["n_offered"]) else None
    wanted = state.get("n_wanted")
    state["n_offered"] = widths
    state["n_bits"] = state["n_shown"] = [width for width in widths if wanted is None or width in wanted]


def _compression(quantizers: list[dict[str, Any]]) -> tuple[list[str], list[int], list[str], dict[str, Any]]:
    """Return the chosen quantizers, bit-widths, query precisions, and the values of each quantizer's own options."""
    known = {q["name"]: q for q in quantizers if not q.get("unavailable")}
    words = "How item vectors are made small. float32 is the reference: include it once."
    chosen = forms.names("Quantizers", list(known.values()), ["float32", "uniform", "sign"], "n_quantizers", words)
    for absent in (q for q in quantizers if q["name"] not in known):
        words = f"{absent['title']}: not offered here. {absent['unavailable']}, from the engine's next start on."
        st.caption(plain(words))
    widths = sorted({b for n in chosen for b in known[n]["bits"] if len(known[n]["bits"]) > 1}, reverse=True)
    left, right = st.columns(2)
    bits: list[int] = []
    if widths:
        _offer(widths)
        bits = left.pills(
            "Bits", widths, selection_mode="multi", key="n_bits",
            help="Bits of one stored number; for product quantizers (PQ and its kin) those of one code, which stands "
            "for several numbers. For quantizers with a choice of widths; the others have one of their own. Choosing "
            "none means all.", **KEEP,
        )  # fmt: skip
    queries = right.pills(
        "Users searched at", list(QUERIES), selection_mode="multi", default=list(QUERIES), key="n_queries",
        format_func=lambda q: QUERIES[q],
        help="A user's vector is not stored in the catalogue, so it may stay float32 (better lists) or shrink with the "
        "items (often faster). Both are measured within one run.", **KEEP,
    )  # fmt: skip
    options: dict[str, Any] = {}
    if chosen:
        with st.container(gap="xsmall"):
            trained = any(known[name].get("trained") for name in chosen)
            more = " Those marked “trained” take a training of their own, after that of the model." * trained
            st.caption(f"What each quantizer does, and its own options: the defaults are good.{more}")
            options = {name: forms.quantizer(known[name]) for name in chosen}
    return chosen, list(bits), list(queries), options


def _models(datasets: list[str]) -> list[ModelSpec]:
    """Draw the model's fields, and return every combination as a model."""
    a, b, c = st.columns(3)
    with a:
        encoders = forms.encoders(data.methods("encoder"), [registry.info(n, data.root()).dim for n in datasets])
        words = "How many steps along the graph the encoder looks; 2 or 3 is usual. MF has none."
        layers = forms.several("Layers", [3], "n_layers", words, offered=(1, 2, 3))
    with b:
        words = "Numbers in a vector: more is better, and larger."
        dims = forms.several("Dimensions", [64], "n_dims", words, offered=(32, 64, 128))
        words = "Each seed is a training of its own; several show how much luck matters."
        seeds = forms.several("Seeds", [0], "n_seeds", words, offered=(0, 1, 2))
    with c:
        losses = forms.names("Loss", data.methods("loss"), ["softmax"], "n_losses", "What training minimises.")
        st.caption("Runs with equal model settings are trained once and share the result.")
    return plan.models(encoders, dims, layers, losses, seeds, forms.training())


def _show(made: plan.Plan) -> None:
    """Show the plan's size, time and what is there already; submit what is new."""
    new, total = len(made.new), len(made.specs)
    words = [f"**{total} run{_s(total)}**: {new} new"]
    words += [f"{len(made.done)} done already and reused"] if made.done else []
    words += [f"{len(made.waiting)} waiting or running already"] if made.waiting else []
    st.markdown(", ".join(words) + (f". About **{labels.duration(made.seconds)}** on this machine." if new else "."))
    if new:
        n, m = made.models_to_train, made.quantizers_to_tune
        work = [f"{n} model{_s(n)} to train"] if n else []
        work += [f"{m} run{_s(m)} that train{'s' if m == 1 else ''} the quantizer as well"] if m else []
        first = f"{', '.join(work)}; the rest is quantizing and measuring." if work else "Nothing to train."
        st.caption(f"{first} The time is a rough estimate, better once this machine has trained on the same data.")
    with st.expander(f"The {total} runs" if total > 1 else "The run", icon=":material/list:"):
        rows = [{"Run": run_name(labels.spec_row(spec)), "State": made.word(spec)} for spec in made.specs]
        st.dataframe(pd.DataFrame(rows), hide_index=True)
    if made.done:
        with st.expander(f"{len(made.done)} done already: open a result", icon=":material/check_circle:"):
            for spec in made.done[:LINKED]:
                run_link(spec.run_id, run_name(labels.spec_row(spec)))
    if made.again:
        st.caption(f"{made.again} of the new runs failed or were cancelled before: they are tried again.")
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Submit {new} run{_s(new)}" if new else "Nothing new to submit"
        if st.button(label, type="primary", icon=":material/send:", disabled=not new, key="n_submit"):
            commands.submit(made.new)
            st.session_state["submitted"] = new
            open_queue()
        st.page_link(QUEUE_PAGE, label="Queue", icon=":material/list_alt:")


def _s(count: int) -> str:
    return "" if count == 1 else "s"


render()
