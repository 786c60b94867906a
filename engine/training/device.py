"""Where training happens: on a GPU where there is one, unless FEWBITS_DEVICE says otherwise.

The choice is the machine's, not the run's: it is no part of a specification, and both train the same model.
"""

import os
from typing import Any

from engine.errors import FewbitsError

VARIABLE = "FEWBITS_DEVICE"
DEVICES = ("auto", "cpu", "cuda")


def device() -> Any:
    """Return the torch device to train on.

    Raises
    ------
    FewbitsError
        A name that is none, or "cuda" where torch finds no such device.
    """
    import torch

    asked = os.environ.get(VARIABLE) or "auto"
    if asked not in DEVICES:
        raise FewbitsError(f"{VARIABLE}: got {asked!r}, expected one of {', '.join(DEVICES)}")
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise FewbitsError(
            "device cuda: this torch finds no CUDA device; install a torch build with CUDA and its driver, "
            "or choose auto or cpu"
        )
    return torch.device("cuda" if there and asked != "cpu" else "cpu")
