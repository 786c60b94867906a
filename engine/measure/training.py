"""Training on a data set, from nothing: how long, how good, beside what else, and where the time of a step goes."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from engine import encoders, indexes
from engine.codes import FloatCodes
from engine.data.interactions import ItemLists
from engine.errors import FewbitsError
from engine.measure import baselines, steps
from engine.measure.machine import cores, machine
from engine.measure.threads import using
from engine.spec import ModelSpec
from engine.training.loop import METRIC
from engine.training.rules import settled
from engine.training.trainer import train

FIGURES = ("seconds", "recall@20", "ndcg@20")
AIMS: dict[str, dict[str, float]] = {
    "gowalla": {"seconds": 120, "recall@20": 0.1824, "ndcg@20": 0.153},
    "ml-1m": {"seconds": 30},
    "ml-100k": {"seconds": 5},
    "amazon-book-kgat": {"seconds": 180},
}
"""Seconds at most on two cores, and the least recall and ndcg: on Gowalla what LightGCN's public code publishes."""
PLAIN_AIM, FLOOR_AIM = 8.0, 1.3
"""How many times faster a step should be than plain torch's, and how near a propagation should be to its floor."""
Report = Callable[[str], None]


def bench(split: Any, seeds: Sequence[int], threads: int, report: Report) -> dict[str, Any]:
    """Return everything that was measured, as plain JSON.

    machine, threads, dataset, users, items, interactions, model (the settled specification); step (ms of each part,
    `steps.profile`), plain and propagation (`steps.beside_plain`, `steps.beside_floor`); models (rows, see `trained`,
    and those of `engine.measure.baselines`), mean (of the default model's rows), aims, skipped (sentences).

    Raises
    ------
    FewbitsError
        For no seeds or more threads than cores; what `train` raises.
    """
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise FewbitsError(f"seeds: got {list(seeds)}, expected different whole numbers from 0")
    about = machine()  # before threads are set, which narrows the cores that it would count
    with using(threads):
        spec = settled(ModelSpec(), split)
        result: dict[str, Any] = {
            "machine": about, "threads": threads, "dataset": split.dataset, "users": split.n_users,
            "items": split.n_items, "interactions": len(split.train.items), "model": spec.model_dump(mode="json"),
        }  # fmt: skip
        for name, measure in (
            ("step", steps.profile), ("plain", steps.beside_plain), ("propagation", steps.beside_floor)
        ):  # fmt: skip
            report({"step": "parts of a step", "plain": "a step in plain torch"}.get(name, "a propagation's floor"))
            result[name] = measure(spec, split)
        ours = [trained(ModelSpec(seed=seed), split, report) for seed in seeds]
        others, skipped = _others(split, seeds[0], report)
    mean = {name: mean_and_interval([row[name] for row in ours]) for name in FIGURES}
    result |= {"models": [*ours, *others], "mean": mean, "skipped": skipped}
    return {**result, "aims": aims(result)}


def trained(spec: ModelSpec, split: Any, report: Report) -> dict[str, Any]:
    """Return name, seed, seconds (graph, epochs and validations), epochs, best_epoch, valid_ndcg@20, and recall@20 and
    ndcg@20 on test by exact float32 search.
    """

    def told(**fields: Any) -> None:
        if METRIC in fields:
            where = f"{spec.encoder}, seed {spec.seed}: epoch {fields['epoch']} of at most {fields['epochs']}"
            report(f"{where}, validation ndcg@20 {fields[METRIC]:.4f}")

    started = time.perf_counter()
    result = train(spec, split, told)
    seconds, history = time.perf_counter() - started, result.history
    return {
        "name": spec.encoder, "seed": spec.seed, "seconds": seconds, "epochs": len(history),
        "best_epoch": result.best_epoch, f"valid_{baselines.NDCG}": history[result.best_epoch - 1][METRIC]
        if history else None, **baselines.quality(split, _exact(spec, split, result.arrays)),
    }  # fmt: skip


def _exact(spec: ModelSpec, split: Any, arrays: dict[str, np.ndarray]) -> baselines.Search:
    """Return the exact search with a model's float32 vectors."""
    layers = encoders.create(spec, split).layers(arrays)
    pooled = sum(layers[1:], layers[0]) / np.float32(len(layers))
    index = indexes.build(FloatCodes(pooled[split.n_users :]))

    def search(users: np.ndarray, seen: ItemLists) -> np.ndarray:
        return index.search(pooled[users], baselines.K, (seen.indptr, seen.items), cores()).ids

    return search


def _others(split: Any, seed: int, report: Report) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of matrix factorisation with the same recipe, popularity, item-kNN and EASE, and who was left
    out.
    """
    rows, skipped = [trained(ModelSpec(encoder=e, seed=seed), split, report) for e in ("mf", "popularity")], []
    for name, baseline in (("item-kNN", baselines.item_knn), ("EASE", baselines.ease)):
        report(name)
        try:
            rows.append(baseline(split))
        except FewbitsError as error:
            skipped.append(str(error))
    return rows, skipped


def mean_and_interval(values: Sequence[float]) -> dict[str, float | None]:
    """Return mean, and low and high: the 95 % interval of the mean by Student's t; None for a single value."""
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return {"mean": mean, "low": None, "high": None}
    half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def aims(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what was aimed at: figure → aim, got, met. Quality is to be reached, everything else not exceeded."""
    aimed = {
        name: (aim, result["mean"][name]["mean"], "@" in name) for name, aim in AIMS.get(result["dataset"], {}).items()
    }
    aimed["times faster than plain torch"] = (PLAIN_AIM, result["plain"]["ratio"], True)
    aimed["propagation over its floor"] = (FLOOR_AIM, result["propagation"]["ratio"], False)
    return {
        name: {"aim": aim, "got": got, "met": got >= aim if more else got <= aim}
        for name, (aim, got, more) in aimed.items()
    }
