"""How much of the item vectors' lengths is kept: validation chooses, for the model and for each quantizer (ours).

A loss on cosines learns directions. The lengths that come out of it grow with popularity, and serving by inner product
counts them: by how much is right depends on the data. Item vectors are therefore divided by ‖z_i‖^p. The p is the
smallest that is no worse on validation than the best by more than one standard error of the difference, so that where
validation can't tell, nothing is changed.

What helps float32 may harm few bits, whose directions are coarse and whose lengths are not: Gowalla, seed 0, a quarter
of the users, recall@20 with p = 0 / 0.2 / 0.4: float32 0.184 / 0.187 / 0.186, ITQ with float32 users 0.163 / 0.162 /
0.156, sign with coded users 0.132 / 0.127 / 0.119. A quantizer is therefore given both, and damped lengths only
where validation of its own packed codes prefers them by more than one standard error. On ML-1M p is 0, on ML-100K 0,
0.2 and 0.4 with the seeds 0, 1 and 2.

Codes that are tuned are compared after a few steps of it: tuning learns from the damped model, which is the better one,
and the gain shows at once. Gowalla, `hqgnn`, 1 bit, seeds 0 / 1 / 2, validation ndcg@20 of damped over learned lengths
before the first step 0.0047, 0.0015, 0.0041, each ± 0.0019; after 50 steps 0.0068, 0.0054, 0.0073. Seed 1 would have
kept the lengths as learned, and ended at 0.067 where the others end at 0.075.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.encoders.base import length_factors
from engine.training.validation import pooled_ndcgs

CHOICES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
NAME = "damping"
"""The array, float32 [1], that a model with damped lengths has."""


def chosen(split: Any, pooled: np.ndarray) -> float:
    """Return the damping for the pooled vectors of a trained model, float32 [U+I, d]; 0 where nothing is held out."""
    users, items = pooled[: split.n_users], pooled[split.n_users :]
    found = np.stack([pooled_ndcgs(split, users, items * length_factors(items, p)) for p in CHOICES])
    if not found.size:
        return 0.0
    best = found[found.mean(1).argmax()]
    behind = best - found
    error = behind.std(1) / np.sqrt(found.shape[1])
    return CHOICES[int(np.argmax(behind.mean(1) <= error))]


def share(arrays: Mapping[str, np.ndarray], prefix: str = "") -> float:
    """Return the p of a model's arrays."""
    return float(arrays[prefix + NAME][0]) if prefix + NAME in arrays else 0.0


def forms(arrays: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return a model's arrays as float32 is served and, where that is damped, those with the lengths as learned."""
    learned = {name: array for name, array in arrays.items() if name != NAME}
    return [dict(arrays), learned] if share(arrays) else [learned]


def preferred(found: Sequence[np.ndarray]) -> int:
    """Return which of `forms` a quantizer keeps, by the validation ndcg of each user, float [users], under each form.

    The first, where it is better by more than one standard error, else the last: the lengths as learned.
    """
    gain = found[0] - found[-1]
    if len(found) == 1:
        return 0
    better = len(gain) > 0 and gain.mean() > gain.std() / np.sqrt(len(gain))
    return 0 if better else len(found) - 1
