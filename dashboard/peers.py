"""Other libraries' indexes among the methods: they are named as what they are, and drawn alike."""

import json
from collections.abc import Mapping
from typing import Any

PEER = "peer"
"""The quantizer that stands for all of them; its option ``index`` tells which."""
NAMES = {
    "flat": "faiss Flat", "sq8": "faiss SQ8", "sq4": "faiss SQ4", "pq": "faiss PQ", "pqfastscan": "faiss PQFastScan",
    "binary": "faiss Binary", "rabitq": "faiss RaBitQ", "hnsw": "faiss HNSW", "ivf": "faiss IVF",
}  # fmt: skip
"""Index → library and index; usearch and hnswlib have one each."""


def named(options: str | Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Return the name of a peer, ``faiss HNSW (peer)``, and its options without the one that chose it."""
    chosen: dict[str, Any] = json.loads(options) if isinstance(options, str) else dict(options or {})
    index = str(chosen.pop("index", "index"))
    return f"{NAMES.get(index, index)} (peer)", chosen
