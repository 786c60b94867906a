"""How much memory training takes, said before it begins."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine import encoders, quantizers
from engine.errors import FewbitsError
from engine.measure import growth
from engine.spec import LAYERED, ModelSpec, RunSpec
from engine.training import damping, memory, tuning


def test_the_estimate_is_above_what_training_took_and_not_far():
    growth._run(growth.world(2_000))  # libraries and compiled code are there already
    data = growth.world(200_000)
    growth._trim()
    with growth._watched() as watch:
        growth._run(data)
    estimate = memory.needed(ModelSpec(), data.n_users, data.n_items, len(data.train.items)) - memory.LIBRARIES
    assert watch["peak"] < estimate < 1.5 * watch["peak"]


def test_it_grows_with_every_size_and_in_the_end_in_proportion():
    small, large = (memory.needed(ModelSpec(), n, n, 100 * n) - memory.LIBRARIES for n in (10**7, 10**8))
    assert large == pytest.approx(10 * small, rel=0.02)
    base = memory.needed(ModelSpec(), 10**5, 10**5, 10**6)
    for more in [(2 * 10**5, 10**5, 10**6), (10**5, 2 * 10**5, 10**6), (10**5, 10**5, 2 * 10**6)]:
        assert memory.needed(ModelSpec(), *more) > base


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"dim": 32}, {"dim": 64}), ({"encoder": "mf"}, {"encoder": "lightgcn"}),
        ({"encoder": "lightgcn"}, {"encoder": "ngcf"}), ({"encoder": "popularity"}, {"encoder": "mf"}),
        ({"loss": "softmax"}, {"loss": "bpr"}),
    ],
)  # fmt: skip
def test_a_larger_model_takes_more(less, more):
    sizes = [memory.needed(ModelSpec(**each), 10**5, 10**5, 10**7) for each in (less, more)]
    assert sizes[0] < sizes[1]


def test_a_training_that_cannot_fit_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(memory, "memory_left", lambda: 10**9)
    with pytest.raises(FewbitsError, match=r"1,000,000,000 interactions .* GB of memory, 1\.0 GB are free"):
        memory.check(ModelSpec(), 10**7, 10**7, 10**9)
    memory.check(ModelSpec(), 10**4, 10**4, 10**5)


def test_a_tuning_that_cannot_fit_is_refused_in_a_sentence_before_it_begins(monkeypatch):
    """It holds two forms of a model and their moments: about twice what training the model took."""
    sizes = (10**7, 10**6, 10**8)
    needs = [memory.needed_to_tune(ModelSpec(), *asked, *sizes) for asked in ((1, False), (2, False), (2, True))]
    assert memory.needed(ModelSpec(), *sizes) < needs[0] < needs[1] < needs[2]
    monkeypatch.setattr(memory, "memory_left", lambda: 10**9)
    spec = RunSpec(dataset="d", model=ModelSpec(encoder="mf"), quantizer="hqgnn", bits=4)
    split = SimpleNamespace(n_users=10**7, n_items=10**6, train=SimpleNamespace(items=range(10**8)))
    encoder, checkpoint = SimpleNamespace(usual=lambda arrays: arrays), SimpleNamespace(arrays={})
    with pytest.raises(FewbitsError, match=r"tuning a quantizer of mf with 64 dimensions .* 1\.0 GB are free"):
        tuning._tuned(spec, split, encoder, checkpoint, None, None)


@pytest.mark.parametrize("quantizer", ["hashgnn", "l2qgcn"])
def test_the_estimate_of_a_tuning_is_above_what_it_took(quantizer, tmp_path):
    """Of those of most tables, with two forms of the model."""
    data, spec = growth.world(200_000), RunSpec(dataset="d", quantizer=quantizer, bits=1, options={"steps": 3})
    encoder = encoders.create(spec.model, data)
    arrays = {**encoder.start(np.random.default_rng(0)), damping.NAME: np.array([0.3], np.float32)}
    encoder.layers(arrays)
    growth._trim()
    with growth._watched() as watch:
        checkpoint = SimpleNamespace(arrays=arrays)
        tuning._tuned(quantizers.resolve(spec), data, encoder, checkpoint, lambda **_: None, tmp_path)
    sizes = (data.n_users, data.n_items, len(data.train.items))
    assert 0 < watch["peak"] < memory.needed_to_tune(spec.model, 2, quantizer in LAYERED, *sizes)


def test_sizes_may_be_numpys():
    """A product of int32 would overflow and let everything fit."""
    n = np.int32(3 * 10**6)
    assert memory.needed(ModelSpec(dim=512), n, n, np.int32(10**8)) == memory.needed(
        ModelSpec(dim=512), int(n), int(n), 10**8
    )
