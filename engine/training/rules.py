"""The settings that the data decides: epochs, batch, negatives and temperature, by one rule each for all data sets.

``epochs``: 10 where a node has 11 interactions on average, as on Gowalla, a few less where it has more, by the eighth
root: an epoch then shows each vector more often. Between 5 and 20. Validation can't tell 8, 11 and 15 on Gowalla apart
(0.095 to 0.096), nor 7 and 11 on ML-100K; on ML-1M 5 are too few (0.100 against 0.101 of 8).

``batch``: about STEPS steps an epoch, so that a small set is not finished before its model has moved. A step's
propagation costs as much as the graph is large: with a bounded batch an epoch would grow with its square, so the bound
is only one of memory.

``negatives``: a third of the items, within bounds: they cost as much as the propagation, and most of a small catalogue
tells no more than a third of it. They are shared by a few thousand samples (`memory.SHARING`), not by a whole batch.

``temperature``: 0.1 on sparse data, rising with the cube root of the density to 0.4. The denser the data, the more
sampled "negatives" the user would have liked; a low temperature makes the loss fight exactly those. Chosen on
validation ndcg@20.
"""

from typing import Any

from engine.spec import ModelSpec

STEPS = 100
BATCHES = (256, 1 << 18)
NEGATIVES = (256, 2048)
EPOCHS = (5, 20)
EPOCHS_AT, PER_NODE, ROOT = 10, 11.4, 8
SPARSE, TEMPERATURES = 0.001, (0.1, 0.4)


def settled(spec: ModelSpec, split: Any) -> ModelSpec:
    """Return the specification with each setting that is 0 replaced by what its rule says for this split."""
    n = len(split.train.items)
    density = n / max(1, split.n_users * split.n_items)
    batch = int(min(max(n // STEPS, BATCHES[0]), BATCHES[1]))
    per_node = max(n, 1) / max(1, split.n_users + split.n_items)
    epochs = int(min(max(round(EPOCHS_AT * (PER_NODE / per_node) ** (1 / ROOT)), EPOCHS[0]), EPOCHS[1]))
    temperature = min(max(0.1 * (density / SPARSE) ** (1 / 3), TEMPERATURES[0]), TEMPERATURES[1])
    return spec.model_copy(update={
        "epochs": spec.epochs or epochs, "batch": spec.batch or batch,
        "negatives": spec.negatives or min(max(split.n_items // 3, NEGATIVES[0]), NEGATIVES[1]),
        "temperature": spec.temperature or round(temperature, 3),
    })  # fmt: skip
