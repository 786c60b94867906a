"""Downloads that are made when their button is pressed: where that fails, a notice says why.

Streamlit makes such a file outside of any page, and tells no more than that it failed, for five seconds. What we know
of it is kept with the session, and shown by a part of the page that runs every few seconds (`dashboard.app`).
"""

import logging
from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard.widgets import sentence
from engine.errors import FewbitsError

KEPT = "download_failures"
OURS = "a mistake in the dashboard; the terminal it was started in has the details"


def told(make: Callable[[], Any], name: str) -> Callable[[], Any]:
    """Return ``make`` for a download button, such that `tell` can say why the file ``name`` was not made."""
    kept: list[str] = st.session_state.setdefault(KEPT, [])  # the list itself: there is no session where files are made

    def made() -> Any:
        try:
            return make()
        except FewbitsError as error:
            kept.append(f"the file {name} was not made: {error}")
            raise
        except Exception:
            logging.getLogger(__name__).exception("a file could not be made")
            kept.append(f"the file {name} was not made: {OURS}")
            raise

    return made


def tell() -> None:
    """Show a notice, which stays, for each file that could not be made since the last call."""
    kept: list[str] = st.session_state.get(KEPT, [])
    while kept:
        st.toast(sentence(FewbitsError(kept.pop(0))), icon=":material/error:", duration="infinite")
