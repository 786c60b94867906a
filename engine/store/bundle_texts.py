"""What a bundle says in words: the data's terms, which vectors can be searched, and an example that searches it."""

from pathlib import Path

from engine.data import registry
from engine.errors import FewbitsError

UNKNOWN = (
    "Fewbits does not know this data set (any more): whatever terms its source states hold for what is made of it."
)
EXAMPLE = '''\
"""Search this index: `python search.py`, in a Python that has Fewbits; neither torch nor streamlit is loaded."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import engine.indexes

here = Path(__file__).parent
told = json.loads((here / "manifest.json").read_text())["queries"]
index = engine.indexes.load(here / "index.safetensors")
labels, turn = here / "items.parquet", here / "turn.safetensors"
stored = sorted(here.glob("queries_*.safetensors"), key=lambda path: path.stem != "queries_32")
names = pq.read_table(labels)["label"].to_pylist() if labels.exists() else range(index.n)
if stored:  # the users' own vectors as they were searched, float32 [users, dim] where those are here
    vectors = engine.indexes.load_queries(stored[0])[:3]
elif told["from"] == "stored":
    raise SystemExit(told["meaning"])
else:  # put your users' vectors here; these are random
    vectors = np.random.default_rng(0).standard_normal((3, index.dim), np.float32)
    if turn.exists():
        vectors = (vectors @ engine.indexes.load_turn(turn)).astype(np.float32)
hits = index.search(vectors, k=10)  # exclude=(indptr, items) leaves out what each user knows already
for user, (ids, scores) in enumerate(zip(hits.ids, hits.scores, strict=True)):
    print(user, [(names[i], round(float(s), 4)) for i, s in zip(ids, scores, strict=True) if i >= 0])
'''
PLAIN = "A user's vector as the model has it, float32 [dim], can be searched."
TURNED = (
    "The items were turned by a rotation before they were coded. A user's vector u as the model has it is searched as "
    "(u @ R).astype(float32), where R = engine.indexes.load_turn('turn.safetensors'); the stored queries are turned."
)
LOST = (
    "The items were turned by a rotation that this run did not keep, since an older version made it: search the users' "
    "vectors as they were searched, which can be taken along, or retry the run, which keeps the rotation."
)
LEARNED = (
    "Users' vectors were learned anew together with these codes: search those, as they were searched, which can be "
    "taken along. A vector of the model that tuning began with finds another list than was measured."
)
UNTOLD = (
    "The run does not tell which other vectors its index takes: search the users' vectors as they were searched, which "
    "can be taken along."
)
OLDER = {
    **dict.fromkeys(("float32", "float16", "uniform", "sign", "pq", "peer"), "plain"),
    **dict.fromkeys(("lsh", "itq", "rabitq", "opq"), "turned"),
    **dict.fromkeys(("hqgnn", "l2qgcn", "hashgnn", "dpq", "mgqe"), "learned"),
}
"""What runs take whose manifests do not tell it: those of before 30 November 2026."""


def queries(takes: str | None, turned: bool) -> dict[str, str]:
    """Return which vectors a finished run's index can be searched with.

    ``takes`` is `engine.quantizers.base.Quantizer.takes`, ``turned`` whether the run keeps its rotation.

    ``from`` is "model" where a vector of the model serves, turned or not, and "stored" where none but the stored ones
    do; ``meaning`` says it in a sentence.
    """
    if takes == "plain":
        return {"from": "model", "meaning": PLAIN}
    if takes == "turned" and turned:
        return {"from": "model", "meaning": TURNED}
    return {"from": "stored", "meaning": {"learned": LEARNED, "turned": LOST}.get(takes or "", UNTOLD)}


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
