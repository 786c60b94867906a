"""``streamlit run dashboard/app.py``: page settings, navigation, the engine's status; pages are in ``views/``."""

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
ROOT = str(HERE.parent)
if ROOT not in sys.path:  # streamlit puts only this file's folder there; `engine` and `dashboard` lie one above
    sys.path.insert(0, ROOT)

from dashboard import commands, failures, ruler  # noqa: E402
from dashboard.widgets import boundary, guarded  # noqa: E402

PAGES = {
    "Results": [
        st.Page(
            "views/tradeoffs.py", title="Trade-offs", icon=":material/show_chart:", url_path="tradeoffs", default=True
        ),
        st.Page("views/budget.py", title="Budget", icon=":material/savings:", url_path="budget"),
        st.Page("views/compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
        st.Page("views/run.py", title="Run", icon=":material/science:", url_path="run"),
        st.Page("views/users.py", title="Users", icon=":material/person_search:", url_path="users"),
    ],
    "Measure": [
        st.Page("views/new_run.py", title="New run", icon=":material/add_circle:", url_path="new_run"),
        st.Page("views/queue.py", title="Queue", icon=":material/list_alt:", url_path="queue"),
    ],
    "Reference": [
        st.Page("views/findings.py", title="Findings", icon=":material/lightbulb:", url_path="findings"),
        st.Page("views/data_sets.py", title="Data sets", icon=":material/dataset:", url_path="data_sets"),
        st.Page("views/about.py", title="About the numbers", icon=":material/help:", url_path="about"),
    ],
}
LOOKS = {
    "running": (":material/check_circle:", "Engine: running", "green"),
    "starting": (":material/hourglass_top:", "Engine: starting", "blue"),
    "failed": (":material/error:", "Engine: not started", "red"),
    "stopped": (":material/stop_circle:", "Engine: stopped", "orange"),
}


@st.fragment(run_every=3)
@guarded
def engine_status() -> None:
    """Show whether the engine runs, and offer to start it where it does not; tell of downloads that failed."""
    state, sentence = commands.engine_state()
    icon, words, color = LOOKS[state]
    st.badge(words, icon=icon, color=color, help=sentence)  # type: ignore[arg-type]
    if state in ("failed", "stopped"):
        st.caption(sentence)
        st.button("Start the engine", key="start_engine", width="stretch", on_click=commands.start_engine)
    failures.tell()


st.set_page_config(
    page_title="Fewbits",
    page_icon=str(HERE / "icon.svg"),  # a file: streamlit fetches the names of icons from the internet here
    layout="wide",
    menu_items={"About": "**Fewbits**: how few bits does your recommender need?"},
)
st.logo(str(HERE / "logo.svg"), size="large")
st.html(HERE / "look.css")
page = st.navigation(PAGES)
with st.sidebar:
    engine_status()
with boundary():
    page.run()
ruler.lay()
