"""Graph encoders: from free embeddings to the layers that a quantizer reads out. A new encoder is one file and one
line here.
"""

from typing import Any

from engine.encoders.base import Encoder
from engine.encoders.given import Given
from engine.encoders.lightgcn import LightGCN
from engine.encoders.mf import MF
from engine.encoders.ngcf import NGCF
from engine.encoders.popularity import Popularity
from engine.errors import unknown
from engine.spec import ModelSpec

REGISTRY: dict[str, type[Encoder]] = {e.name: e for e in (LightGCN, NGCF, MF, Given, Popularity)}


def create(spec: ModelSpec, split: Any) -> Encoder:
    """Return the encoder that a model specification names, over a split's training lists.

    Raises
    ------
    FewbitsError
        An encoder that is not in the registry; the known ones are listed.
    """
    if spec.encoder not in REGISTRY:
        raise unknown("encoder", spec.encoder, list(REGISTRY))
    return REGISTRY[spec.encoder](spec, split)


def describe() -> list[dict[str, Any]]:
    """Return what a form needs to offer the encoders, as plain JSON."""
    return [
        {
            "name": e.name,
            "title": e.title,
            "explanation": e.explanation,
            "link": e.link,
            "graph": e.graph,
            "trained": e.trained,
        }
        for e in REGISTRY.values()
    ]
