"""Quantizers: how vectors become codes. One file is one method; ``REGISTRY`` is what can be asked for.

Nothing here imports torch: a method that trains does so inside its functions.
"""

from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from engine.errors import FewbitsError, unknown
from engine.quantizers.base import Quantizer
from engine.quantizers.dpq import DPQ
from engine.quantizers.float import Float16, Float32
from engine.quantizers.hashgnn import HashGNN
from engine.quantizers.hqgnn import HQGNN
from engine.quantizers.l2qgcn import L2QGCN
from engine.quantizers.mgqe import MGQE
from engine.quantizers.peer import Peer
from engine.quantizers.product import Opq, Pq
from engine.quantizers.rotation import Itq, Lsh, Rabitq
from engine.quantizers.sign import Sign
from engine.quantizers.uniform import Uniform
from engine.spec import RunSpec

__all__ = ["REGISTRY", "Quantizer", "create", "describe", "names", "resolve"]

REGISTRY: dict[str, type[Quantizer]] = {
    "float32": Float32,
    "float16": Float16,
    "uniform": Uniform,
    "sign": Sign,
    "lsh": Lsh,
    "itq": Itq,
    "rabitq": Rabitq,
    "pq": Pq,
    "opq": Opq,
    "hqgnn": HQGNN,
    "l2qgcn": L2QGCN,
    "hashgnn": HashGNN,
    "dpq": DPQ,
    "mgqe": MGQE,
    "peer": Peer,
}


def names() -> list[str]:
    """Return the names of all methods."""
    return list(REGISTRY)


def create(spec: RunSpec) -> Quantizer:
    """Return the quantizer of a run.

    Raises
    ------
    FewbitsError
        As `resolve`.
    """
    method, options = _checked(spec)
    return method(spec.bits, options, spec.model.seed)


def resolve(spec: RunSpec) -> RunSpec:
    """Return the specification with every option of its quantizer written out, so that equal runs have equal ids.

    Raises
    ------
    FewbitsError
        For an unknown quantizer, bit-width, option or value: lists the known ones. For a method that needs what is not
        installed: says how to install it.
    """
    _, options = _checked(spec)
    return spec.model_copy(update={"options": options.model_dump()})


def describe() -> list[dict[str, Any]]:
    """Return what a form needs to know of every method, as plain JSON values.

    Each has name, title, explanation, link, bits, trained, unavailable (what to install before it can be used, mostly
    empty) and options, a list of {name, kind, choices, default, help} where kind is "choice", "bool", "int" or "float",
    and choices is empty but for a "choice".
    """
    return [_description(method) for method in REGISTRY.values()]


def _description(method: type[Quantizer]) -> dict[str, Any]:
    plain = {key: getattr(method, key) for key in ("name", "title", "explanation", "link", "trained")}
    options = [_option(name, field) for name, field in method.Options.model_fields.items()]
    return {**plain, "bits": list(method.bits), "unavailable": method.unavailable(), "options": options}


def _option(name: str, field: Any) -> dict[str, Any]:
    choices = list(get_args(field.annotation)) if get_origin(field.annotation) is Literal else []
    kind = "choice" if choices else field.annotation.__name__
    return {"name": name, "kind": kind, "choices": choices, "default": field.default, "help": field.description or ""}


def _checked(spec: RunSpec) -> tuple[type[Quantizer], Any]:
    """Return the method and its options with defaults filled in."""
    if spec.quantizer not in REGISTRY:
        raise unknown("quantizer", spec.quantizer, names())
    method = REGISTRY[spec.quantizer]
    if words := method.unavailable():
        raise FewbitsError(f"quantizer {spec.quantizer!r} cannot be used yet: {words}")
    if spec.bits not in method.bits:
        widths = ", ".join(str(bits) for bits in method.bits)
        raise FewbitsError(f"quantizer {spec.quantizer!r}: got {spec.bits} bits, expected one of {widths}")
    known = list(method.Options.model_fields)
    for name in spec.options:
        if name not in known:
            raise unknown(f"option of {spec.quantizer}", name, known or ["none"])
    try:
        options = method.Options.model_validate(dict(spec.options))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FewbitsError(
            f"option {where!r} of {spec.quantizer}: got {first.get('input')!r}; {first['msg']}"
        ) from None
    method.check(spec.bits, options, spec.model.dim)
    return method, options
