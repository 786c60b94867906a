"""DPQ: product codes learned end to end; the basis of MGQE.

Chen, Li, Sun, "Differentiable Product Quantization for End-to-End Embedding Compression",
https://arxiv.org/abs/1908.09756. Quantized: with MF the embedding table itself, as in the paper; with a graph encoder
its pooled output, because propagated vectors are what is served (ours). A row x is cut into M parts Q(j), each of
which becomes the number c of one of K centroids; its value is the concatenation of V(j)[c].

- (paper) ``sx``: response r_k = ⟨Q(j), Key(j)_k⟩, softmax with a hard forward and a soft backward.
- (paper) ``vq``: r_k = -‖Q(j) - V(j)_k‖², straight-through to Q, codebook loss ‖V_c - sg(Q)‖² of weight 1 and a
  commitment of weight 0.25, both relative to the mean square of the vectors (ours), so that they mean the same at any
  size. They are means over the rows of each table, and of MGQE's each group (ours).
- (paper) batch norm of the response, no scale or shift, channel = k, statistics over rows × M; codes are made again in
  evaluation mode at the end. Off by default (ours): it moves every code away from its nearest centroid at the start.
  Differs from the paper: a step normalises by the running statistics, not by those of its batch alone, so that what
  is trained is what is exported.
- (ours) V and Key start by k-means on the checkpoint, users and items apart; centroids that three batches did not use
  move to a random row in the first half; ``direct``: V also gets the ranking's gradient under vq, not the codebook
  loss alone; ``scale=row``: directions are coded, the length is a float16 a row, as in
  `engine.quantizers.product`; ``rotate=opq`` turns the model first.
- Kept of recall (ml-100k, 3 seeds, own users): vq 98.5 ± 2.0 %, with batch norm 94.6 ± 1.6; sx 95.3 ± 4.3, 89.4 ± 5.8.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from engine.codes import Book, ProductCodes
from engine.quantizers import product, usage
from engine.quantizers.base import as_matrix
from engine.quantizers.kmeans import check_subspaces, kmeans_books
from engine.quantizers.lengths import unit_rows, unit_tensors
from engine.quantizers.product import MOST, learned_rotation
from engine.quantizers.response import BatchNorm, chosen, first_keys, nearest_numbers, responses
from engine.quantizers.trained import Batch, TrainedQuantizer, TuningOptions, embedding, mean_of, tensor, through
from engine.quantizers.uniform import importance

ROUNDS = 15
COMMITMENT = 0.25
PROBES, HEADROOM = 3, 4.0


class ProductOptions(TuningOptions):
    """The options of learned product codes."""

    subspaces: int = Field(8, ge=1, le=1024, description="M, the codes of a vector; divides its dimensions")
    variant: Literal["vq", "sx"] = Field("vq", description="code by the nearest centroid, or by softmax over keys")
    batch_norm: bool = Field(False, description="normalise responses over the batch before choosing (the paper's)")
    direct: bool = Field(True, description="ours: under vq the ranking also moves the centroids")
    scale: Literal["row", "none"] = Field(
        "row", description="ours: a float16 a row for its length, directions are coded; none: the paper's codes alone"
    )
    rotate: Literal["opq", "none"] = Field(
        "opq", description="ours: turn the model first so that parts are alike (OPQ); none: as it is"
    )


class DPQ(TrainedQuantizer):
    """Learned product codes."""

    name = "dpq"
    title = "DPQ"
    explanation = (
        "Cuts each vector into parts and keeps the number of a learned centroid for each, tuned end to end. "
        "Searched by look-up tables: fewer than one bit a dimension is possible."
    )
    link = "https://arxiv.org/abs/1908.09756"
    bits: ClassVar[tuple[int, ...]] = (8, 4)

    class Options(ProductOptions):
        """The options of `DPQ`."""

    @classmethod
    def check(cls, bits: int, options: Any, dim: int) -> None:
        check_subspaces(dim, options.subspaces)

    def __init__(self, bits: int, options: Any, seed: int = 0) -> None:
        super().__init__(bits, options, seed)
        self.training, self._extra = False, cast(Any, 0.0)
        self._sizes: np.ndarray | None = None

    def start(self, tables: Mapping[str, Sequence[np.ndarray]], counts: Mapping[str, np.ndarray]) -> None:
        import torch

        self.state = {}
        for table, layers in tables.items():
            x = as_matrix(self.vectors(layers, table), table)
            directions, sizes = unit_rows(x)
            self._sizes = None
            self.state[f"unit.{table}"] = torch.tensor(HEADROOM * float(sizes.max(initial=0)) or 1.0)
            if self.options.scale == "row":
                x, self._sizes = directions, np.square(sizes[:, 0], dtype=np.float64)
            self.state[f"spread.{table}"] = torch.tensor((float(np.square(x).mean()) if x.size else 0.0) or 1.0)
            rng = np.random.default_rng([self.seed, 4])
            for name, array in self._books(x, table, counts[table], rng).items():
                self.state[name] = torch.from_numpy(array)
                if self.options.variant == "sx" and name.startswith("value"):  # ⟨Q, Key⟩ ranks centroids by nearness
                    self.state[name.replace("value", "key")] = torch.from_numpy(first_keys(array, x))
            if self.options.batch_norm:
                for group, rows in self._groups(table, None, len(x)):
                    if len(part := tensor(x)[rows]):  # all of a few rows can be of one group
                        self._norm(table, group).measure(self._response(part, table, group))

    def rotation(self, items: Sequence[np.ndarray]) -> np.ndarray | None:
        if self.options.rotate == "none":
            return None
        untrained = product.ProductOptions(subspaces=self.options.subspaces, scale=self.options.scale, weights="norm")
        return learned_rotation(mean_of(items), untrained, 1 << self.width, np.random.default_rng(self.seed))

    def _books(self, x: np.ndarray, table: str, counts: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the first centroids of a table, float32 [M, K, w]; `MGQE` has two groups of rows."""
        weights = self._weights(x, table)
        return {f"value.{table}.0": kmeans_books(x, self.options.subspaces, 1 << self.width, ROUNDS, rng, weights)}

    def _weights(self, x: np.ndarray, table: str) -> np.ndarray | None:
        """Return how much each row counts in k-means: long items fill the lists, users count alike."""
        return importance(x, table) if self._sizes is None else self._sizes if table == "item" else None

    @property
    def learned(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(name for name in self.state if name.startswith(("value", "key")))

    def _groups(self, table: str, rows: Any, n: int) -> Iterator[tuple[int, Any]]:
        """Yield each group with its places among the rows (a slice or int64)."""
        yield 0, slice(0, n)

    def _value(self, table: str, group: int) -> Any:
        """Return the centroids of a group, [M, K, w]."""
        return self.state[f"value.{table}.{group}"]

    def _key(self, table: str, group: int) -> Any:
        """Return the keys of a group, [M, K, w]; under vq there are none."""
        return self.state.get(f"key.{table}.{group}")

    def _response(self, x: Any, table: str, group: int) -> Iterator[Any]:
        """Yield responses [m, M, K] of a few rows at a time."""
        value, key = self._value(table, group), self._key(table, group)
        yield from responses(x.reshape(len(x), value.shape[0], -1), value, key)

    def _norm(self, table: str, group: int) -> BatchNorm:
        return BatchNorm(self.state, f"norm.{table}.{group}")

    def readout(self, layers: Sequence[Any], table: str, rows: Any = None) -> Any:
        x, size = self._directions(tensor(self.vectors(layers, table)))
        values, _ = self._coded(x, table, rows)
        return values if size is None else values * self._scale(x, size, values, table)[1]

    def _directions(self, x: Any) -> tuple[Any, Any]:
        """Return what is coded, and the lengths [n, 1] that were taken out (None: nothing was)."""
        return (x, None) if self.options.scale == "none" else unit_tensors(x)

    def _scale(self, x: Any, size: Any, values: Any, table: str) -> tuple[Any, Any]:
        """Return the row scale as stored and what the values are multiplied with, [n, 1]: |x| / ⟨x/|x|, v⟩."""
        unit = self.state[f"unit.{table}"]
        scale = size / (x * values).sum(1, keepdim=True).detach().clamp(min=1 / MOST)
        stored = (scale.detach() / unit).clamp(max=1).half()
        return stored, through(scale, stored.float() * unit)

    def _coded(self, x: Any, table: str, rows: Any) -> tuple[Any, list[tuple[int, Any, Any]]]:
        """Return the values of rows [m, d], and each group with its places and codes [·, M]."""
        out, coded = x, []
        for group, places in self._groups(table, rows, len(x)):
            if len(part := x[places]):
                values, codes = self._decoded(part, table, group)
                out = values if isinstance(places, slice) else out.index_copy(0, places, values)
                coded.append((group, places, codes))
        return out, coded

    def _decoded(self, x: Any, table: str, group: int) -> tuple[Any, Any]:
        """Return values [m, d] and codes [m, M] of rows: hard forward; the variant's gradient backward."""
        import torch

        value = self._value(table, group)
        subspaces, size, width = value.shape
        norm = self._norm(table, group) if self.options.batch_norm else None
        soft = self.options.variant == "sx" and x.requires_grad
        if width == 1 and norm is None and self.options.variant == "vq":
            codes, blend = nearest_numbers(x[:, :, None], value), cast(Any, None)
        else:
            codes, blend = chosen(self._response(x, table, group), norm, self.training, value if soft else None)
        places = codes + torch.arange(subspaces, device=codes.device) * size  # a look-up sums gradients in order
        picked = embedding()(places, value.reshape(-1, width))  # [m, M, w]
        if soft:
            return (picked + (blend - blend.detach())).reshape(x.shape), codes  # adds 0 forward
        parts = x.reshape(len(x), subspaces, width)
        if self.training and self.options.variant == "vq":
            pull = (picked - parts.detach()).square().mean() + COMMITMENT * (picked.detach() - parts).square().mean()
            self._extra = self._extra + pull / self.state[f"spread.{table}"]
        carried = picked if self.options.direct else picked.detach()
        return (carried + (parts - parts.detach())).reshape(x.shape), codes

    def rows(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> tuple[Any, Any, Any]:
        """Return what is scored of a batch, normalised by running statistics that the batch moves before."""
        self.training, self._extra = True, 0.0
        try:
            return super().rows(users, items, batch)
        finally:
            self.training = False

    def extra_loss(self) -> Any:
        return self._extra

    def on_epoch(self, draw: Callable[[], tuple[Any, Any, Batch]], loss: Callable[..., Any], progress: float) -> None:
        """Move unused centroids to random rows in the first half, and note how evenly codes are used."""
        import torch

        used: dict[tuple[str, int], list[Any]] = {}
        with torch.no_grad():
            for _ in range(PROBES):
                users, items, batch = draw()
                tables = {"user": (users, batch.users), "item": (items, batch.items)}
                for table, (layers, rows) in tables.items():
                    x, _ = self._directions(tensor(self.vectors(layers, table)))
                    for group, places, codes in self._coded(x, table, rows)[1]:
                        used.setdefault((table, group), []).append((x[places], codes))
            for (table, group), seen in used.items():
                counts = usage.counts([codes for _, codes in seen], self._value(table, group).shape[1])
                self.state[f"perplexity.{table}.{group}"] = usage.perplexity(counts)
            for table, group, seen in self._own_centroids(used) if progress < 0.5 else ():
                value, key = self._value(table, group), self._key(table, group)
                dead = usage.counts([codes for _, codes in seen], value.shape[1]) == 0
                usage.reseed(value, key, dead, torch.cat([x for x, _ in seen]), batch.generator)

    def _own_centroids(self, used: dict[tuple[str, int], list[Any]]) -> Iterator[tuple[str, int, list[Any]]]:
        """Yield each stored set of centroids with the rows and codes that use it."""
        yield from ((table, group, seen) for (table, group), seen in used.items())

    def codes(self, layers: Sequence[Any], table: str) -> ProductCodes:
        """Return the codes that `readout` decodes to outside of training."""
        import torch

        as_matrix(self.vectors(layers, table), table)
        with torch.no_grad():
            x, size = self._directions(tensor(self.vectors([tensor(y) for y in layers], table)))
            values, coded = self._coded(x, table, None)
            scale = None if size is None else self._scale(x, size, values, table)[0][:, 0].numpy()
        books = [Book(np.ascontiguousarray(self._value(table, g).detach().numpy())) for g in self._all_groups()]
        q = np.zeros((len(x), max(book.subspaces for book in books)), np.uint8)
        for _, places, codes in coded:
            q[places, : codes.shape[1]] = codes.numpy()
        unit = 1.0 if scale is None else float(self.state[f"unit.{table}"])
        return ProductCodes(q, tuple(books), **self._flags(table), row_scale=scale, unit=unit)

    def _all_groups(self) -> range:
        return range(1)

    def _flags(self, table: str) -> dict[str, Any]:
        """Return which rows are the tail's, and whether centroids are shared."""
        return {}
