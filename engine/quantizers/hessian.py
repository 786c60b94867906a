"""The curvature of a loss in the quantized rows of a batch: what GSTE (HQ-GNN) leans on.

H = ∂²ℓ/∂x_q², over the elements of the batch's unique rows. Under BPR on inner products, with triplets t = (u, i, j)
of weight w and s = a⟨q_u, q_i - q_j⟩, the trace has a closed form:

    Tr(H) = Σ_t w a² σ(s)σ(-s) (‖q_i - q_j‖² + 2‖q_u‖²)

the first term in the users' rows and the second in the items'. For any other loss it is estimated by Rademacher
probes: E[vᵀHv] = Tr(H) for independent signs v (Hutchinson).
"""

from collections.abc import Callable
from typing import Any


def bpr_diagonal(users: Any, positives: Any, negatives: Any) -> tuple[Any, Any]:
    """Return each triplet's share of the diagonal, [B, D], under the mean BPR loss: in its user's row, and in each of
    its two items' rows. All shares together are the trace.

    In the units of the scored numbers x̂: those of x_q are (2 step)² times as large.
    """
    gap = positives - negatives
    weight = _curvature(users, gap)[:, None]
    return weight * gap.square(), weight * users.square()


def _curvature(users: Any, gap: Any) -> Any:
    score = (users * gap).sum(1)
    return score.sigmoid() * (-score).sigmoid() / len(users)


def probe(loss: Callable[..., Any], rows: list[Any], generator: Any) -> tuple[list[Any], list[Any]]:
    """Return gradients and v ⊙ (Hv) of ``loss(*rows)`` for one draw of signs v; the sum of the latter estimates Tr(H).

    The signs of each array are drawn, and its own block of H is probed, apart from the others'.
    """
    import torch

    leaves = [x.detach().clone().requires_grad_() for x in rows]
    gradients = torch.autograd.grad(loss(*leaves), leaves, create_graph=True)
    products = []
    for leaf, gradient in zip(leaves, gradients, strict=True):
        signs = torch.randint(0, 2, leaf.shape, generator=generator).to(leaf) * 2 - 1
        (product,) = torch.autograd.grad((gradient * signs).sum(), leaf, retain_graph=True)
        products.append(signs * product)
    return [g.detach() for g in gradients], products
