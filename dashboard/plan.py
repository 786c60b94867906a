"""What the choices on the New run page mean: which runs, which are done or wait already, about how long."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dashboard import commands, data, labels, results
from engine import sweep
from engine.data import own_vectors, registry
from engine.errors import FewbitsError
from engine.spec import UNTRAINED, ModelSpec, Option, RunSpec
from engine.sweep import measured_training, measured_tuning


@dataclass(frozen=True)
class Plan:
    """Runs that the choices mean, in order, and the states of those that exist."""

    specs: list[RunSpec]
    states: Mapping[str, str]
    seconds: float
    models_to_train: int
    quantizers_to_tune: int = 0

    @property
    def done(self) -> list[RunSpec]:
        return [s for s in self.specs if self.states.get(s.run_id) == "done"]

    @property
    def waiting(self) -> list[RunSpec]:
        return [s for s in self.specs if self.states.get(s.run_id) in data.WAITING]

    @property
    def new(self) -> list[RunSpec]:
        """Runs to submit: those never asked for, and those that failed, were cancelled or broke off."""
        return [s for s in self.specs if self.states.get(s.run_id) not in (*data.WAITING, "done")]

    @property
    def again(self) -> int:
        """How many of the new runs were tried before."""
        return sum(s.run_id in self.states for s in self.new)

    def word(self, spec: RunSpec) -> str:
        """Return a run's state in words; "new" where it was never asked for."""
        state = self.states.get(spec.run_id)
        return labels.STATES[state][0] if state else "new"


def make(
    methods: Sequence[Mapping[str, Any]],
    datasets: Sequence[str],
    quantizers: Sequence[str],
    bits: Sequence[int],
    models: Sequence[ModelSpec],
    queries: Sequence[str],
    options: Mapping[str, Mapping[str, Sequence[Option]]],
    chosen: bool = True,
    split_seed: int = 0,
) -> Plan:
    """Return the plan for a set of choices; FewbitsError says in a sentence what is missing or off.

    Quantizers that cannot run on a data set's own vectors are an error where a person has ``chosen`` them, else they
    are left out.
    """
    for method in methods:
        for option in method["options"]:
            wrong = [v for v in options.get(method["name"], {}).get(option["name"], ()) if isinstance(v, str)]
            if option["kind"] in ("int", "float") and wrong:
                raise FewbitsError(f"{method['name']}.{option['name']}: got {wrong[0]!r}, expected a number")
    combined = sweep.expand(methods, datasets, quantizers, bits, models, queries, options, split_seed)
    specs = own_vectors.fitting(combined, data.root(), chosen)
    known = data.live_runs()
    states = dict(zip(known["run_id"], known["state"], strict=True))
    states |= {run_id: "queued" for run_id, command in commands.asked_for().items() if command in ("submit", "retry")}
    trained = results.trained()
    sizes = {name: (i.users, i.items, i.interactions) for name in datasets if (i := registry.info(name, data.root()))}
    new = [s for s in specs if states.get(s.run_id) not in (*data.WAITING, "done")]
    to_train = {sweep.model_key(s) for s in new if s.model.encoder not in UNTRAINED} - trained
    tuned = {m["name"] for m in methods if m.get("trained")}
    points = data.points()
    seconds = sweep.estimate_s(new, sizes, trained, measured_training(points), tuned, measured_tuning(points))
    return Plan(specs, states, seconds, len(to_train), sum(s.quantizer in tuned for s in new))


def models(
    encoders: Sequence[str],
    dims: Sequence[int],
    layers: Sequence[int],
    losses: Sequence[str],
    seeds: Sequence[int],
    training: Mapping[str, Any],
) -> list[ModelSpec]:
    """Return every combination as a model, each once (MF has no layers, so that its layers do not multiply).

    Raises
    ------
    FewbitsError
        A field without a value, or a value outside its range; the field, what was got and what is allowed are named.
    """
    fields = {"encoder": encoders, "dimension": dims, "number of layers": layers, "loss": losses, "seed": seeds}
    for title, values in fields.items():
        if not values:
            raise FewbitsError(f"no {title} chosen: choose at least one")
    made: dict[str, ModelSpec] = {}
    for encoder, dim, layer, loss, seed in itertools.product(encoders, dims, layers, losses, seeds):
        try:
            model = ModelSpec(encoder=encoder, dim=dim, layers=layer, loss=loss, seed=seed, **training)
        except ValidationError as error:
            first = error.errors()[0]
            where, words = ".".join(map(str, first["loc"])), first["msg"][:1].lower() + first["msg"][1:]
            raise FewbitsError(f"{where}: got {first['input']!r}, but {words}") from None
        made.setdefault(model.digest(), model)
    return list(made.values())
