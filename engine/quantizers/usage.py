"""How evenly centroids are used, and what becomes of those that are not used at all."""

from typing import Any

import numpy as np


def counts(codes: list[Any], size: int) -> Any:
    """Return how often each of K = ``size`` centroids is used, int64 [M, K], in codes int64 [m, M] each."""
    import torch

    return torch.stack([torch.bincount(c, minlength=size) for c in torch.cat(codes).T])


def perplexity(used: Any) -> Any:
    """Return for each sub-space how many centroids, used evenly, would be used as unevenly as these [M, K]: 1 … K."""
    import torch

    share = used / used.sum(1, keepdim=True)
    return torch.exp(-torch.xlogy(share, share).sum(1))


def reseed(value: Any, key: Any, dead: Any, x: Any, generator: Any) -> None:
    """Move the dead centroids, bool [M, K], of value [M, K, w] to the parts of random rows of x [m, d].

    Keys, where there are any, point there too, as long as the others are on average. Adam's moments stay as they are.
    """
    import torch

    subspace, number = dead.nonzero(as_tuple=True)
    rows = torch.randint(0, len(x), (len(subspace),), generator=generator).to(x.device)
    moved = x.reshape(len(x), value.shape[0], -1)[rows, subspace]
    value.data[subspace, number] = moved
    if key is not None:
        length = key.norm(dim=2).mean() / moved.norm(dim=1, keepdim=True).clamp(min=np.finfo(np.float32).tiny)
        key.data[subspace, number] = moved * length
