"""The settings that the data decides: epochs, learning rate, batch, negatives and temperature, by one rule each.

``epochs``: 20 where a node has 11 interactions on average, as on Gowalla, fewer where it has more: an epoch then shows
each vector more often. Between 5 and 20.

``lr``: 0.2 over the epochs, between 0.005 and 0.02, so that a shorter training goes about as far.

``batch``: about STEPS steps an epoch, so that a small set is not finished before its model has moved, within bounds
between which a step's fixed cost (the propagation) and its share of the loss are in proportion.

``negatives``: a third of the items, within bounds: they cost as much as the propagation, and most of a small catalogue
tells no more than a third of it.

``temperature``: 0.1 on sparse data, rising with the cube root of the density to 0.4. The denser the data, the more
sampled "negatives" the user would have liked; a low temperature makes the loss fight exactly those.

All chosen on validation ndcg@20. Gowalla, seed 0, lengths damped with p = 0 / 0.2 / 0.3, 20 epochs: 1,024 negatives
with lr 0.01 0.0876 / 0.0927 / 0.0952, with lr 0.02 0.0875 / 0.0925 / 0.0943; 2,048 negatives are no better (0.0874
undamped with lr 0.01) and take a fifth longer.
"""

from typing import Any

from engine.spec import ModelSpec

STEPS = 100
BATCHES = (256, 8192)
NEGATIVES = (256, 1024)
EPOCHS = (5, 20)
EPOCHS_AT, PER_NODE, EPOCHS_POWER = 20, 11.4, 0.45
RATE, RATES = 0.2, (0.005, 0.02)
SPARSE, TEMPERATURES = 0.001, (0.1, 0.4)


def settled(spec: ModelSpec, split: Any) -> ModelSpec:
    """Return the specification with each setting that is 0 replaced by what its rule says for this split."""
    n = len(split.train.items)
    density = n / max(1, split.n_users * split.n_items)
    batch = int(min(max(n // STEPS, BATCHES[0]), BATCHES[1]))
    per_node = max(n, 1) / max(1, split.n_users + split.n_items)
    ruled = round(EPOCHS_AT * (PER_NODE / per_node) ** EPOCHS_POWER)
    epochs = spec.epochs or min(max(ruled, EPOCHS[0]), EPOCHS[1])
    temperature = min(max(0.1 * (density / SPARSE) ** (1 / 3), TEMPERATURES[0]), TEMPERATURES[1])
    return spec.model_copy(update={
        "epochs": epochs, "lr": spec.lr or min(max(RATE / epochs, RATES[0]), RATES[1]),
        "batch": spec.batch or batch,
        "negatives": spec.negatives or min(max(split.n_items // 3, NEGATIVES[0]), NEGATIVES[1]),
        "temperature": spec.temperature or round(temperature, 3),
    })  # fmt: skip
