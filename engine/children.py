"""What a child process needs to import this engine, wherever the parent was started from."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child that runs ``python -m engine…``: this one's, and more."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **more, "PYTHONPATH": path}
