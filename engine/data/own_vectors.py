"""Vectors of one's own: what runs on them may ask for. Nothing heavy is imported: the dashboard reads this file.

A data set of one's own may hold a vector for each of its users and items (`engine.data.own_matrices` reads them). The
encoder ``given`` serves them as they are: nothing is trained, lengths stay, the inner product ranks. Other encoders can
still be trained on the interactions of such a set.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.data import registry
from engine.errors import FewbitsError
from engine.spec import GIVEN, ModelSpec, RunSpec, refuse_turning

NEEDS_A_MODEL = {
    "tune": ("graph", "learns through the graph of a model", "tune=vectors, where the quantizer has it"),
    "start": ("scratch", "begins at a model that is not trained yet", "start=checkpoint"),
}
"""Option of a trained quantizer → the value that given vectors can't serve, what it means, what to choose."""


def usual(spec: RunSpec, root: Path) -> RunSpec:
    """Return a run for which no encoder was named: with the vectors that its data set has, else as it is."""
    return _with(spec, encoder=GIVEN) if registry.info(spec.dataset, root).dim else spec


def sized(spec: RunSpec, root: Path) -> RunSpec:
    """Return a run on given vectors with their dimensions, whatever was asked; any other as it is.

    Raises
    ------
    FewbitsError
        It asks for given vectors, and its data set has none.
    """
    if spec.model.encoder != GIVEN:
        return spec
    dim = registry.info(spec.dataset, root).dim
    if not dim:
        raise FewbitsError(
            f"encoder {GIVEN!r}: the data set {spec.dataset!r} has no vectors of its own; choose an encoder that is "
            "trained, such as lightgcn, or add a set with --user-vectors and --item-vectors"
        )
    return _with(spec, dim=dim)


def check(spec: RunSpec) -> None:
    """Raise a FewbitsError where a quantizer's options need a model and there are only vectors."""
    if spec.model.encoder != GIVEN:
        return
    for option, (value, meaning, instead) in NEEDS_A_MODEL.items():
        if spec.options.get(option) == value:
            raise FewbitsError(
                f"quantizer {spec.quantizer!r} with {option}={value} {meaning}, and given vectors have none: choose "
                f"{instead}, another quantizer, or an encoder that is trained on the interactions"
            )


def fitting(specs: Iterable[RunSpec], root: Path, chosen: bool = True) -> list[RunSpec]:
    """Return the runs of a sweep that can be, each once.

    Those that can't are left out where the same quantizer has others on the same data set, or where nobody has
    ``chosen`` it.

    Raises
    ------
    FewbitsError
        A chosen quantizer has no run on a data set that could be; the text says why not.
    """
    found: dict[str, RunSpec] = {}
    refused: dict[tuple[str, str], FewbitsError] = {}
    for spec in specs:
        try:
            fit = sized(spec, root)
            check(fit)
            refuse_turning(fit)
        except FewbitsError as error:
            refused.setdefault((spec.dataset, spec.quantizer), error)
            continue
        found.setdefault(fit.run_id, fit)
    there = {(spec.dataset, spec.quantizer) for spec in found.values()}
    for combination, why in refused.items():
        if chosen and combination not in there:
            raise why
    return list(found.values())


def _with(spec: RunSpec, **fields: Any) -> RunSpec:
    model = ModelSpec.model_validate({**spec.model.model_dump(), **fields})
    return spec.model_copy(update={"model": model})
