"""Peers: other libraries' indexes on the float32 vectors, so that their points stand on the same chart as ours.

Not a quantizer of this project: what a peer keeps of the vectors, and how it searches them, is the library's own. Needs
the extra ``peers`` (faiss-cpu, usearch, hnswlib). All rank by inner product:

- exact: faiss ``flat`` (IndexFlatIP), the float32 search that most people use;
- smaller vectors, all of them scanned: faiss ``sq8`` and ``sq4`` (scalar quantizers), ``pq`` (8 bits a part),
  ``pqfastscan`` (4 bits a part, tables in registers), ``binary`` (signs on both sides), ``rabitq`` (RaBitQFastScan);
- float32 vectors, few of them looked at: ``hnsw`` (faiss), ``hnswlib`` and ``usearch`` are graphs, faiss ``ivf`` is an
  inverted file of about 4 sqrt(n) cells.

Users keep their float32 vectors; what the library makes of them while it searches is its own affair. Differs from how
these are mostly used: built by one thread, so that the same vectors give the same index.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from engine.codes.peers import PeerCodes, missing
from engine.quantizers.base import Quantizer, as_matrix
from engine.quantizers.kmeans import check_subspaces
from engine.spec import Strict

GRAPHS = ("hnsw", "hnswlib", "usearch")
KNOBS = {
    "links": GRAPHS, "ef_build": GRAPHS, "ef_search": GRAPHS, "nprobe": ("ivf",), "subspaces": ("pq", "pqfastscan"),
}  # fmt: skip
"""Option → the indexes that it means something to."""


class Peer(Quantizer):
    """Another library's index."""

    name = "peer"
    title = "Peers: faiss, usearch, hnswlib"
    explanation = (
        "Builds another library's index on the float32 vectors and measures it like everything else. "
        "Shows what you would otherwise pick; graphs are fast, need more memory than float32, and miss some items."
    )
    link = "https://arxiv.org/abs/2401.08281"
    bits = (32,)
    peer = True

    class Options(Strict):
        """The options of `Peer`; those that the index does not know take their default."""

        index: Literal[
            "flat", "sq8", "sq4", "pq", "pqfastscan", "binary", "rabitq", "hnsw", "ivf", "usearch", "hnswlib"
        ] = Field("hnsw", description="which index; those without a library's name are of faiss")
        links: int = Field(16, ge=2, le=256, description="graphs: neighbours that each item is linked to")
        ef_build: int = Field(200, ge=1, le=10_000, description="graphs: candidates kept while an item is added")
        ef_search: int = Field(64, ge=1, le=10_000, description="graphs: candidates kept in a search; more miss less")
        nprobe: int = Field(16, ge=1, le=65_536, description="ivf: cells looked at; more miss less")
        subspaces: int = Field(16, ge=1, le=4096, description="pq and pqfastscan: parts of a vector")

        @model_validator(mode="before")
        @classmethod
        def _only_what_the_index_knows(cls, values: Any) -> Any:
            """Options of other indexes are left out, so that equal runs have equal ids."""
            index = values.get("index", "hnsw")
            return {name: v for name, v in values.items() if index in KNOBS.get(name, (index,))}

    @classmethod
    def unavailable(cls) -> str:
        """Return how to install the extra, where it is not."""
        return missing()

    @classmethod
    def check(cls, bits: int, options: Any, dim: int) -> None:
        """Raise a FewbitsError unless the parts divide the dimensions."""
        if options.index in KNOBS["subspaces"]:
            check_subspaces(dim, options.subspaces)

    def codes(self, layers: Sequence[Any], table: str) -> PeerCodes:
        """Return the vectors themselves, with what the peer is told."""
        chosen = self.options.index
        knobs = {name: getattr(self.options, name) for name, known in KNOBS.items() if chosen in known}
        return PeerCodes(as_matrix(self.vectors(layers, table), table), chosen, knobs)
