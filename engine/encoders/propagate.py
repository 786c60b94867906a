"""Propagation as torch sees it: differentiable, by our kernels on the CPU and by torch.sparse on a GPU.

Â is symmetric, and so is every polynomial of it: what serves forward serves backward.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from engine.encoders.graph import Graph


def mean_of_layers(graph: Graph, embeddings: Any, layers: int, own: bool = True) -> Any:
    """Return the mean of E(0) … E(L) of a torch tensor [n, d], differentiable, on the tensor's device; without ``own``
    that of E(1) … E(L).
    """
    return embeddings if layers == 0 else _function().apply(embeddings, lambda x: _polynomial(graph, x, layers, own))


def propagated(graph: Graph, x: Any) -> Any:
    """Return Â x of a torch tensor [n, d], differentiable, on the tensor's device."""
    return _function().apply(x, lambda y: _once(graph, y))


@lru_cache(maxsize=1)
def _function() -> Any:
    """Return the autograd function, made on first use: importing this module must not load torch."""
    import torch

    class Symmetric(torch.autograd.Function):
        """A map that is its own transpose, as every polynomial of Â is: it serves forward and backward."""

        @staticmethod
        def forward(ctx: Any, x: Any, apply: Callable[[Any], Any]) -> Any:
            ctx.map = apply
            return apply(x)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return ctx.map(gradients[0].contiguous()), None

    return Symmetric


def _once(graph: Graph, x: Any) -> Any:
    """Return Â x of a torch tensor."""
    import torch

    return _on_device(graph, x.device) @ x if x.is_cuda else torch.from_numpy(graph.propagate(x.detach().numpy()))


def _polynomial(graph: Graph, x: Any, layers: int, own: bool) -> Any:
    """Return `Graph.mean_of_layers` of a torch tensor by Horner's rule."""
    import torch

    if x.is_cuda:
        sparse = _on_device(graph, x.device)
        y = x
        for _ in range(layers - 1):
            y = x + sparse @ y
        return (x * own + sparse @ y) / (layers + own)
    return torch.from_numpy(graph.mean_of_layers(x.detach().numpy(), layers, own))


_DEVICE_COPIES: dict[Any, Any] = {}


def _on_device(graph: Graph, device: Any) -> Any:
    key = (id(graph), str(device))
    if key not in _DEVICE_COPIES:
        _DEVICE_COPIES.clear()  # one graph at a time is trained; an older one would only fill the GPU's memory
        _DEVICE_COPIES[key] = (graph, _sparse(graph, device))  # the graph too: its id is free for another once it goes
    return _DEVICE_COPIES[key][1]


def _sparse(graph: Graph, device: Any) -> Any:
    """Return Â as a torch sparse CSR tensor on a device."""
    import torch

    parts = (graph.indptr, graph.neighbours[: graph.indptr[-1]].astype(np.int64), graph.weights)
    tensors = (torch.from_numpy(part).to(device) for part in parts)
    return torch.sparse_csr_tensor(*tensors, size=(graph.n, graph.n), dtype=torch.float32)
