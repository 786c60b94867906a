"""The catalog as pages use it, prepared once for each snapshot: points, runs' names, models that were trained."""

import pandas as pd
import streamlit as st

from dashboard import data, frontiers, labels, naming
from engine import sweep
from engine.spec import KS, RunSpec

NAMING = ["dataset", "quantizer", "bits", "options", "encoder", "dim", "layers", "loss", "seed"]
"""What a run's name is made of (all columns of thousands of runs would take ten times as long to go through)."""


def described() -> pd.DataFrame:
    """Return `frontiers.described` of all points; empty before the first. Each caller may change what it gets."""
    name = data.snapshot()
    return pd.DataFrame() if name is None else _described(str(data.root()), name).copy(deep=False)


def lengths(points: pd.DataFrame) -> list[int]:
    """Return the list lengths at which any of the points was measured: none is longer than its catalogue."""
    columns = ((k, f"recall@{k}") for k in KS)
    return [k for k, column in columns if column in points and points[column].notna().any()] or list(KS)


@st.cache_resource(show_spinner=False, max_entries=4)
def _described(folder: str, name: str) -> pd.DataFrame:
    points = data.points()
    return frontiers.described(points, data.runs(), data.defaults()) if len(points) else points


def names() -> dict[str, str]:
    """Return how each run is called, the newest first; no two are called the same: a choice goes by its words. Not to
    be changed: it is shared.
    """
    name = data.snapshot()
    return {} if name is None else _names(str(data.root()), name)


@st.cache_resource(show_spinner=False, max_entries=4)
def _names(folder: str, name: str) -> dict[str, str]:
    defaults = data.defaults()
    runs = data.runs()
    ids, settings = runs["run_id"].tolist(), runs["settings"].tolist()
    words = [labels.run(row, defaults) for row in runs[NAMING].to_dict("records")]
    return dict(zip(ids, naming.told_apart(words, settings, ids), strict=True))


def trained() -> frozenset[str]:
    """Return the keys (`engine.sweep.model_key`) of the models under finished runs."""
    name = data.snapshot()
    return frozenset() if name is None else _trained(str(data.root()), name)


@st.cache_resource(show_spinner=False, max_entries=4)
def _trained(folder: str, name: str) -> frozenset[str]:
    known = data.runs()
    specs = known.loc[known["state"] == "done", "spec"]
    return frozenset(sweep.model_key(RunSpec.model_validate_json(text)) for text in specs)
