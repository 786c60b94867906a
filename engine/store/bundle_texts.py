"""What a bundle says in words: the data's terms, and an example that searches it."""

from pathlib import Path

from engine.data import registry
from engine.errors import FewbitsError

UNKNOWN = (
    "Fewbits does not know this data set (any more): whatever terms its source states hold for what is made of it."
)
EXAMPLE = '''\
"""Search this index: `python search.py`, in a Python that has Fewbits; neither torch nor streamlit is loaded."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import engine.indexes

here = Path(__file__).parent
index = engine.indexes.load(here / "index.safetensors")
labels, stored = here / "items.parquet", here / "queries_32.safetensors"
names = pq.read_table(labels)["label"].to_pylist() if labels.exists() else range(index.n)
if stored.exists():  # the users' own vectors, float32 [users, dim]
    vectors = engine.indexes.load_queries(stored)[:3]
else:  # put yours here; these are random
    vectors = np.random.default_rng(0).standard_normal((3, index.dim), np.float32)
hits = index.search(vectors, k=10)  # exclude=(indptr, items) leaves out what each user knows already
for user, (ids, scores) in enumerate(zip(hits.ids, hits.scores, strict=True)):
    print(user, [(names[i], round(float(s), 4)) for i, s in zip(ids, scores, strict=True) if i >= 0])
'''


def terms(dataset: str, root: Path) -> dict[str, object]:
    """Return name, title, terms and sources of a data set; ``root`` is the folder of the runs."""
    try:
        known = registry.info(dataset, root)
    except FewbitsError:
        return {"name": dataset, "title": dataset, "terms": UNKNOWN, "sources": []}
    sources = sorted({file.url for file in known.files})
    return {"name": dataset, "title": known.title, "terms": known.terms, "sources": sources}


def terms_text(told: dict[str, object]) -> str:
    """Return the note that travels with a bundle."""
    sources = told["sources"] if isinstance(told["sources"], list) else []
    return "\n".join([
        f"Made from the data set {told['title']} ({told['name']}).",
        "",
        f"Terms of the data: {told['terms']}",
        *(f"Source: {url}" for url in sources),
        "",
        "Index, labels, vectors and recommendations beside this file are derived from these data: use them and pass",
        "them on only as the terms allow. search.py is part of Fewbits (MIT licence).",
        "",
    ])  # fmt: skip
