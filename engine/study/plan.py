"""The runs of the study, in an order in which a stop at any time leaves something useful.

Stage by stage, and in each all data sets' first seed before the second. No heavy imports: what the quantizers can do is
handed in.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from engine.errors import FewbitsError, unknown
from engine.spec import FLOAT_BITS, ModelSpec, RunSpec, parse_spec
from engine.study.forms import CORE, FACTORISED, LAYERED, LAYERED_PUBLISHED, PEERS, PUBLISHED, VARIANTS, Form

DATASETS = ("ml-100k", "ml-1m", "gowalla", "amazon-book-kgat")
SEEDS, MORE_SEEDS = (0, 1, 2), (3, 4)
DIMS = (32, 128, 256)
STAGES = {
    "core": "one form of each method at each size that matters, LightGCN with 64 dimensions",
    "peers": "other libraries' indexes on the same vectors",
    "variants": "other options, gradients and sizes",
    "mf": "on matrix factorisation, as DPQ and MGQE were published",
    "layers": "with 256 dimensions, 2 layers and the free embeddings among them, as L²Q-GCN was published",
    "published": "on models trained as published, with BPR for hundreds of epochs; MovieLens alone",
    "dimensions": "headline forms with 32, 128 and 256 dimensions",
    "seeds": "headline forms with two more seeds",
}
"""Stage → what it is, in the order in which they are run."""
RECIPE: dict[str, object] = {
    "loss": "bpr", "batch": 2048, "lr": 0.001, "schedule": "constant", "l2": 1e-4, "epochs": 1000, "patience": 50,
    "pooling": "all", "damping": "none",
}  # fmt: skip
"""How LightGCN was published (arXiv 2002.02126), and how HQ-GNN, HashGNN and L²Q-GCN train theirs: BPR."""
SMALL = ("ml-100k", "ml-1m")
"""Where the recipe takes minutes; it takes hours for each seed of the others."""


@dataclass(frozen=True)
class Planned:
    """A run of the study, the stage that it belongs to, its form, and what it is but for data set and seed."""

    stage: str
    spec: RunSpec
    form: str
    name: str


def plan(datasets: Sequence[str] = DATASETS, seeds: Sequence[int] = (), only: Collection[str] = ()) -> list[Planned]:
    """Return the runs of the study, each once.

    Parameters
    ----------
    seeds : of every form; none: 0 to 2, and 3 and 4 for the headline forms.
    only : stages and quantizers; of both kinds: these stages' runs of these quantizers; none: all.

    Raises
    ------
    FewbitsError
        A name that is neither a stage nor a quantizer of the study, or stages without these quantizers or seeds.
    """
    known = {form.quantizer for _, form, _ in _forms()}
    for name in only:
        if name not in STAGES and name not in known:
            raise unknown("stage or quantizer of the study", name, [*STAGES, *sorted(known)])
    quantizers = set(only) & known or known
    runs: dict[str, Planned] = {}
    for stage in [name for name in STAGES if name in only] or STAGES:
        chosen = [(f, m) for s, f, m in _forms() if s == stage and f.quantizer in quantizers]
        for seed in _seeds(stage, seeds):
            for dataset in (name for name in datasets if stage != "published" or name in SMALL):
                for form, model in chosen:
                    spec = _spec(dataset, form, {**model, "seed": seed})
                    runs.setdefault(spec.run_id, Planned(stage, spec, form.text, _name(form, spec.model)))
    if only and not runs:
        raise FewbitsError(f"the study has no run that is of all that was asked for: {', '.join(only)}")
    return list(runs.values())


def in_order(datasets: Collection[str]) -> list[str]:
    """Return data sets in the study's order, then those that it does not have by name."""
    return [name for name in DATASETS if name in datasets] + sorted(set(datasets) - set(DATASETS))


def _seeds(stage: str, given: Sequence[int]) -> Sequence[int]:
    return given or (MORE_SEEDS if stage == "seeds" else SEEDS)


def _forms() -> Iterable[tuple[str, Form, dict[str, object]]]:
    """Yield (stage, form, what its model differs in)."""
    headline = tuple(form for form in CORE if form.headline)
    stages: list[tuple[str, Sequence[Form], dict[str, object]]] = [
        ("core", CORE, {}), ("peers", PEERS, {}), ("variants", VARIANTS, {}), ("mf", FACTORISED, {"encoder": "mf"}),
        ("layers", LAYERED, {"dim": 256, "layers": 2, "pooling": "all"}),
        ("published", PUBLISHED, RECIPE), ("published", LAYERED_PUBLISHED, {"dim": 256, "layers": 2, **RECIPE}),
        ("seeds", headline, {}),
    ]  # fmt: skip
    stages += [("dimensions", [form for form in CORE if form.wide], {"dim": dim}) for dim in DIMS]
    return ((stage, form, model) for stage, forms, model in stages for form in forms)


def _spec(dataset: str, form: Form, model: dict[str, object]) -> RunSpec:
    return parse_spec({
        "dataset": dataset, "model": ModelSpec.model_validate(model).model_dump(), "quantizer": form.quantizer,
        "bits": form.bits, "query_bits": [FLOAT_BITS, form.bits], "options": dict(form.options),
    })  # fmt: skip


def possible(
    runs: Iterable[Planned], check: Callable[[RunSpec], RunSpec]
) -> tuple[list[Planned], dict[str, list[Planned]]]:
    """Return the runs with every option written out, and those that cannot be run here: reason → runs.

    Parameters
    ----------
    check : returns the whole specification or raises a FewbitsError, such as for an extra that is not installed.
    """
    able: dict[str, Planned] = {}
    unable: dict[str, list[Planned]] = {}
    for run in runs:
        try:
            spec = check(run.spec)
        except FewbitsError as error:
            unable.setdefault(str(error), []).append(run)
        else:
            able.setdefault(spec.run_id, replace(run, spec=spec))
    return list(able.values()), unable


def outline(runs: Sequence[Planned], done: Collection[str]) -> list[str]:
    """Return the plan as lines: for each stage its runs and those that are done, by data set and form."""
    lines = []
    for stage, words in STAGES.items():
        here = [run for run in runs if run.stage == stage]
        if not here:
            continue
        finished = sum(run.spec.run_id in done for run in here)
        lines.append(f"{stage}: {words}; {len(here):,} runs, {finished:,} done")
        forms: dict[str, list[Planned]] = {}
        for run in here:
            forms.setdefault(run.name, []).append(run)
        for name, several in forms.items():
            seeds = sorted({run.spec.model.seed for run in several})
            sets = dict.fromkeys(run.spec.dataset for run in several)
            finished = sum(run.spec.run_id in done for run in several)
            told = f"seeds {', '.join(map(str, seeds))} on {', '.join(sets)}"
            lines.append(f"  {name}: {told}; {finished} of {len(several)} done")
    return lines


def _name(form: Form, model: ModelSpec) -> str:
    layers = f" L={model.layers}" if model.layers else ""
    return f"{model.encoder} d={model.dim}{layers}, {form.text}"
