"""The catalog's points as pages use them, prepared once for each snapshot."""

import pandas as pd
import streamlit as st

from dashboard import data, frontiers


def described() -> pd.DataFrame:
    """Return `frontiers.described` of all points; empty before the first. Each caller may change what it gets."""
    name = data.snapshot()
    return pd.DataFrame() if name is None else _described(str(data.root()), name).copy(deep=False)


@st.cache_resource(show_spinner=False, max_entries=4)
def _described(folder: str, name: str) -> pd.DataFrame:
    points = data.points()
    return frontiers.described(points, data.runs(), data.defaults()) if len(points) else points
