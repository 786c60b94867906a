"""What is typed on the command line, turned into specifications; names and numbers are checked at this door."""

import itertools
import json
from pathlib import Path
from typing import Any

from engine import encoders, quantizers
from engine.data import own_vectors, registry
from engine.errors import FewbitsError, unknown
from engine.spec import ModelSpec, Option, RunSpec, parse_spec, refuse_turning
from engine.training import losses

MODEL_OPTIONS = {
    name: (field.annotation if field.annotation in (int, float) else str, field.default)
    for name, field in ModelSpec.model_fields.items()
}
"""Field of ModelSpec → (type as typed, default)."""


def checked(spec: RunSpec, root: Path) -> RunSpec:
    """Return the specification with defaults filled in; unknown names are refused at the door.

    ``root`` is the runs folder, which may hold data sets of one's own.
    """
    registry.info(spec.dataset, root)
    spec = own_vectors.sized(spec, root)
    if spec.model.encoder not in encoders.REGISTRY:
        raise unknown("encoder", spec.model.encoder, list(encoders.REGISTRY))
    losses.check(spec.model.loss)
    spec = quantizers.resolve(spec)
    own_vectors.check(spec)
    refuse_turning(spec)
    return spec


def given(model: dict[str, Any]) -> dict[str, Any]:
    """Return the model fields that were typed."""
    return {name: value for name, value in model.items() if value is not None}


def models(model: dict[str, Any]) -> list[ModelSpec]:
    """Return the model of every combination of the comma-separated fields."""
    choices = {name: names(value) if isinstance(value, str) else [value] for name, value in given(model).items()}
    parsed = {n: [_number(v, MODEL_OPTIONS[n][0], f"--{n}") for v in values] for n, values in choices.items()}
    combinations = itertools.product(*parsed.values())
    return [parse_spec({"dataset": "any", "model": dict(zip(parsed, c, strict=True))}).model for c in combinations]


def only_width(quantizer: str) -> int:
    """Return the one bit-width of a quantizer; FewbitsError where it has several or is unknown."""
    if quantizer not in quantizers.REGISTRY:
        raise unknown("quantizer", quantizer, quantizers.names())
    widths = quantizers.REGISTRY[quantizer].bits
    if len(widths) > 1:
        raise FewbitsError(
            f"{quantizer} has several bit-widths: choose one with --bits ({', '.join(map(str, widths))})"
        )
    return widths[0]


def names(text: str) -> list[str]:
    """Return the parts of a comma-separated text."""
    return [part.strip() for part in text.split(",") if part.strip()]


def integers(text: str, name: str) -> list[int]:
    """Return the whole numbers of a comma-separated text; FewbitsError names the option that held something else."""
    return [_number(part, int, name) for part in names(text)]


def _number(text: Any, kind: Any, name: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        expected = {int: "whole numbers", float: "numbers"}.get(kind, "text")
        raise FewbitsError(f"{name}: got {text!r}, expected {expected} separated by commas") from None


def options(given: tuple[str, ...], chosen: list[str]) -> dict[str, dict[str, list[Option]]]:
    """Return {quantizer: {option: values}} of ``NAME=V`` or ``QUANTIZER.NAME=V,V`` texts; a name without a quantizer
    is meant for all of the chosen ones that know it.

    Raises
    ------
    FewbitsError
        A text of another form, a quantizer that is not chosen, or a name that none of several knows. What a single
        quantizer does not know is told when its options are checked.
    """
    parsed: dict[str, dict[str, list[Option]]] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name or not values:
            raise FewbitsError(f"--option: got {text!r}, expected NAME=VALUE, such as scale=row")
        quantizer, dot, option = name.rpartition(".")
        if dot and quantizer not in chosen:
            raise FewbitsError(f"--option: got {text!r}, but {quantizer!r} is not chosen; chosen: {', '.join(chosen)}")
        meant = [quantizer] if dot else [each for each in chosen if len(chosen) == 1 or option in _options(each)]
        if not meant:
            raise unknown("option", option, sorted({name for each in chosen for name in _options(each)}))
        for each in meant:
            parsed.setdefault(each, {})[option] = [_scalar(v) for v in names(values)]
    return parsed


def only_values(options: dict[str, list[Option]]) -> dict[str, Option]:
    """Return options with their values; FewbitsError where one has several."""
    for name, values in options.items():
        if len(values) > 1:
            several = ",".join(map(str, values))
            raise FewbitsError(f"--option: got {name}={several}, expected one value: `sweep` runs several")
    return {name: values[0] for name, values in options.items() if values}


def _options(quantizer: str) -> list[str]:
    return list(quantizers.REGISTRY[quantizer].Options.model_fields) if quantizer in quantizers.REGISTRY else []


def _scalar(text: str) -> Option:
    """Return a text as the bool, int or float that it spells, else as it is."""
    try:
        value = json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text
