"""One propagation Â X over the bipartite graph: a CSR kernel on the CPU, torch.sparse on a GPU, and its gradient.

Â = D^-1/2 [[0, R], [Rᵀ, 0]] D^-1/2 is symmetric, so the gradient of Â X is Â G: one kernel serves both ways. The mean
of the layers, (I + Â + … + Â^L) X / (L+1), is computed by Horner's rule, ``Y ← X + Â Y`` L times, which needs no
layer to be kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numba
import numpy as np

CHUNKS = 128
"""Pieces of equal work that the rows are cut into: many enough that the threads end together, few enough to cost
nothing.
"""


@dataclass(frozen=True, eq=False)
class Graph:
    """Â in CSR: rows are users then items; ``weights`` are 1 / sqrt(degree · degree)."""

    indptr: np.ndarray  # int64 [n+1]
    neighbours: np.ndarray  # int32 [2 · interactions]
    weights: np.ndarray  # float32 [2 · interactions]

    @property
    def n(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def bounds(self) -> np.ndarray:
        """Row boundaries of CHUNKS pieces with about equally many edges (and rows), int64 [CHUNKS+1]."""
        work = self.indptr + np.arange(self.n + 1)
        return np.searchsorted(work, np.linspace(0, work[-1], CHUNKS + 1)).astype(np.int64)

    @cached_property
    def _scratch(self) -> dict[tuple[int, int], np.ndarray]:
        return {}

    def scratch(self, number: int, d: int) -> np.ndarray:
        """Return a float32 [n, d] array to overwrite: fresh memory costs a page fault every 4 KiB, a third of the
        kernel's time.
        """
        if (number, d) not in self._scratch:
            self._scratch[number, d] = np.empty((self.n, d), np.float32)
        return self._scratch[number, d]

    def propagate(
        self, x: np.ndarray, add: np.ndarray | None = None, scale: float = 1.0, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return ``scale · (add + Â x)`` for float32 x [n, d] (no ``add``: zero), in ``out`` where one is given."""
        out = np.empty_like(x) if out is None else out
        _propagate(
            self.indptr,
            self.neighbours,
            self.weights,
            self.bounds,
            x,
            x if add is None else add,
            add is not None,
            np.float32(scale),
            out,
        )
        return out

    def torch_sparse(self, device: Any) -> Any:
        """Return Â as a torch sparse CSR tensor on a device."""
        import torch

        parts = (
            torch.from_numpy(self.indptr),
            torch.from_numpy(self.neighbours.astype(np.int64)),
            torch.from_numpy(self.weights),
        )
        return torch.sparse_csr_tensor(*(p.to(device) for p in parts), size=(self.n, self.n), dtype=torch.float32)


def normalised_graph(indptr: np.ndarray, items: np.ndarray, n_items: int) -> Graph:
    """Return Â of the training lists (CSR by user: int64 [U+1], int32 [nnz]); nodes without an edge get empty rows."""
    n_users = len(indptr) - 1
    users = np.repeat(np.arange(n_users, dtype=np.int32), np.diff(indptr))
    by_item = np.argsort(items, kind="stable")
    item_degree = np.bincount(items, minlength=n_items)
    degree = np.concatenate([np.diff(indptr), item_degree]).astype(np.float64)
    root = 1.0 / np.sqrt(np.maximum(degree, 1.0))
    neighbours = np.concatenate([items + np.int32(n_users), users[by_item]]).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
    rows = np.repeat(np.arange(n_users + n_items), degree.astype(np.int64))
    return Graph(starts, neighbours, (root[rows] * root[neighbours]).astype(np.float32))


@numba.njit(parallel=True, cache=True, nogil=True, fastmath={"contract"})
def _propagate(indptr, neighbours, weights, bounds, x, add, has_add, scale, out):  # type: ignore[no-untyped-def]
    """Fill ``out = scale · (add + Â x)``; every row is summed by one thread in the order of its edges: same bits each
    time.
    """
    d = x.shape[1]
    for chunk in numba.prange(len(bounds) - 1):
        for row in range(bounds[chunk], bounds[chunk + 1]):
            total = out[row]
            if has_add:
                for j in range(d):
                    total[j] = add[row, j]
            else:
                for j in range(d):
                    total[j] = np.float32(0)
            for edge in range(indptr[row], indptr[row + 1]):
                weight = weights[edge]
                source = x[neighbours[edge]]
                for j in range(d):
                    total[j] += weight * source[j]
            for j in range(d):
                total[j] *= scale


def mean_of_layers(graph: Graph, embeddings: Any, layers: int) -> Any:
    """Return the mean of E(0) … E(L) of a torch tensor [n, d], differentiable, on the tensor's device."""
    return embeddings if layers == 0 else _function().apply(embeddings, lambda x: _polynomial(graph, x, layers))


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


def _polynomial(graph: Graph, x: Any, layers: int) -> Any:
    """Return (X + Â X + … + Â^L X) / (L+1) of a torch tensor by Horner's rule."""
    import torch

    if x.is_cuda:
        sparse = _on_device(graph, x.device)
        y = x
        for _ in range(layers):
            y = x + sparse @ y
        return y / (layers + 1)
    start = x.detach().numpy()
    y = start
    for layer in range(layers):
        last = layer == layers - 1
        y = graph.propagate(
            y, start, 1 / (layers + 1) if last else 1.0, None if last else graph.scratch(layer % 2, x.shape[1])
        )
    return torch.from_numpy(y)


_DEVICE_COPIES: dict[Any, Any] = {}


def _on_device(graph: Graph, device: Any) -> Any:
    key = (id(graph), str(device))
    if key not in _DEVICE_COPIES:
        _DEVICE_COPIES.clear()  # one graph at a time is trained; an older one would only fill the GPU's memory
        _DEVICE_COPIES[key] = graph.torch_sparse(device)
    return _DEVICE_COPIES[key]
