"""What a run is: a frozen description, its canonical JSON, and the run id that follows from it.

Nothing heavy is imported here, so that the dashboard can build, compare and submit specifications without torch or
numba. A quantizer's own options are plain scalars here; ``engine.quantizers.resolve`` checks them and fills in their
defaults.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from engine.errors import FewbitsError

KS = (10, 20, 50, 100)
"""List lengths at which recall, ndcg and overlap are measured."""
LATENCY_K = 20
"""List length of the timed searches."""
DRIFT_LIMIT = 10.0
"""Percent by which the machine's pace may move while it measures; beyond that, times are flagged."""
FLOAT_BITS = 32
NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
GIVEN = "given"
"""The encoder that returns a data set's own vectors."""
UNTRAINED = ("popularity", GIVEN)
"""Encoders that learn nothing."""
NONLINEAR = ("ngcf",)
"""Encoders whose layers are not turned by turning their embeddings."""
LAYERED = ("l2qgcn",)
"""Quantizers that code every layer, and are therefore tuned through the graph alone."""

Option = bool | int | float | str


class Strict(BaseModel):
    """A frozen model that converts nothing silently and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def canonical(self) -> str:
        """Return the JSON with sorted keys and no spaces: equal text for equal content."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the first 12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:12]


RULED = ("epochs", "batch", "negatives", "temperature")
"""Fields of a model for which 0 means: by `engine.training.rules`, from the data's size and density."""
LEAST_TEMPERATURE = 0.014
"""The lowest one but 0: cosines are up to 2 apart, and `engine.training.fused` needs e^(60 - 2/T) as a float32."""


class ModelSpec(Strict):
    """The full-precision model: encoder, size, loss and training budget. Runs with an equal one share its checkpoint.

    ``lr``, ``temperature``, ``negatives`` and ``l2`` are used by the losses as ``engine.training.losses`` says;
    ``epochs`` is the most. ``schedule`` is that of the learning rate: from ``lr`` down to 0 over all epochs along half
    a cosine, which is trained to its end, or constant, which ends after ``patience`` epochs without a better validation
    ndcg@20; the best epoch is kept. Each of RULED is by a rule where it is 0. ``pooling``: whether LightGCN's vectors
    are the mean of E(1) … E(L) or, as published, of E(0) too. ``damping``: whether item lengths are shortened as
    `engine.training.damping` says.
    """

    encoder: str = Field("lightgcn", description="What makes the vectors of users and items.")
    dim: int = Field(64, ge=1, le=4096, description="Numbers in a vector.")
    layers: int = Field(3, ge=0, le=8, description="How often vectors are averaged over the graph.")
    loss: str = Field("softmax", description="What training makes small.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of whatever is drawn.")
    epochs: int = Field(
        0, ge=0, le=100_000,
        description="Training stops sooner when validation stops improving; 0: 5 to 20, fewer where users and items "
        "have more interactions.",
    )  # fmt: skip
    batch: int = Field(
        0, ge=0, le=1 << 20,
        description="Interactions in one step; 0: by the size of the data, about 100 steps an epoch.",
    )  # fmt: skip
    lr: float = Field(0.02, gt=0, le=10, description="Step size of Adam.")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="Cosine: falls from the learning rate to 0 over all epochs."
    )
    temperature: float = Field(
        0.0, ge=0, le=100,
        description="Softmax only: lower, hard negatives count more; 0: 0.1 to 0.4 by the data's density. Any other is "
        f"at least {LEAST_TEMPERATURE}.",
    )  # fmt: skip
    negatives: int = Field(
        0, ge=0, le=65536,
        description="Softmax only: items drawn as negatives in each step; 0: a third of the items, 256 to 2,048.",
    )  # fmt: skip
    l2: float = Field(0.0, ge=0, le=10, description="BPR only: pulls vectors towards zero.")
    pooling: Literal["neighbours", "all"] = Field(
        "neighbours",
        description="LightGCN only. Neighbours: a vector is what its neighbours say; all: its own free embedding "
        "counts too, as published.",
    )
    patience: int = Field(
        5, ge=1, le=10_000,
        description="With a constant learning rate only: epochs without a better validation NDCG@20 before training "
        "stops.",
    )  # fmt: skip
    damping: Literal["none", "validation"] = Field(
        "validation",
        description="Softmax only. Validation: by how much validation asks, for float32 and for each quantizer's codes "
        "of their own; more recall on sparse data.",
    )

    @field_validator("temperature")
    @classmethod
    def _no_temperature_underflows(cls, value: float) -> float:
        if 0 < value < LEAST_TEMPERATURE:
            raise PydanticCustomError(
                "temperature",
                "Input should be 0 (by a rule, from the data's density) or at least {least}",
                {"least": LEAST_TEMPERATURE},
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _encoders_without_a_graph(cls, values: Any) -> Any:
        """MF, popularity and given vectors propagate nothing: their ``layers`` is 0 whatever was asked, so that equal
        models get equal ids. Given vectors keep their lengths. Encoders other than LightGCN pool all layers.
        """
        if isinstance(values, dict) and (values.get("encoder", "lightgcn") != "lightgcn" or values.get("layers") == 0):
            values = {**values, "pooling": "all"}
        if isinstance(values, dict) and values.get("encoder") in ("mf", *UNTRAINED):
            values = {**values, "layers": 0}
            if values["encoder"] == "popularity":
                values["dim"] = 1
            if values["encoder"] == GIVEN:
                values["damping"] = "none"
        return values

    @property
    def pooled(self) -> int:
        """How many layers a vector is the mean of."""
        return self.layers + (self.pooling == "all")


class RunSpec(Strict):
    """One run: a data set, a model, a quantizer at a bit-width, and the query precisions to serve it with."""

    dataset: str
    split_seed: int = Field(0, ge=0, le=2**31 - 1)
    model: ModelSpec = ModelSpec()
    quantizer: str = "float32"
    bits: int = Field(FLOAT_BITS, ge=1, le=FLOAT_BITS)
    query_bits: tuple[int, ...] = ()
    options: dict[str, Option] = {}

    @field_validator("query_bits", mode="before")
    @classmethod
    def _sequence(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("dataset", "quantizer")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not NAME.match(value):
            raise ValueError(f"{value!r} is no name: expected lower-case letters, digits, '-' and '_'")
        return value

    @model_validator(mode="before")
    @classmethod
    def _default_queries(cls, values: Any) -> Any:
        """Without a choice, users are served both at float32 and at the items' own bits; highest first, none twice."""
        if isinstance(values, dict):
            asked = values.get("query_bits") or (FLOAT_BITS, values.get("bits", FLOAT_BITS))
            if isinstance(asked, Sequence) and all(isinstance(b, int) for b in asked):
                values = {**values, "query_bits": tuple(sorted(set(asked), reverse=True))}
        return values

    @model_validator(mode="after")
    def _queries_are_float_or_own(self) -> "RunSpec":
        odd = set(self.query_bits) - {FLOAT_BITS, self.bits}
        if odd:
            raise ValueError(
                f"query_bits {sorted(odd)}: users are served at 32 (float32) or at the items' own {self.bits} bits"
            )
        return self

    @property
    def run_id(self) -> str:
        """``<dataset>-<quantizer><bits>-<digest>``: readable, safe as a folder name, equal for equal specifications."""
        name = self.quantizer if self.quantizer.endswith(str(self.bits)) else f"{self.quantizer}{self.bits}"
        return f"{self.dataset}-{name}-{self.digest()}"

    def settings(self) -> dict[str, Option]:
        """Return what tells its training from the usual one with the same encoder, size, loss and seed, and a split
        seed other than 0.
        """
        model = self.model
        usual = ModelSpec(encoder=model.encoder, dim=model.dim, layers=model.layers, loss=model.loss, seed=model.seed)
        named = {name: v for name, v in model.model_dump().items() if v != getattr(usual, name)}
        return named | ({"split_seed": self.split_seed} if self.split_seed else {})


def refuse_turning(spec: RunSpec) -> None:
    """Raise a FewbitsError where a quantizer would turn the embeddings of an encoder that is not linear.

    What the options leave out is taken for none: fill in the defaults before.
    """
    turn = spec.options.get("rotate", "none")
    if turn == "none" or spec.options.get("tune") != "graph" or spec.model.encoder not in NONLINEAR:
        return
    vectors = "" if spec.quantizer in LAYERED else ", tune=vectors"
    raise FewbitsError(
        f"quantizer {spec.quantizer!r} with rotate={turn} and tune=graph turns the embeddings of the model, and "
        f"{spec.model.encoder} is not linear: choose rotate=none{vectors}, or another encoder"
    )


def parse_spec(values: dict[str, Any] | str) -> RunSpec:
    """Return the specification in a dict or JSON text.

    Raises
    ------
    FewbitsError
        One sentence for each field that is off: its name, what was got, what was expected.
    """
    try:
        return RunSpec.model_validate_json(values) if isinstance(values, str) else RunSpec.model_validate(values)
    except ValidationError as error:
        raise FewbitsError("; ".join(_sentence(e) for e in error.errors())) from None


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "specification"
    got = error.get("input")
    shown = "" if error["type"] == "missing" or isinstance(got, dict) else f" (got {got!r})"
    return f"{where}: {error['msg']}{shown}"
