"""Findings: what follows from the reference study, each sentence with its figures, and papers' claims beside ours."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import labels, shipped
from dashboard.widgets import TRADEOFFS_PAGE, plain, sentence
from engine.errors import FewbitsError
from engine.study import claims, coverage, dimensions, findings, table
from engine.study.figures import DOUBT, Study
from engine.study.words import TERMS

KEPT = (
    "Figures in per cent are shares of float32's recall@20 that are kept, with the same model and seed: the mean over "
    f"seeds ± its 95 % interval. {TERMS} *Float32 users* are searched as they are, *coded users* in the items' own "
    "form. All items are ranked for every user with held-out items; nothing is sampled. "
    f"Times are medians over seeds. {DOUBT}"
)


def render() -> None:
    """Draw the page."""
    st.title("Findings", anchor=False)
    if not shipped.version():
        st.info(
            "No rows of the reference study are in this copy of Fewbits, so that nothing can be said from them. "
            "`python -m engine study reference` makes them on your machine (with `--dataset NAME` on your data), and "
            "`python -m engine study collect` (`--dataset NAME`) writes them where this page reads them.",
            icon=":material/info:",
        )
        st.page_link(TRADEOFFS_PAGE, label="Your own results: Trade-offs", icon=":material/show_chart:")
        return
    study, runs = shipped.study(), shipped.runs()
    _about(runs)
    said = findings.findings(study)
    for number, finding in enumerate(said, 1):
        st.markdown(f"{number}. **{plain(finding.title)}: {_whole(finding.answer)}.** {_whole(finding.sentence)}")
    if not said and (runs["state"] == "done").any():
        st.info("The rows that are here have too few seeds for an interval: nothing follows yet.",
                icon=":material/info:")  # fmt: skip
    st.caption(KEPT)
    _figures(said)
    _claims(study)
    _tables(study)
    _dimensions(study)
    _coverage()
    _failed(runs)


def _about(runs: pd.DataFrame) -> None:
    done = runs[runs["state"] == "done"]
    if done.empty:
        st.info("No run of the study that is here is finished: what failed, and why, is told below.",
                icon=":material/info:")  # fmt: skip
        return
    st.markdown(
        f"What follows from {len(done):,} runs of the reference study on {done['dataset'].nunique()} data sets, "
        f"measured on {plain(coverage.machines(done))}, last on {labels.when(done['finished'].max())[:10]}. "
        "The sentences are made from the rows, words and figures."
    )
    st.page_link(TRADEOFFS_PAGE, label="The same points as curves", icon=":material/show_chart:")


def _figures(said: Sequence[findings.Finding]) -> None:
    """Draw the figures of all sentences, out of the way until they are asked for."""
    head, rows = findings.figures(said)
    if lines := [[_whole(cell) for cell in row] for row in rows]:
        with st.expander("All figures of these sentences, by data set", icon=":material/table:"):
            st.table(pd.DataFrame(lines, columns=[plain(name) for name in head]), hide_index=True)
            st.caption(findings.HOW)


def _whole(text: str) -> str:
    """Return text as it is, whose lines do not end within a figure."""
    return plain(text).replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")


def _claims(study: Study) -> None:
    found = claims.answers(study)
    if not found:
        return
    st.subheader("What the papers say, and what we measured", anchor=False)
    st.caption(claims.PROTOCOL)
    st.dataframe(
        pd.DataFrame({
            "Paper": [a.claim.paper for a in found], "It says": [a.claim.says for a in found],
            "Data set": [a.dataset for a in found], "Holds": [a.verdict for a in found],
            "Kept": [a.keeps for a in found],
            "Smaller": ["not measured" if a.smaller is None else f"{a.smaller:.1f}×" for a in found],
            "Faster": ["not measured" if a.faster is None else f"{a.faster.text()}×" for a in found],
            "Our test": [a.claim.test for a in found],
            "Model": [claims.NAMES[a.claim.model] for a in found], "Our row": [a.claim.form for a in found],
        }),
        hide_index=True,
        column_config={
            "Kept": st.column_config.TextColumn(
                help=f"Share of float32's recall@20, users coded like the items. {claims.UNTUNED}"
            ),
            "Smaller": st.column_config.TextColumn(help="Bytes an item of float32 over those of this form."),
            "Faster": st.column_config.TextColumn(help="Median time of a search with float32 over that of this form. "
                                                   + DOUBT),
            "Holds": st.column_config.TextColumn(help=claims.HOW),
        },
    )  # fmt: skip


def _dimensions(study: Study) -> None:
    found: dict[str, list[list[str]]] = {}
    for dataset, *row in dimensions.rows(study):
        found.setdefault(dataset, []).append(row)
    if not found:
        return
    st.subheader("Fewer dimensions or fewer bits", anchor=False)
    columns = [name.capitalize() for name in dimensions.HEAD[1:]]
    for place, rows in zip(st.tabs(list(found)), found.values(), strict=True):
        place.table(pd.DataFrame(rows, columns=columns), hide_index=True)
    st.caption(f"{dimensions.HOW} Each figure is the mean over seeds with the 95 % interval of that mean.")


def _tables(study: Study) -> None:
    found = {name: lines for name in study.datasets() if len(lines := list(table.markdown(study, name))) > 2}
    if not found:
        return
    st.subheader("Each form at its size", anchor=False)
    for place, (dataset, (head, _, *lines)) in zip(st.tabs(list(found)), found.items(), strict=True):
        cells = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]
        columns = [name.strip().capitalize() for name in head.strip("|").split("|")]
        place.dataframe(pd.DataFrame(cells, columns=columns), hide_index=True)
        place.caption(
            f"{plain(table.exact(study, dataset))} {plain(table.timed(study, dataset))} Each time is the median over "
            "seeds. Pairs are for float32 users / for coded users; “times faiss” is against faiss's index of that "
            "format. A dash: there is none, or it is not measured."
        )


def _coverage() -> None:
    st.subheader("How much of the study has been run", anchor=False)
    st.table(shipped.covered(), hide_index=True)
    st.caption(coverage.HOW)


def _failed(runs: pd.DataFrame) -> None:
    failed = runs[runs["state"] != "done"]
    if failed.empty:
        return
    with st.expander(f"Missing, because they failed: {len(failed)} runs", icon=":material/error:"):
        for (dataset, form, error), several in failed.groupby(["dataset", "form", "error"], dropna=False):
            words = sentence(FewbitsError(str(error or "it failed without saying why")))
            st.markdown(f"- {plain(str(dataset))}, `{form}`, {len(several)} run{'s' * (len(several) > 1)}: {words}")


render()
