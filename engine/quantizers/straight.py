"""Straight-through estimators: what is rounded forward and how the gradient passes backward."""

from functools import lru_cache
from typing import Any

FACTOR = (0.1, 2.0)
"""Bounds of the factor that GSTE multiplies a gradient with (ours)."""


def gste(x: Any, levels: int, delta: Any) -> Any:
    """Return floor(x + 1/2) within 0 … levels; backward g ⊙ (1 + δ sign(g) ⊙ (x - x_q)) (HQ-GNN).

    ``delta`` is a tensor, one number or one for each element, read when the gradient is taken; None, plain STE.
    """
    return _function().apply(x, levels, delta)


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the autograd function, made on first use: importing this module must not load torch."""
    import torch

    class Gste(torch.autograd.Function):
        """Rounding with a gradient that leans towards the value that was rounded away."""

        @staticmethod
        def forward(ctx: Any, x: Any, levels: int, delta: Any) -> Any:
            rounded = torch.floor(x + 0.5).clamp_(0, levels)
            ctx.delta = delta
            ctx.save_for_backward(x, rounded)
            return rounded

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            (g,), (x, rounded) = gradients, ctx.saved_tensors
            if ctx.delta is None:
                return g, None, None
            return g * (1 + ctx.delta * g.sign() * (x - rounded)).clamp_(*FACTOR), None, None

    return Gste


def sign(x: Any) -> Any:
    """Return +1 where x ≥ 0 and -1 elsewhere, without a gradient."""
    return (x >= 0).to(x.dtype) * 2 - 1
