"""The two losses over items that a batch shares, each with its gradient made on the way.

The matrix [B, N] of logits is what they cost. It is made for CHUNK rows at a time and used up while it lies in a core's
cache; the gradients need no second pass. On processors with matrix units for bfloat16 the products are theirs: logits
and row sums are then rounded to 8 significant bits, which moves the gradients by 0.1 to 0.6 % at temperatures of 0.4 to
0.1, and more below (a batch's own samples move them by tens of percent); sums over a batch are float32.
"""

from functools import lru_cache
from typing import Any

from engine.indexes import cpu

CHUNK = 512
"""Rows whose logits are held at once: with 2,048 items 2 MB in bfloat16."""
LARGEST = 60.0
"""Largest logit of which an exponential is taken: float32 and bfloat16 end at e^88."""
MATRIX_UNITS = cpu.has("amx-bf16", "amx-tile")


def chunks(rows: Any, wide: int) -> list[slice]:
    """Return the parts of the rows of a tensor: all at once on a GPU."""
    size = wide if rows.is_cuda else CHUNK
    return [slice(first, first + size) for first in range(0, len(rows), size)]


def shared_softmax(users: Any, positives: Any, negatives: Any, temperature: float) -> Any:
    """Return the mean cross-entropy of each row's positive against negatives shared by the batch, on cosines.

    Equal to ``cross_entropy(cat([⟨u, p⟩, u nᵀ]) / temperature)`` of unit vectors, up to the rounding above.

    Parameters
    ----------
    users, positives : float32 [B, d], of any length
    negatives : float32 [N, d]
    """
    return _shared_softmax().apply(users, positives, negatives, temperature)


@lru_cache(maxsize=1)
def _shared_softmax() -> Any:
    """Return the autograd function, made on first use: importing this module must not load torch."""
    import torch

    class SharedSoftmax(torch.autograd.Function):
        """Loss and gradients in one pass over chunks of rows."""

        @staticmethod
        def forward(ctx: Any, users: Any, positives: Any, negatives: Any, temperature: float) -> Any:
            lengths = [x.norm(dim=1, keepdim=True).clamp_min_(1e-12) for x in (users, positives, negatives)]
            user, positive, negative = (x / n for x, n in zip((users, positives, negatives), lengths, strict=True))
            low = torch.bfloat16 if MATRIX_UNITS and not users.is_cuda else torch.float32
            shift = max(0.0, 1 / temperature - LARGEST)  # a cosine is at most 1
            scaled = user / temperature
            logit = (scaled * positive).sum(1)  # [B]
            own = (logit - shift).exp()
            total, to_user, to_negative = own.clone(), torch.empty_like(user), torch.zeros_like(negative)
            asked, items = scaled.to(low), negative.to(low)
            counted = torch.cat([items, items.new_ones(len(items), 1)], 1)  # a column of ones sums the weights
            for part in chunks(user, len(user)):
                weights = asked[part] @ items.T  # [chunk, N]
                weights = (weights.sub_(shift) if shift else weights).exp_()
                pulled = (weights @ counted).float()
                total[part] += pulled[:, -1]
                share = (1 / (len(user) * total[part]))[:, None]
                to_user[part] = pulled[:, :-1] * share
                to_negative += weights.T @ (scaled[part] * share).to(low)
            pull = ((own / total - 1) / len(user))[:, None]
            gradients = (to_user.addcmul_(pull, positive).div_(temperature), pull * scaled, to_negative)
            ctx.save_for_backward(*(
                gradient.addcmul_((gradient * x).sum(1, keepdim=True), x, value=-1).div_(n)  # of the length: nothing
                for gradient, x, n in zip(gradients, (user, positive, negative), lengths, strict=True)
            ))  # fmt: skip
            return (total.log() - logit).mean() + shift

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return *(gradients[0] * gradient for gradient in ctx.saved_tensors), None

    return SharedSoftmax


def distillation(users: Any, items: Any, taught_users: Any, taught_items: Any, temperature: float) -> Any:
    """Return the mean cross-entropy of softmax(⟨u, i⟩ / T) over shared items against a teacher's distribution.

    Parameters
    ----------
    users, items : the student's vectors, [B, D] and [N, D]; users count by their direction alone.
    taught_users, taught_items : the teacher's, [B, d] (unit length) and [N, d]; no gradient goes there.
    temperature : that of both.
    """
    from torch.nn import functional

    return _distillation().apply(functional.normalize(users, dim=1), items, taught_users, taught_items, temperature)


@lru_cache(maxsize=1)
def _distillation() -> Any:
    """Return the autograd function, made on first use: importing this module must not load torch."""
    import torch

    class Distillation(torch.autograd.Function):
        """Loss and gradients in one pass over chunks of rows, in float32: two distributions are subtracted."""

        @staticmethod
        def forward(ctx: Any, users: Any, items: Any, taught_users: Any, taught_items: Any, temperature: float) -> Any:
            to_users, to_items, loss = torch.empty_like(users), torch.zeros_like(items), users.new_zeros(())
            scale = 1 / (len(users) * temperature)
            for part in chunks(users, len(users)):
                wanted = torch.softmax((taught_users[part] / temperature) @ taught_items.T, 1)  # [chunk, N]
                logits = (users[part] / temperature) @ items.T
                total = logits.logsumexp(1)
                loss += (total - torch.einsum("bn,bn->b", wanted, logits)).sum()
                gradient = logits.sub_(total[:, None]).exp_().sub_(wanted)
                to_users[part] = (gradient @ items).mul_(scale)
                to_items += gradient.T @ (users[part] * scale)
            ctx.save_for_backward(to_users, to_items)
            return loss / len(users)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            to_users, to_items = ctx.saved_tensors
            return gradients[0] * to_users, gradients[0] * to_items, None, None, None

    return Distillation
