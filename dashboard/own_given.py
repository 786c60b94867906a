"""Vectors of one's own on the Data sets page: templates, a worked example, and the fields for the two files."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from dashboard.own_job import Job, Upload, keep
from dashboard.widgets import plain, sentence
from engine.data import own
from engine.errors import FewbitsError

LETTERS = {
    "users": ("user_id", {"ada": [0.9, 0.1, 0.3], "ben": [0.7, 0.2, 0.1], "cem": [0.4, 0.8, 0.2],
                          "dora": [0.1, 0.9, 0.6], "eve": [0.5, 0.5, 0.5]}),
    "items": ("item_id", {"b1": [0.8, 0.2, 0.1], "b2": [0.9, 0.3, 0.2], "b3": [0.2, 0.1, 0.9],
                          "b4": [0.2, 0.9, 0.4], "b6": [0.6, 0.6, 0.1]}),
}  # fmt: skip
"""Vectors for the readers and books of template.csv: Eve has read nothing, b5 has no vector, b6 no reader."""
WORDS = """
Two files, one of the users and one of the items, of one model:

- `.npy` (`numpy.save`, float16, float32 or float64) has no ids: **the number of a row, from 0, is the id** of its user
  or item in the table;
- Parquet has one column of ids, and the vectors as one column of lists, or as one column of decimals for each
  dimension.

**The inner product ranks**, as in most recommenders. If your model ranks by the cosine, divide each vector by its
length first: `x / numpy.linalg.norm(x, axis=1, keepdims=True)`. Lengths are kept as they are.

**What recall means then.** A model that was trained on the interactions that are test here has seen the answers: its
recall is too high, for every format alike. Bring interactions that it was not trained on, or train it on all but each
user's last item and split by the last. How much of float32's recall a format keeps, and the overlap with float32's own
lists, can be trusted more.
"""
EXAMPLE = """
**A worked example.** These templates hold vectors of 3 numbers for the readers and books of the first one. Upload all
three, tick *I have vectors of these users and items*, and split by **the last item by time**. Then:

- 1 of the 10 rows is dropped: its book, `b5`, has no vector. Eve's vector is left out: she has read nothing.
- `b6`, which nobody has read, stays in the catalogue: it can be recommended.
- 9 interactions of 4 users and 5 items are left; the last of Ada, Ben and Cem is test.
"""
PARQUET = "application/vnd.apache.parquet"
FIELDS = {"users": "Vectors of the users", "items": "Vectors of the items"}


def template(table: str) -> bytes:
    """Return the template of the vectors of "users" or "items" as a Parquet file."""
    column, vectors = LETTERS[table]
    sink = io.BytesIO()
    lists = pa.array(list(vectors.values()), pa.list_(pa.float32()))
    pq.write_table(pa.table({column: list(vectors), "vector": lists}), sink)
    return sink.getvalue()


def explain() -> None:
    """Draw what to bring, the templates, and the worked example."""
    with st.expander("Vectors of your own: what to bring, and a worked example", icon=":material/scatter_plot:"):
        st.markdown(WORDS)
        with st.container(horizontal=True, vertical_alignment="center"):
            for table in FIELDS:
                st.download_button(
                    f"Template, {table}' vectors", template(table), f"{table}.parquet", PARQUET,
                    icon=":material/download:", key=f"o_template_{table}", on_click="ignore",
                    help="Parquet with a column of ids and a column of lists of numbers.",
                )  # fmt: skip
        st.markdown(EXAMPLE)


def wanted(key: str, disabled: bool = False) -> bool:
    """Draw the question whether vectors come with the table; return the answer."""
    return st.checkbox(
        "I have vectors of these users and items", key=f"o_given_{key}", disabled=disabled,
        help="From a model of your own: they are quantized and searched as they are, by the inner product, and nothing "
        "is trained. Users and items without a vector are left out.",
    )  # fmt: skip


def fields(key: str, disabled: bool = False) -> dict[str, Upload] | None:
    """Draw the fields for the two files; return table → file, None until both are there and can be read."""
    found = {}
    for column, (table, label) in zip(st.columns(2), FIELDS.items(), strict=True):
        with column:
            file = st.file_uploader(
                label, type=["npy", "parquet", "pq"], max_upload_size=own.UPLOAD_MB, key=f"o_{table}_{key}",
                disabled=disabled, help=f".npy or Parquet, up to {own.UPLOAD_MB} MB; larger ones on the command line.",
            )  # fmt: skip
            if file is None:
                st.session_state.pop(f"o_upload_{table}", None)
                continue
            upload: Upload | None = st.session_state.get(f"o_upload_{table}")
            if upload is None or upload.file_id != file.file_id:
                upload = st.session_state[f"o_upload_{table}"] = keep(file.file_id, file.name, file.getbuffer())
            if _told(upload):
                found[table] = upload
    return found if len(found) == len(FIELDS) else None


def kept(job: Job) -> None:
    """Draw the fields while an import is at work, so that they keep what is in them."""
    if job.vectors:
        wanted(job.upload.file_id, disabled=True)
        fields(job.upload.file_id, disabled=True)


def _told(upload: Upload) -> bool:
    """Say what a file of vectors holds, or why it cannot be used; return whether it can."""
    try:
        seen = upload.vectors()
    except FewbitsError as error:
        st.error(sentence(error), icon=":material/error:")
        return False
    st.caption(f"{seen.rows:,} vectors of {seen.dim:,} numbers; the first ids: {plain(', '.join(seen.ids))}")
    return True
