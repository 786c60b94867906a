"""The two settings that the data decides: batch and temperature, by one rule each for all data sets.

``batch``: about STEPS steps an epoch, so that a small set is not finished before its model has moved, within bounds
between which a step's fixed cost (the propagation) and its share of the loss are in proportion.

``temperature``: 0.1 on sparse data, rising with the cube root of the density to 0.4. The denser the data, the more
sampled "negatives" the user would have liked; a low temperature makes the loss fight exactly those. Chosen on
validation ndcg@20.
"""

from typing import Any

from engine.spec import ModelSpec

STEPS = 100
BATCHES = (256, 8192)
SPARSE, TEMPERATURES = 0.001, (0.1, 0.4)


def settled(spec: ModelSpec, split: Any) -> ModelSpec:
    """Return the specification with a batch or temperature of 0 replaced by what the rule says for this split."""
    n = len(split.train.items)
    density = n / max(1, split.n_users * split.n_items)
    batch = int(min(max(n // STEPS, BATCHES[0]), BATCHES[1]))
    temperature = min(max(0.1 * (density / SPARSE) ** (1 / 3), TEMPERATURES[0]), TEMPERATURES[1])
    return spec.model_copy(
        update={"batch": spec.batch or batch, "temperature": spec.temperature or round(temperature, 3)}
    )
