"""HashGNN: a hash layer on a graph encoder, tuned with a straight-through estimator under guidance.

Tan et al., "Learning to Hash with Graph Neural Networks for Recommender Systems", https://arxiv.org/abs/2003.01917.
Quantized: z = tanh(W e + c), K bits h = sign(z), of users and items with one shared layer.

- (paper) encoder, dense layer d → K with tanh, h = sign(z); loss = reconstruction (cross-entropy on observed and
  sampled links) + ranking; guidance: a training forward takes h with probability β and the continuous z else, β rising
  from 0 to 1, so that it ends at the plain straight-through estimator.
- (its public code) the gradient of sign is the identity, tanh's own derivative is kept; total = 0.1 · cross-entropy +
  ranking; the draw is per row, one draw for a user and its positive item, independent for negatives.
- (ours) sampled links are the negatives of the model's loss. Those of softmax are shared by a batch and not checked:
  a fifth of them are observed links on ML-100K and ML-1M, 0.4 % on Gowalla; those of BPR are never.
- (ours) ``mask=bit`` draws for each bit; ``rank=hinge`` replaces the ranking loss of the options; dots are
  scaled by 1/√K; β = clip((t - 0.1)/0.7, 0, 1) of progress t; ``guidance=hard`` is h from the first step on.
- (ours) W starts as the rotation that ITQ learns on the checkpoint's item vectors (K = d; else a random orthogonal
  map), so that the first codes are those of ITQ, and so large that its mean square output is 1 (d/K where K is
  larger); c starts at 0.
- (ours) ``scale=row``: a float16 a row, the length of e; the paper's codes have none.
- (ours) ``rerank``: the codes pick the first 500, the full-precision vectors re-rank them; both are stored, both are
  counted.

Soft against hard guidance, share of recall@20 kept on ml-100k, 3 seeds: 89.5 ± 2.6 % and 88.9 ± 1.8 with own users,
93.7 ± 1.5 and 92.0 ± 1.7 with float32 users; on Gowalla, one seed, 66.6 % and 71.2 %: hard is the default.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.codes import FloatCodes, RerankedCodes, ScalarCodes
from engine.quantizers.base import as_matrix
from engine.quantizers.rotation import ROUNDS, learned_rotation
from engine.quantizers.straight import sign
from engine.quantizers.trained import Batch, TrainedQuantizer, TuningOptions, embedding, tensor, through

RECONSTRUCTION = 0.1
"""Weight of the cross-entropy on links, as in the public code."""
GUIDED = (0.1, 0.7)
"""β is 0 until the first share of the steps is over, and reaches 1 after the second share more."""
DEPTH = 500
"""Items that codes pick for re-ranking."""
HEADROOM = 4.0


class HashGNN(TrainedQuantizer):
    """Hash bits of a dense layer."""

    name = "hashgnn"
    title = "HashGNN"
    explanation = (
        "Adds a layer that turns each vector into K bits, and tunes it together with the graph model. "
        "As published, early steps mix real values in (guidance); here bits from the first step keep more."
    )
    link = "https://arxiv.org/abs/2003.01917"
    bits = (1,)
    learned = ("weight", "bias")

    class Options(TuningOptions):
        """The options of `HashGNN`."""

        width: int = Field(0, ge=0, le=4096, description="K, the bits of a vector; 0: as many as dimensions")
        guidance: Literal["hard", "soft"] = Field(
            "hard", description="bits from the first step, or real values mixed in at first (the paper's)"
        )
        mask: Literal["row", "bit"] = Field("row", description="what guidance draws for: whole rows, or single bits")
        rank: Literal["loss", "hinge"] = Field("loss", description="ranking: the loss above, or a hinge of margin 0.5")
        scale: Literal["none", "row"] = Field("none", description="ours: a float16 a row, the length of its vector")
        rerank: bool = Field(False, description="ours: full-precision vectors re-rank the first 500, and are counted")

    def start(self, tables: Mapping[str, Sequence[np.ndarray]], counts: Mapping[str, np.ndarray]) -> None:
        import torch

        means = {table: as_matrix(self._mean(layers), table) for table, layers in tables.items()}
        dim = means["item"].shape[1]
        rng = np.random.default_rng([self.seed, 3])
        k = self.options.width or dim
        rotation = learned_rotation(means["item"], ROUNDS, rng) if k == dim else _orthogonal(dim, k, rng)
        spread = 1 / (float(np.sqrt(np.square(means["item"]).mean())) or 1.0)
        self.state = {
            "weight": torch.from_numpy(np.ascontiguousarray(rotation * spread, np.float32)),
            "bias": torch.zeros(k),
        }
        for table, matrix in means.items():
            largest = float(np.linalg.norm(matrix, axis=1).max(initial=0))
            self.state[f"unit.{table}"] = torch.tensor(HEADROOM * largest or 1.0, dtype=torch.float32)

    def teach(self, teacher: Mapping[str, np.ndarray]) -> None:
        """Keep the full-precision vectors where they re-rank."""
        import torch

        if self.options.rerank:
            self.state |= {f"exact.{table}": torch.from_numpy(x.copy()) for table, x in teacher.items()}

    def _exact(self, layers: Sequence[Any], table: str) -> np.ndarray:
        """Return the full-precision vectors that re-rank, float32 [n, d]; before any tuning those of these layers."""
        kept = self.state.get(f"exact.{table}")
        return as_matrix(self._mean(layers) if kept is None else kept, table)

    def _mean(self, layers: Sequence[Any]) -> Any:
        return sum(layers[1:], layers[0]) / len(layers)

    def _hashed(self, layers: Sequence[Any]) -> Any:
        import torch

        return torch.tanh(tensor(self._mean(layers)) @ self.state["weight"] + self.state["bias"])

    def _scale(self, layers: Sequence[Any], table: str) -> tuple[Any, Any]:
        """Return the row scale as stored (None without) and what a row is multiplied with, [n, 1]."""
        if self.options.scale == "none":
            return None, 1.0
        size, unit = tensor(self._mean(layers)).norm(dim=1, keepdim=True), self.state[f"unit.{table}"]
        stored = (size.detach() / unit).clamp(max=1).half()
        return stored, through(size, stored.float() * unit)

    def readout(self, layers: Sequence[Any], table: str, rows: Any = None) -> Any:
        z = self._hashed(layers)
        return through(z, sign(z)) * self._scale(layers, table)[1]

    def rows(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> tuple[Any, Any, Any]:
        """Return what is scored of a batch, real values mixed in, all divided by the fourth root of K."""
        import torch

        take = embedding()
        beta = min(max((batch.progress - GUIDED[0]) / GUIDED[1], 0.0), 1.0) if self.options.guidance == "soft" else 1.0
        places = (batch.user_at, batch.positive_at, batch.negative_at)
        sides = ((users, "user"), (items, "item"), (items, "item"))
        shape = (1,) if self.options.mask == "row" else (len(self.state["bias"]),)
        drawn = [torch.rand((len(at), *shape), generator=batch.generator) < beta for at in (places[0], places[2])]
        masks, mixed = (drawn[0], drawn[0], drawn[1]), []
        for (layers, table), at, hard in zip(sides, places, masks, strict=True):
            if table == "user" and self.options.users == "float32":
                hard = torch.zeros_like(hard)
            z, (_, scale) = self._hashed(layers), self._scale(layers, table)
            soft = take(at, z)
            row_scale = scale if isinstance(scale, float) else take(at, scale)
            mixed.append(torch.where(hard.to(soft.device), through(soft, sign(soft)), soft) * row_scale)
        root = float(len(self.state["bias"])) ** 0.25
        scored = tuple(x / root for x in mixed)
        self._links = self._reconstruction(*scored)
        return scored  # type: ignore[return-value]

    def _reconstruction(self, users: Any, positives: Any, negatives: Any) -> Any:
        """Return 0.1 · cross-entropy on the observed links and as many sampled ones, plus the hinge where it ranks."""
        from torch.nn import functional

        observed = (users * positives).sum(1)
        places = _cycle(len(users), len(negatives)).to(negatives.device)
        cycled = embedding()(places, negatives)  # a look-up sums gradients in order
        sampled = (users * cycled).sum(1)
        links = functional.softplus(-observed).mean() + functional.softplus(sampled).mean()
        hinge = (0.5 - observed + sampled).clamp(min=0).mean() if self.options.rank == "hinge" else 0.0
        return RECONSTRUCTION * links + hinge

    @property
    def ranks_itself(self) -> bool:
        """Return whether the method's own ranking loss replaces that of the options."""
        return bool(self.options.rank == "hinge")

    def extra_loss(self) -> Any:
        return self._links

    def vectors(self, layers: Sequence[Any], table: str) -> Any:
        """Return the real values before the sign, [n, K]; behind them the full-precision vector where that re-ranks."""
        import torch

        with torch.no_grad():
            values = self._hashed([tensor(x) for x in layers])
            if table == "item" or not self.options.rerank:
                return values.numpy()
            return np.concatenate([values.numpy(), self._exact(layers, table)], 1)

    def codes(self, layers: Sequence[Any], table: str) -> ScalarCodes | RerankedCodes:
        """Return the bits that `readout` decodes to."""
        import torch

        as_matrix(self._mean(layers), table)
        with torch.no_grad():
            q = (self._hashed([tensor(x) for x in layers]) >= 0).numpy().astype(np.uint8)
            stored, _ = self._scale(layers, table)
        unit = 1.0 if stored is None else float(self.state[f"unit.{table}"])
        codes = ScalarCodes(q, 1, None if stored is None else stored[:, 0].numpy(), unit)
        return RerankedCodes(codes, FloatCodes(self._exact(layers, table)), DEPTH) if self.options.rerank else codes


def _cycle(n: int, m: int) -> Any:
    """Return 0 … m-1 over and over, int64 [n]: a shared negative for each pair."""
    import torch

    return torch.arange(n) % m


def _orthogonal(dim: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random map [dim, width] whose columns are orthonormal, or its rows where there are fewer of them."""
    tall = np.linalg.qr(rng.standard_normal((max(dim, width), min(dim, width))))[0]
    return tall if dim >= width else tall.T
