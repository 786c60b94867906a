"""Your own data on the Data sets page: upload, which column means what, filter and split, progress, report."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, own_given, own_reports
from dashboard.own_job import Job, Upload, keep
from dashboard.widgets import LINK, NEW_RUN_PAGE, guarded, plain, sentence
from engine.data import own, registry
from engine.data.own_columns import MAX_CORE, Choice, guess
from engine.data.own_import import Looked
from engine.errors import FewbitsError

TEMPLATE = Path(__file__).with_name("template.csv")
QUICK_S = 1.0
"""A small file is added while the button is still down; a larger one shows its progress."""
NONE = "(none)"
EXAMPLE = """
The template holds ten rows of four readers: `user_id, item_id, timestamp, rating, title`. Upload it, keep the columns
as they are guessed, let ratings count from **3**, choose **2** interactions at least and **the last item by
time**. Then:

- 2 of the 10 rows are dropped: they are rated below 3 (Ada's third, Dora's second).
- The filter's first round drops Dora, who has 1 interaction left, the second *Letters from the North*, which only Cem
  has then: 2 interactions.
- 6 interactions of 3 users and 2 items are left. The last of each user is test (3), the others are training (3).

Ten rows are enough to see how it works and too few to learn from: some thousand users are.
"""
COMMANDS = """\
python -m engine data look purchases.parquet
python -m engine data add my-shop purchases.parquet --core 5
python -m engine data add my-model purchases.parquet --user-vectors users.npy --item-vectors items.npy"""
SPLIT = {"random": "a random fifth", "last": "the last by time"}


def render() -> None:
    """Draw the section."""
    st.subheader("Your own data", anchor=False)
    st.markdown(
        "A table with **a user and an item in each row** (CSV, TSV or Parquet) becomes a data set like those above. If "
        "you have a model already, **its vectors** can come with the table: they are then quantized and searched, and "
        "nothing is trained. Files are read by a process of its own, within limits, and stay in the runs folder of "
        "this machine."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Template", TEMPLATE.read_bytes(), "template.csv", "text/csv", icon=":material/download:", key="o_template",
            on_click="ignore", help="Ten rows with all columns that can be used; only user and item are needed.",
        )  # fmt: skip
    own_given.explain()
    example = st.expander("A worked example, and larger files", icon=":material/school:", key="o_example", **LINK)
    if example.open:  # what colours code is loaded first, which takes a quarter of a second
        example.markdown(EXAMPLE)
        example.markdown(f"A file above {own.UPLOAD_MB} MB is named on the command line, where it lies:")
        example.code(COMMANDS, language="bash", wrap_lines=True)
    job: Job | None = st.session_state.get("o_job")
    if job is None:
        _upload()
    elif job.done():
        _ended(job)
    else:
        _field(disabled=True)  # drawn, so that it keeps the file
        own_given.kept(job)
        _progress()


def _field(disabled: bool = False) -> Any:
    """Draw the field for a file and return what is in it."""
    number = st.session_state.setdefault("o_number", 0)  # another key empties the field
    return st.file_uploader(
        "A table of interactions", type=["csv", "tsv", "txt", "parquet", "pq"], max_upload_size=own.UPLOAD_MB,
        key=f"o_file_{number}", disabled=disabled,
        help=f"Up to {own.UPLOAD_MB} MB; text in UTF-8, separated by commas, tabs, semicolons or upright bars. A line "
        "that can't be read is an error with its number, never passed over.",
    )  # fmt: skip


def _upload() -> None:
    """Draw the field and, once it holds a file, the choices for it."""
    file = _field()
    if file is None:
        st.session_state.pop("o_upload", None)
        return
    upload: Upload | None = st.session_state.get("o_upload")
    try:
        if upload is None or upload.file_id != file.file_id:
            upload = st.session_state["o_upload"] = keep(file.file_id, file.name, file.getbuffer())
        _form(upload)
    except FewbitsError as error:
        st.error(sentence(error), icon=":material/error:")


def _form(upload: Upload) -> None:
    """Draw the choices for a file, and start the import when asked to."""
    header = _header(upload)
    seen = upload.look(header)
    st.caption(f"The first {len(seen.rows)} rows of {plain(upload.name)}:")
    st.dataframe(
        pd.DataFrame(seen.rows, columns=seen.columns), hide_index=True, height=35 * (min(len(seen.rows), 5) + 1) + 3
    )
    columns = _columns(seen, f"{upload.file_id}_{header}")
    given = own_given.wanted(upload.file_id)
    vectors = own_given.fields(upload.file_id) if given else {}
    settings = _settings(columns, given)
    taken, before = registry.names(data.root()), set(data.runs()["dataset"])
    name = st.text_input(
        "Name of the data set", own.suggest(upload.name, {*taken, *before}), max_chars=40,
        key=f"o_name_{upload.file_id}",
        help="2 to 40 lower-case letters, digits and '-'; it becomes the data set's name everywhere.",
    )  # fmt: skip
    own.check_name(name, taken)
    if name in before:
        own.check_unused(name, data.root())
    if columns["user"] is None or columns["item"] is None:
        st.info("Choose which column is the user and which the item.", icon=":material/info:")
        return
    if vectors is None:
        st.info("Bring the vectors of the users and those of the items.", icon=":material/info:")
        return
    choice = Choice(**{**columns, **settings}, header=header)  # type: ignore[arg-type]
    if st.button("Add data set", type="primary", icon=":material/add:", key="o_add"):
        job = st.session_state["o_job"] = Job(name, upload, choice, data.root(), vectors)
        job.wait(QUICK_S)
        st.rerun()


def _header(upload: Upload) -> bool | None:
    """Return whether the first line of a text file is read as names; a Parquet file has no such question."""
    guessed = upload.look().header
    if guessed is None:
        return None
    words = "The first line holds the names of the columns"
    chosen = st.checkbox(words, guessed, key=f"o_header_{upload.file_id}")
    return None if chosen == guessed else chosen


def _columns(seen: Looked, key: str) -> dict[str, str | None]:
    """Draw a field for each role; return role → column."""
    guessed = guess(seen.columns)
    fields = {
        "user": ("User", "Who; any id, kept as text."),
        "item": ("Item", "What; any id, kept as text. A pair of a user and an item counts once."),
        "time": ("Time", "Dates, or seconds (milli-, micro-, nanoseconds) since 1970; needed for the split by time."),
        "rating": ("Rating", "Only to drop rows below a rating; without it, every row is an interaction."),
        "title": ("Item's name", "Shown on the Users page in place of the id; what you take home has both."),
    }
    chosen: dict[str, str | None] = {}
    for column, (role, (label, help)) in zip(st.columns(5), fields.items(), strict=True):
        needed = role in ("user", "item")
        options = seen.columns if needed else [NONE, *seen.columns]
        found = guessed[role]
        place = options.index(found) if found else (None if needed else 0)
        value = column.selectbox(label, options, place, key=f"o_{role}_{key}", help=help, placeholder="choose a column")
        chosen[role] = None if value in (None, NONE) else value
    return chosen


def _settings(columns: dict[str, str | None], given: bool) -> dict[str, Any]:
    """Draw filter and split; return the fields of Choice that they mean."""
    a, b, c, d = st.columns(4)
    least = a.number_input(
        "Ratings count from", value=None, key="o_least", placeholder="all count", disabled=columns["rating"] is None,
        help="Rows rated below this are dropped. Empty: every row counts, whatever its rating.",
    )  # fmt: skip
    core = b.number_input(
        "Interactions, at least", 1, MAX_CORE, 1, key="o_core", disabled=given,
        help="k-core: users and items with fewer are dropped, again and again, until all have so many. 1: no filter; "
        "5 and 10 are usual. With vectors, all users and items that have one stay.",
    )  # fmt: skip
    splits = list(SPLIT) if columns["time"] else ["random"]
    split = c.selectbox(
        "Test", splits, format_func=lambda s: SPLIT[s], key=f"o_split_{len(splits)}",
        help="What is held out of each user's items and searched for: a random fifth, or the last one by time, which "
        "needs a time column.",
    )  # fmt: skip
    seed = d.number_input(
        "Seed", 0, 2**31 - 1, 0, key="o_seed", disabled=split != "random", help="Of the random fifth."
    )
    rated = columns["rating"] is not None and least is not None
    return {
        "rating": columns["rating"] if rated else None, "at_least": least if rated else None,
        "core": 1 if given else int(core), "split": split, "seed": int(seed) if split == "random" else 0,
    }  # fmt: skip


@st.fragment(run_every=0.5)
@guarded
def _progress() -> None:
    job: Job = st.session_state["o_job"]
    if job.done():
        st.rerun()
    st.progress(job.at, text=f"Adding {plain(job.name)}: {job.doing}")
    st.button("Cancel", on_click=job.cancel, icon=":material/close:", key="o_cancel")


def _ended(job: Job) -> None:
    """Say how an import ended; the file stays chosen where it failed."""
    if job.content is None:
        st.error(sentence(FewbitsError(job.error or "cancelled")), icon=":material/error:")
        del st.session_state["o_job"]
        _upload()
        return
    st.success(f"{plain(job.name)} was added in {job.content['seconds']:.1f} s.", icon=":material/check_circle:")
    own_reports.report(job.content)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(NEW_RUN_PAGE, label="New run", icon=":material/add_circle:")
        st.button("Add another file", on_click=_again, key="o_again")


def _again() -> None:
    st.session_state["o_number"] += 1
    for key in ("o_job", "o_upload", "o_upload_users", "o_upload_items"):
        st.session_state.pop(key, None)
