"""L²Q-GCN: one bit a dimension at every propagation layer; -anl adds a scale for each layer and an annealed gradient.

Chen et al., "Towards Low-loss 1-bit Quantization of User-item Representations for Top-K Recommendation",
https://arxiv.org/abs/2112.01944. Quantized: each layer E(l), l = 0 … L, of users and items; the layers themselves stay
real and propagate.

    q(l) = sign(E(l)), sign(0) = +1;  read-out: ‖_l w_l α(l) q(l), w_l = (l+1)/(L+1)
    s = Σ_l w_l² α_u(l) α_i(l) ⟨q_u(l), q_i(l)⟩

- (ours) on a model without E(0) (``pooling="neighbours"``, the default) the layers are E(1) … E(L), and l counts from
  the first of them: a layer's bytes less for each item. ``--pooling all`` is the published form.
- (paper) codes are learned at each layer, not only at the end; base: α = 1; ``anl``: α(l) = ‖e(l)‖₁/d, the scale of
  least squared error, and quantization annealing.
- (ours) the gradient of the base: straight-through on x/m clipped to [-1, 1], m the row's mean |x|, taken as a
  constant. With ``annealing``: forward always hard, backward d/dx tanh(x/(T m)), T = 1 until 30 % of the steps are
  over, then falling exponentially to 0.1 at the end: the authors' schedule is not public, and their epochs are many.
- (ours) α is stored as a float16 relative to one unit for each table.
- (ours) ``rotate=itq`` turns all layers first, so that items lie near their signs; no inner product changes.
- float32 queries are the same concatenation of the real layers, ‖_l w_l e(l).

The scales are what counts, annealing is not seen to help: share of recall@20 kept on ml-100k (d = 64, L = 3, 3 seeds,
own users) without both 71.5 ± 2.2 %, with annealing 73.6 ± 2.6, with α 99.7 ± 1.7, with both 99.6 ± 1.7. Gowalla,
d = 256, L = 2, seed 0: -anl 94.4 %, base 77.0, plain signs of the mean 56.5, and those with a row scale 88.4.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.codes import LayeredBinaryCodes
from engine.quantizers.base import as_matrix
from engine.quantizers.rotation import ROUNDS, learned_rotation
from engine.quantizers.straight import sign
from engine.quantizers.trained import Batch, TrainedQuantizer, TuningOptions, mean_of, tensor, through

HOLD, COLDEST = 0.3, 0.1
"""Share of the steps before annealing begins, and the temperature that it ends at."""
HEADROOM = 4.0
"""How far above the largest α the unit lies: rows may grow while tuning."""


class L2QGCN(TrainedQuantizer):
    """Signs of every layer."""

    name = "l2qgcn"
    title = "L²Q-GCN"
    explanation = (
        "Keeps the sign of every number at every propagation layer, and tunes the model to live with that. "
        "With a scale for each layer and an annealed gradient it is the paper's -anl variant."
    )
    link = "https://arxiv.org/abs/2112.01944"
    bits = (1,)
    layered = True

    class Options(TuningOptions):
        """The options of `L2QGCN`."""

        alpha: bool = Field(True, description="a float16 scale for each row and layer, mean |x| (-anl)")
        tune: Literal["graph"] = Field(
            "graph", description="the embeddings learn, through the graph: each layer is coded"
        )
        annealing: bool = Field(True, description="gradient of a tanh that sharpens while tuning (-anl)")
        rotate: Literal["none", "itq"] = Field(
            "itq", description="ours: turn the model first so that items lie near their signs; none: as it is"
        )

    temperature = 1.0

    def rotation(self, items: Sequence[np.ndarray]) -> np.ndarray | None:
        if self.options.rotate == "none":
            return None
        return learned_rotation(mean_of(items), ROUNDS, np.random.default_rng(self.seed))

    def start(self, tables: Mapping[str, Sequence[np.ndarray]], counts: Mapping[str, np.ndarray]) -> None:
        import torch

        self.state = {}
        for table, layers in tables.items():
            largest = max((float(np.abs(x).mean(1).max(initial=0)) for x in layers), default=0.0)
            self.state[f"unit.{table}"] = torch.tensor(HEADROOM * largest or 1.0, dtype=torch.float32)

    def vectors(self, layers: Sequence[Any], table: str) -> Any:
        """Return the weighted layers side by side, [n, (L+1) d]."""
        weighted = [layer * float(weight) for layer, weight in zip(layers, weights(len(layers)), strict=True)]
        if isinstance(layers[0], np.ndarray):
            return np.concatenate(weighted, 1)
        import torch

        return torch.cat(weighted, 1)

    def rows(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> tuple[Any, Any, Any]:
        """Return what is scored of a batch, at the batch's temperature."""
        over = max(0.0, (batch.progress - HOLD) / (1 - HOLD))
        self.temperature = COLDEST**over
        return super().rows(users, items, batch)

    def readout(self, layers: Sequence[Any], table: str, rows: Any = None) -> Any:
        import torch

        parts = []
        for layer, weight in zip(layers, weights(len(layers)), strict=True):
            x, scale = self._scaled(tensor(layer), table)
            parts.append(self._signs(x) * (scale * float(weight)))
        return torch.cat(parts, 1)

    def _signs(self, x: Any) -> Any:
        relative = x / x.detach().abs().mean(1, keepdim=True).clamp(min=np.finfo(np.float32).tiny)
        if self.options.annealing:
            return annealed_sign()(relative, self.temperature)
        return through(relative.clamp(-1, 1), sign(relative))

    def _scaled(self, x: Any, table: str) -> tuple[Any, Any]:
        """Return x and its α as it is stored, [n, 1], with α's gradient."""
        if not self.options.alpha:
            return x, 1.0
        size, unit = x.abs().mean(1, keepdim=True), self.state[f"unit.{table}"]
        return x, through(size, (size.detach() / unit).clamp(max=1).half().float() * unit)

    def codes(self, layers: Sequence[Any], table: str) -> LayeredBinaryCodes:
        """Return the signs and scales that `readout` decodes to."""
        matrices = [as_matrix(x, table) for x in layers]
        q = np.stack([(x >= 0).astype(np.uint8) for x in matrices], 1)
        if not self.options.alpha:
            return LayeredBinaryCodes(q, None, 1.0, weights(len(layers)))
        unit = self.state[f"unit.{table}"]
        sizes = [tensor(x).abs().mean(1) for x in matrices]
        scales = np.stack([(size / unit).clamp(max=1).half().numpy() for size in sizes], 1)
        return LayeredBinaryCodes(q, scales, float(unit), weights(len(layers)))


def weights(layers: int) -> np.ndarray:
    """Return w_l = (l+1)/(L+1) for l = 0 … L, float32 [L+1]."""
    return np.arange(1, layers + 1, dtype=np.float32) / np.float32(layers)


@lru_cache(maxsize=1)
def annealed_sign() -> Any:
    """Return sign(x) with the gradient of tanh(x / T), as a function of x and T."""
    import torch

    class AnnealedSign(torch.autograd.Function):
        """Hard forward; the softer the temperature, the wider the gradient."""

        @staticmethod
        def forward(ctx: Any, x: Any, temperature: float) -> Any:
            ctx.save_for_backward(x)
            ctx.temperature = temperature
            return sign(x)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            (x,) = ctx.saved_tensors
            slope = (1 - torch.tanh(x / ctx.temperature).square()) / ctx.temperature
            return gradients[0] * slope, None

    return AnnealedSign.apply
