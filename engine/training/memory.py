"""How much memory a training or a tuning takes: an upper estimate, said and checked before it begins.

Counted in tables of float32 [U+I, d], of which the parameters are one, and in bytes an interaction, on top of the
libraries; what was in memory before (the split, the program) is not counted. On a GPU the tables lie there, and the
estimate is too high.
"""

from engine.encoders.graph import BLOCK
from engine.errors import FewbitsError
from engine.measure.machine import memory_left
from engine.spec import GIVEN, ModelSpec
from engine.training.fused import CHUNK
from engine.training.rules import BATCHES, NEGATIVES, STEPS

KEPT = 4
"""Tables from the first step to the last: parameters, Adam's two moments, the best epoch's."""
STEP = 2
"""… while a step is taken: the pooled vectors and their gradient, then this and that of the parameters."""
VALIDATION = 3
"""… while an epoch is validated: one layer and the next, then the pooled vectors and what is searched of them."""
NGCF = 9
"""… that torch keeps of each of NGCF's layers until the backward pass."""
TUNING, TUNING_FORM, TUNING_LAYER, TUNING_SAMPLE = 11, 3, 1, 16
"""Tables at the peak of a tuning of one form of the model, more for another form, more for each layer of each form
where a quantizer stores layers, and bytes an interaction for each form. Seen from 27 to 107 thousand nodes of 64
dimensions and three layers, one form and two: hqgnn 5.9 and 8.3 tables, dpq 4.9 and 5.6, hashgnn 9.8 and 12.3, l2qgcn
10.7 and 21.4.
"""
GRAPH_NODE, GRAPH_EDGE = 12, 8
"""Bytes of the graph: row bounds and roots; a neighbour and its weight, of which an interaction has two."""
BUILDING, EPOCH, BPR = 40, 12, 8
"""Bytes an interaction: on top while the graph is built; of an epoch's order of samples; of BPR's look-up keys."""
SHARING = 8192
"""Samples of a batch that are looked at together, with the same negatives: a larger batch draws more of them, and a
sample of it costs no more.
"""
LIBRARIES = 448 << 20
"""What the first training of a process loads and compiles: torch, numba's compiler, our kernels."""


def needed(spec: ModelSpec, n_users: int, n_items: int, interactions: int) -> int:
    """Return the bytes that training takes at its peak, an upper estimate.

    Parameters
    ----------
    interactions : those of the training lists.
    """
    nodes, interactions = int(n_users) + int(n_items), int(interactions)
    table = 4 * nodes * spec.dim
    scratch = 4 * nodes * -(-spec.dim // BLOCK) * BLOCK if spec.layers else 0  # two tables of bfloat16
    graph = GRAPH_NODE * nodes + 2 * GRAPH_EDGE * interactions if spec.layers else 0
    building = BUILDING * interactions if spec.layers else 0
    layers = NGCF * spec.layers if spec.encoder == "ngcf" else 0
    most = max(STEP + layers, VALIDATION)
    training = (KEPT + most) * table + scratch + (EPOCH + BPR * (spec.loss == "bpr")) * interactions
    return LIBRARIES + graph + max(building, training + _samples(spec, interactions))


def needed_to_tune(spec: ModelSpec, forms: int, layered: bool, n_users: int, n_items: int, interactions: int) -> int:
    """Return the bytes that tuning a quantizer takes at its peak, an upper estimate.

    Parameters
    ----------
    forms : how many forms of the model are looked at (`engine.training.damping.forms`).
    layered : whether the quantizer stores layers.
    """
    nodes, interactions = int(n_users) + int(n_items), int(interactions)
    tables = TUNING + TUNING_FORM * (forms - 1) + TUNING_LAYER * (spec.layers + 1) * layered * forms
    graph = GRAPH_NODE * nodes + 2 * GRAPH_EDGE * interactions if spec.layers else 0
    building = BUILDING * interactions if spec.layers else 0
    return LIBRARIES + graph + max(building, tables * 4 * nodes * spec.dim + TUNING_SAMPLE * forms * interactions)


def _samples(spec: ModelSpec, interactions: int) -> int:
    """Return the bytes of a step's rows and logits, both several times."""
    batch = spec.batch or min(max(interactions // STEPS, BATCHES[0]), BATCHES[1])
    negatives = spec.negatives or NEGATIVES[1]
    return 4 * 8 * (2 * min(batch, SHARING) + negatives) * spec.dim + 4 * 4 * CHUNK * negatives + 32 * batch


def check(spec: ModelSpec, n_users: int, n_items: int, interactions: int) -> None:
    """Raise a FewbitsError where a training would take more memory than there is."""
    _refuse(f"training {spec.encoder}", needed(spec, n_users, n_items, interactions), spec, interactions)


def check_tuning(spec: ModelSpec, forms: int, layered: bool, n_users: int, n_items: int, interactions: int) -> None:
    """Raise a FewbitsError where a tuning would take more memory than there is."""
    wanted = needed_to_tune(spec, forms, layered, n_users, n_items, interactions)
    _refuse(f"tuning a quantizer of {spec.encoder}", wanted, spec, interactions)


def _refuse(what: str, wanted: int, spec: ModelSpec, interactions: int) -> None:
    remedy = "" if spec.encoder == GIVEN else " or choose fewer dimensions"
    if wanted > (free := memory_left()):
        raise FewbitsError(
            f"{what} with {spec.dim} dimensions on {interactions:,} interactions takes up to "
            f"{wanted / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: close other programs{remedy}"
        )
