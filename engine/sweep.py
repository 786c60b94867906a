"""From choices to runs: every sensible combination once, and about how long they take. No heavy imports.

The command line and the dashboard both expand their choices here, so that both mean the same runs.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.errors import FewbitsError, unknown
from engine.spec import FLOAT_BITS, UNTRAINED, ModelSpec, Option, RunSpec, parse_spec

TRAIN_S_PER_MILLION = 105.0
"""Seconds to train one million interactions with LightGCN at d = 64 on two cores, before this machine has shown its
own.
"""
TUNE_SHARE = 0.6
"""What tuning a quantizer takes beside training its model, before this machine has tuned one: it begins at the trained
model, so that fewer epochs do.
"""
TUNE_STEPS = 600
"""Steps that this share is meant for; a quantizer's option ``steps`` makes it longer or shorter."""
MEASURE_S, MEASURE_S_PER_BILLION_PAIRS = 6.0, 12.0
"""Seconds a run needs without training: start-up and latency, and exact search for each billion of user × item pairs.
"""


def expand(
    methods: Sequence[Mapping[str, Any]],
    datasets: Sequence[str],
    quantizers: Sequence[str],
    bits: Sequence[int] = (),
    models: Sequence[ModelSpec] = (ModelSpec(),),
    queries: Sequence[str] = ("float32", "own"),
    options: Mapping[str, Mapping[str, Sequence[Option]]] | None = None,
    split_seed: int = 0,
) -> list[RunSpec]:
    """Return the runs that the choices mean, each once, in an order in which checkpoints are shared early.

    Parameters
    ----------
    methods : ``engine.quantizers.describe()``, or the catalog's copy of it.
    bits : bit-widths wanted; a quantizer takes those it supports (none given: all), one that supports only a single
        width (float32, sign) takes that. A quantizer that supports several but none of those wanted is an error.
    queries : how users are served: "float32", "own" (the items' bits) or both, measured within one run.
    options : for each quantizer the values of its options to combine, e.g. ``{"sign": {"scale": ["none", "row"]}}``;
        those left out take their default.

    Raises
    ------
    FewbitsError
        A quantizer, bit-width or option that is not known, or nothing chosen; the known ones are listed.
    """
    known = {str(m["name"]): m for m in methods}
    for empty, what in (
        (datasets, "data set"),
        (quantizers, "quantizer"),
        (models, "model"),
        (queries, "query precision"),
    ):
        if not empty:
            raise FewbitsError(f"no {what} chosen: choose at least one")
    for name in options or {}:
        if name not in quantizers:
            raise FewbitsError(
                f"options were given for {name!r}, which is not among the chosen quantizers: {', '.join(quantizers)}"
            )
    specs: dict[str, RunSpec] = {}
    for dataset, model, name in itertools.product(datasets, models, quantizers):
        if name not in known:
            raise unknown("quantizer", name, list(known))
        for width in _widths(known[name], bits):
            for chosen in _combinations(known[name], (options or {}).get(name, {})):
                spec = parse_spec({
                    "dataset": dataset, "split_seed": split_seed, "model": model.model_dump(), "quantizer": name,
                    "bits": width, "query_bits": _query_bits(queries, width), "options": chosen,
                })  # fmt: skip
                specs.setdefault(spec.run_id, spec)
    return list(specs.values())


def _widths(method: Mapping[str, Any], wanted: Sequence[int]) -> list[int]:
    supported = list(method["bits"])
    if not wanted or len(supported) == 1:
        return supported
    widths = [b for b in supported if b in wanted]
    if not widths:
        raise FewbitsError(
            f"{method['name']} has no {'/'.join(map(str, wanted))} bits; it supports {', '.join(map(str, supported))}"
        )
    return widths


def _combinations(method: Mapping[str, Any], given: Mapping[str, Sequence[Option]]) -> Iterable[dict[str, Option]]:
    options = {o["name"]: o for o in method["options"]}
    for name, values in given.items():
        if name not in options:
            raise unknown(f"option of {method['name']}", name, list(options) or ["(it has none)"])
        choices = options[name].get("choices")
        for value in values:
            if choices and value not in choices:
                raise unknown(f"value of {method['name']}.{name}", str(value), [str(c) for c in choices])
    chosen: list[Sequence[Option]] = [given.get(name) or [o["default"]] for name, o in options.items()]
    return (dict(zip(options, combination, strict=True)) for combination in itertools.product(*chosen))


def _query_bits(queries: Sequence[str], width: int) -> list[int]:
    odd = set(queries) - {"float32", "own"}
    if odd:
        raise FewbitsError(f"unknown query precision {', '.join(sorted(odd))}; known: float32, own")
    return sorted({FLOAT_BITS if q == "float32" else width for q in queries}, reverse=True)


def estimate_s(
    specs: Iterable[RunSpec],
    sizes: Mapping[str, tuple[int, int, int]],
    trained: Iterable[str] = (),
    measured: Mapping[tuple[str, str, int], float] | None = None,
    tuned: Iterable[str] = (),
    measured_tuning: Mapping[tuple[str, str, str, int], float] | None = None,
) -> float:
    """Return about how many seconds the runs take on a machine like this, one after the other.

    Parameters
    ----------
    sizes : data set → (users, items, interactions), as the registry knows them.
    trained : digests of the models (`model_key`) whose checkpoints exist or are shared; their training costs nothing.
    measured : (data set, encoder, dim) → seconds that training took here before.
    tuned : names of the quantizers that are trained themselves, each run of one on its own, after their model.
    measured_tuning : (data set, quantizer, encoder, dim) → seconds that this took here before.
    """
    seconds, have, tuned = 0.0, set(trained), set(tuned)
    for spec in specs:
        users, items, interactions = sizes[spec.dataset]
        seconds += MEASURE_S + MEASURE_S_PER_BILLION_PAIRS * len(spec.query_bits) * users * items / 1e9
        if spec.model.encoder == "popularity":
            continue
        dataset, encoder, dim = spec.dataset, spec.model.encoder, spec.model.dim
        by_rule = TRAIN_S_PER_MILLION * interactions / 1e6 * (dim + 32) / 96 * (spec.model.layers + 2) / 5
        training = (measured or {}).get((dataset, encoder, dim), by_rule)
        if (key := model_key(spec)) not in have and encoder not in UNTRAINED:
            have.add(key)
            seconds += training
        if spec.quantizer in tuned:
            known = (measured_tuning or {}).get((dataset, spec.quantizer, encoder, dim))
            share = TUNE_SHARE * float(spec.options.get("steps", TUNE_STEPS)) / TUNE_STEPS
            seconds += share * training if known is None else known
    return seconds


def model_key(spec: RunSpec) -> str:
    """Return what two runs must have in common to share a checkpoint, before the data is read."""
    return f"{spec.dataset}-{spec.split_seed}-{spec.model.digest()}"


def measured_training(points: Any) -> dict[tuple[str, str, int], float]:
    """Return (data set, encoder, dim) → what training took among the catalog's points (a DataFrame), in seconds."""
    usual = _usual(points, "train_s", ["dataset", "encoder", "dim"])
    return {(str(d), str(e), int(n)): s for (d, e, n), s in usual.items()}


def measured_tuning(points: Any) -> dict[tuple[str, str, str, int], float]:
    """Return (data set, quantizer, encoder, dim) → what tuning took among the catalog's points, in seconds."""
    usual = _usual(points, "tune_s", ["dataset", "quantizer", "encoder", "dim"])
    return {(str(d), str(q), str(e), int(n)): s for (d, q, e, n), s in usual.items()}


def _usual(points: Any, seconds: str, by: list[str]) -> dict[Any, float]:
    """Return the median: one training that had to wait, or slept with its machine, says nothing about the next.

    Runs that share a model have its seconds to the last bit: it was trained once, and counts once.
    """
    if points.empty or seconds not in points:
        return {}
    usual = points.dropna(subset=[seconds]).drop_duplicates([*by, seconds]).groupby(by)[seconds].median()
    return {group: float(s) for group, s in usual.items() if s > 0}
