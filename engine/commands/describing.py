"""What the engine says of its own methods: the catalog carries it to the dashboard, which must not import torch."""

import json
from typing import Any

from engine import encoders, quantizers
from engine.training import losses


def methods() -> list[dict[str, Any]]:
    """Return the catalog's description of every quantizer, encoder and loss."""
    described = {"quantizer": quantizers.describe(), "encoder": encoders.describe(), "loss": losses.describe()}
    return [
        {"kind": kind, "name": m["name"], "description": json.dumps(m)}
        for kind, several in described.items()
        for m in several
    ]
