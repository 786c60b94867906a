"""HQ-GNN: b-bit uniform codes on a graph encoder's output, tuned with a Hessian-aware straight-through estimator.

Chen et al., "Hessian-aware Quantized Node Embeddings for Recommendation", https://arxiv.org/abs/2309.01032. Quantized:
the pooled output of the encoder, users and items each with a bound u > 0. With M = 2^b - 1 levels above the lowest:

    x_c = clamp(x, -u, u),  x_n = (x_c + u) M / (2u),  x_q = floor(x_n + 1/2),  x̂ = (2 x_q - M) u / M
    ∂ℓ/∂x_n = g ⊙ (1 + δ sign(g) ⊙ (x_n - x_q)),  g = ∂ℓ/∂x_q                                  (GSTE; δ = 0: plain STE)

- (paper) GNN encoder, then the quantizer on its output; any bit-width; integer-only inference; the estimator uses the
  quantization error and the trace of the loss's Hessian, δ = (Tr(H)/N) / G.
- (ours) G is mean |g| (``mean_abs``) or 3 standard deviations of g (``3std``); δ is kept for users and items apart,
  measured again each epoch (100 steps) on 3 batches with an exponential average of 0.9, on the loss that is tuned;
  a negative one counts as 0, and the factor stays within [0.1, 2].
- (ours) the bound is that of least squared error on the checkpoint (``bound=mse``; found by turns, so that at 4 and 8
  bits it ends above the least, see `engine.quantizers.uniform`), or the 99.5 % quantile of |x| (``quantile``); both
  follow the vectors with an average of 0.99 an epoch. The gradient passes up to the quantile.
- (ours) ``rotate=itq`` turns the model first, so that items lie near their signs; no inner product changes.
- (ours) ``scale=row``: rows are divided by mean |x| before, and their step, a float16 a row more, is chosen after so
  that ⟨x, x̂⟩ = |x|²: lengths carry popularity (2 bits on Gowalla, float32 users, before tuning: 97.1 % of recall@20
  kept, against 95.1 % with steps in proportion to mean |x|).
- (ours) the learning rate falls with the rounding error, lr · 4^(1-b): at 0.001 4-bit codes only got worse.
- (ours) the trace under BPR alone has a closed form, other losses use Rademacher probes (`engine.quantizers.hessian`);
  ``hessian=diag`` takes each element's own curvature: exact under BPR, one noisy probe a step otherwise.

GSTE does not beat STE here: recall@20 on ml-100k, 5 seeds, the papers' form (through the graph, BPR, no distillation,
300 steps), own users, GSTE - STE with its 95 % interval: +0.0003 ± 0.0010 at 1 bit (of 0.279), -0.0001 ± 0.0002 at 2
(of 0.321), 0.0000 ± 0.0000 at 4 (of 0.296). A row scale keeps 94.4 ± 2.4 % at 1 bit, one bound a table 88.5 ± 3.0.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.codes import ScalarCodes
from engine.quantizers import hessian
from engine.quantizers.base import as_matrix
from engine.quantizers.rotation import ROUNDS, learned_rotation
from engine.quantizers.straight import gste
from engine.quantizers.trained import Batch, TrainedQuantizer, TuningOptions, embedding, mean_of, tensor, through
from engine.quantizers.uniform import fit_table

FOLLOW = 0.99
"""Of the bound, an epoch."""
PROBES, KEEP = 3, 0.9
"""Batches that δ is measured on, and how much of the last δ is kept."""
QUANTILE = 0.995
MOST = 2.0
"""A row's step is at most so many times what its mean |x| and the table's bound say."""
HEADROOM = 8.0
"""How far above the largest row scale the unit lies: rows may grow while tuning."""


class HQGNN(TrainedQuantizer):
    """Uniform integers, tuned through the graph."""

    name = "hqgnn"
    title = "HQ-GNN"
    explanation = (
        "Tunes the model with its vectors rounded to b bits, so that it learns to live with the rounding. "
        "The gradient through the rounding is corrected by the curvature of the loss (GSTE)."
    )
    link = "https://arxiv.org/abs/2309.01032"
    bits = (8, 4, 2, 1)

    class Options(TuningOptions):
        """The options of `HQGNN`."""

        estimator: Literal["gste", "ste"] = Field(
            "gste", description="gradient through the rounding: corrected by the curvature (the paper's), or plain"
        )
        g_scale: Literal["mean_abs", "3std"] = Field("mean_abs", description="what is a typical gradient in δ")
        hessian: Literal["trace", "diag"] = Field("trace", description="curvature: its mean, or each element's own")
        scale: Literal["row", "table"] = Field(
            "row", description="ours: a float16 scale for each row; table: the paper's one bound"
        )
        rotate: Literal["none", "itq"] = Field(
            "itq", description="ours: turn the model first so that items lie near their signs; none: as it is"
        )
        bound: Literal["mse", "quantile"] = Field(
            "mse", description="largest level: of least squared error, or the 99.5 % quantile"
        )

    def __init__(self, bits: int, options: Any, seed: int = 0) -> None:
        super().__init__(bits, options, seed)
        self._elements: dict[str, Any] = {}
        self._loss: Callable[..., Any] = lambda *_: None

    def rotation(self, items: Sequence[np.ndarray]) -> np.ndarray | None:
        if self.options.rotate == "none":
            return None
        return learned_rotation(mean_of(items), ROUNDS, np.random.default_rng(self.seed))

    def start(self, tables: Mapping[str, Sequence[np.ndarray]], counts: Mapping[str, np.ndarray]) -> None:
        import torch

        self.state = {}
        for table, layers in tables.items():
            x = as_matrix(self.vectors(layers, table), table)
            bound, clip = self._bounds(x)
            sizes = np.abs(x).mean(1)
            unit = np.float32(HEADROOM * sizes.max(initial=0)) or np.float32(1)
            numbers = {"bound": bound, "clip": clip, "unit": unit, "delta": 0.0, "typical": 0.0}
            self.state |= {f"{k}.{table}": torch.tensor(v, dtype=torch.float32) for k, v in numbers.items()}

    def _bounds(self, x: np.ndarray) -> tuple[float, float]:
        """Return (largest level, where the gradient ends) of a table, relative to the rows' scales where they have."""
        if self.options.scale == "row":
            x = x / np.maximum(np.abs(x).mean(1, keepdims=True), np.finfo(np.float32).tiny)
        quantile = float(np.quantile(np.abs(x), QUANTILE)) if x.size else 0.0
        if self.options.bound == "quantile":
            return quantile or 1.0, quantile or 1.0
        ones = np.ones(len(x))
        fitted = fit_table(np.ascontiguousarray(x, np.float32), self.width, 20, ones) * self.levels
        return fitted or 1.0, max(quantile, fitted) or 1.0

    def readout(self, layers: Sequence[Any], table: str, rows: Any = None) -> Any:
        q, step, _ = self._quantized(layers, table)
        return (2 * q - self.levels) * step

    @property
    def levels(self) -> int:
        """Return M, the largest x_q."""
        return (1 << self.width) - 1

    @property
    def rate(self) -> float:
        return float(self.options.lr) * 4.0 ** (1 - self.width)

    def _quantized(self, layers: Sequence[Any], table: str) -> tuple[Any, Any, Any]:
        """Return x_q, the step of each row [n, 1] and the row scale as stored (None for one bound a table)."""
        x = tensor(self.vectors(layers, table))
        bound, clip, tiny = self.state[f"bound.{table}"], self.state[f"clip.{table}"], np.finfo(np.float32).tiny
        size = x.abs().mean(1, keepdim=True) if self.options.scale == "row" else None
        relative = x if size is None else x / size.detach().clamp(min=tiny)
        clamped = through(relative.clamp(-clip, clip), relative.clamp(-bound, bound))
        delta = None
        if self.options.estimator == "gste":
            delta = self.state[f"delta.{table}"]
            if self.options.hessian == "diag" and x.requires_grad:
                delta = self._elements[table] = delta.expand_as(x).clone()  # filled before the gradient is taken
        q = gste((clamped + bound) * (self.levels / (2 * bound)), self.levels, delta)
        unit = self._unit_step(table)
        if size is None:
            return q, unit, None
        along = (relative * (2 * q - self.levels)).sum(1, keepdim=True).detach()
        square = relative.square().sum(1, keepdim=True).detach()
        step = size * (square / along.clamp(min=tiny)).minimum(MOST * bound / self.levels)
        stored = (step.detach() / unit).clamp(max=1).half()
        return q, through(step, stored.float() * unit), stored

    def _unit_step(self, table: str) -> Any:
        """Return the step of a row of scale 1, as it is stored."""
        unit = self.state[f"unit.{table}"] if self.options.scale == "row" else 1.0
        return unit * self.state[f"bound.{table}"] / self.levels

    def codes(self, layers: Sequence[Any], table: str) -> ScalarCodes:
        """Return the integers that `readout` decodes to."""
        import torch

        with torch.no_grad():
            as_matrix(self.vectors(layers, table), table)
            q, _, stored = self._quantized([tensor(x) for x in layers], table)
            row_scale = None if stored is None else stored[:, 0].numpy()
            return ScalarCodes(q.numpy().astype(np.uint8), self.width, row_scale, float(self._unit_step(table)))

    def on_epoch(self, draw: Callable[[], tuple[Any, Any, Batch]], loss: Callable[..., Any], progress: float) -> None:
        """Let the bounds follow the vectors, and measure δ again."""
        self._loss = loss
        found: dict[str, list[Any]] = {}
        steps = [draw() for _ in range(PROBES)]
        self._follow([{"user": users, "item": items} for users, items, _ in steps])
        for users, items, batch in steps:
            if self.options.estimator == "gste":
                for table, (gradient, curvature) in self._curvatures(users, items, batch).items():
                    typical = 3 * gradient.std() if self.options.g_scale == "3std" else gradient.abs().mean()
                    found.setdefault(table, []).append((typical, curvature.mean()))
        for table, pairs in found.items():
            typical = sum(t for t, _ in pairs) / PROBES
            delta = (sum(c for _, c in pairs) / PROBES / typical.clamp(min=np.finfo(np.float32).tiny)).clamp(min=0)
            for name, fresh in (("delta", delta), ("typical", typical)):
                last = self.state[f"{name}.{table}"]
                self.state[f"{name}.{table}"] = fresh if progress == 0 else KEEP * last + (1 - KEEP) * fresh

    def _follow(self, batches: Sequence[Mapping[str, Sequence[Any]]]) -> None:
        for table in batches[0]:
            rows = [self.vectors(tables[table], table).detach().cpu().numpy() for tables in batches]
            for name, value in zip(("bound", "clip"), self._bounds(np.concatenate(rows)), strict=True):
                last = self.state[f"{name}.{table}"]
                self.state[f"{name}.{table}"] = (FOLLOW * last + (1 - FOLLOW) * value).float()

    def _curvatures(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> dict[str, tuple[Any, Any]]:
        """Return gradient and diagonal of the Hessian in x_q of each coded table's unique rows, [m, D] each."""
        import torch

        tables = {"user": users, "item": items} if self.options.users == "own" else {"item": items}
        with torch.no_grad():
            coded = {name: self._quantized(layers, name)[:2] for name, layers in tables.items()}
            floats = None if "user" in coded else self.vectors(users, "user")
        levels, take = self.levels, embedding()

        def scored(*rows: Any) -> tuple[Any, Any, Any]:
            read = {n: (2 * q - levels) * step for q, (n, (_, step)) in zip(rows, coded.items(), strict=True)}
            user = read.get("user", floats)
            places = (batch.user_at, user), (batch.positive_at, read["item"]), (batch.negative_at, read["item"])
            return tuple(take(at, table) for at, table in places)  # type: ignore[return-value]

        rows = [q for q, _ in coded.values()]
        gradients, diagonals = hessian.probe(lambda *r: self._loss(scored(*r), batch), rows, batch.generator)
        if batch.bpr:
            diagonals = self._closed_form(coded, scored(*rows), batch)
        return dict(zip(coded, zip(gradients, diagonals, strict=True), strict=True))

    def _closed_form(self, coded: dict[str, Any], scored: tuple[Any, Any, Any], batch: Batch) -> list[Any]:
        """Return the exact diagonal under BPR in x_q of each coded table's unique rows."""
        user, item = hessian.bpr_diagonal(*scored)
        places = {"user": [(batch.user_at, user)], "item": [(batch.positive_at, item), (batch.negative_at, item)]}
        diagonals = []
        for table, (q, step) in coded.items():
            total = q.new_zeros(q.shape)
            for at, share in places[table]:
                total.index_add_(0, at, share)
            diagonals.append(total * (2 * step) ** 2)
        return diagonals

    def before_backward(self, users: Sequence[Any], items: Sequence[Any], batch: Batch) -> None:
        """With ``hessian=diag``, give each element of the batch's rows its own δ."""
        if self.options.estimator == "gste" and self.options.hessian == "diag":
            for table, (_, diagonal) in self._curvatures(users, items, batch).items():
                typical = self.state[f"typical.{table}"].clamp(min=np.finfo(np.float32).tiny)
                self._elements[table].copy_((diagonal / typical).clamp(min=0))
