"""What every trained method in the registry keeps, with each choice of its options (METHODS: what is trained is what is
stored)."""

from typing import get_args

import numpy as np
import pytest
from torch._subclasses.fake_tensor import FakeTensorMode

from engine import indexes, quantizers
from engine.errors import FewbitsError
from engine.quantizers.trained import Batch, TuningOptions
from engine.spec import ModelSpec, RunSpec
from tests.quantizers import tables

torch = pytest.importorskip("torch")
N_USERS, N_ITEMS, DIM, LAYERS = 60, 200, 16, 3


def variants():
    """Each method at each width with its defaults, and once more for every other choice of every option of its own."""
    for name, method in quantizers.REGISTRY.items():
        if not method.trained:
            continue
        own = {k: f for k, f in method.Options.model_fields.items() if k not in TuningOptions.model_fields}
        changes = [{}]
        for key, field in own.items():
            choices = get_args(field.annotation) or ((False, True) if field.annotation is bool else ())
            changes += [{key: value} for value in choices if value != field.default]
        for bits in method.bits:
            for options in changes if bits == method.bits[-1] else [{}]:
                yield pytest.param(
                    RunSpec(dataset="d", quantizer=name, bits=bits, options={**options, "steps": 100}),
                    id=f"{name}-{bits}-{options or 'defaults'}",
                )


every_variant = pytest.mark.parametrize("spec", list(variants()))


def layers(method, shift=0.0):
    """Layers of both tables; a method that does not want each gets one."""
    count = LAYERS if method.layered else 1
    return {
        "user": [tables.users(N_USERS, DIM, seed=1 + i) + np.float32(shift) for i in range(count)],
        "item": [tables.items(N_ITEMS, DIM, seed=11 + i) - np.float32(shift) for i in range(count)],
    }


def started(spec, seed=0):
    method = quantizers.create(spec.model_copy(update={"model": ModelSpec(seed=seed)}))
    counts = {"user": np.arange(N_USERS)[::-1].copy(), "item": np.arange(N_ITEMS)[::-1].copy()}
    method.start(layers(method), counts)
    return method


def batch(progress=0.5, bpr=True):
    rng = np.random.default_rng(0)
    draws = [torch.from_numpy(rng.integers(0, n, 40)) for n in (20, 50, 50)]
    users, items = torch.arange(20), torch.arange(50)
    return Batch(users, items, *draws, bpr, progress, torch.Generator().manual_seed(0))


def leaves(method):
    return {
        table: [torch.from_numpy(x[: 20 if table == "user" else 50].copy()).requires_grad_() for x in several]
        for table, several in layers(method).items()
    }


@every_variant
def test_what_is_read_out_while_training_is_what_is_stored_to_the_last_bit(spec):
    method = started(spec)
    for table, several in layers(method, shift=0.003).items():  # not the vectors that it was started on
        with torch.no_grad():
            scored = method.readout([torch.from_numpy(x) for x in several], table).numpy()
        codes = method.codes(several, table)
        stored = (codes.first if hasattr(codes, "first") else codes).decode()
        np.testing.assert_array_equal(stored, scored)


@every_variant
def test_codes_are_stored_searched_and_asked_for_in_both_precisions(spec):
    method, several = started(spec), layers(started(spec))
    items, users = method.codes(several["item"], "item"), method.codes(several["user"], "user")
    index = indexes.build(items)
    floats = np.ascontiguousarray(method.vectors(several["user"], "user"), np.float32)
    assert floats.shape == (N_USERS, items.dim)
    for query, vectors in ((index.pack_queries(users), users.decode()), (floats, floats)):
        hits = index.search(query, 5)
        exact = vectors.astype(float) @ items.decode().astype(float).T
        expected = np.take_along_axis(exact, hits.ids, 1)
        assert np.allclose(hits.scores, expected, rtol=1e-3, atol=1e-5 * np.abs(exact).max())


@every_variant
def test_gradients_reach_both_tables_and_every_learned_parameter(spec):
    method, rows, step = started(spec), leaves(started(spec)), batch()
    learned = {name: method.state[name].requires_grad_() for name in method.learned}
    method.on_epoch(lambda: (rows["user"], rows["item"], step), scored_bpr, 0.0)
    scored = method.rows(rows["user"], rows["item"], step)
    loss = plain_bpr(*scored) + method.extra_loss()
    method.before_backward(rows["user"], rows["item"], step)
    loss.backward()
    for name, leaf in {**{t: x for t, several in rows.items() for x in several}, **learned}.items():
        assert leaf.grad is not None and torch.isfinite(leaf.grad).all() and leaf.grad.any(), name


def scored_bpr(scored, _batch):
    return plain_bpr(*scored)


def plain_bpr(users, positives, negatives):
    return torch.nn.functional.softplus((users * (negatives - positives)).sum(1)).mean()


@every_variant
def test_equal_seeds_start_alike_and_a_stored_state_gives_the_same_codes(spec):
    one, two = started(spec), started(spec)
    loaded = quantizers.create(spec)
    loaded.load(one.dump())
    for table, several in layers(one).items():
        expected = one.codes(several, table).decode()
        np.testing.assert_array_equal(two.codes(several, table).decode(), expected)
        np.testing.assert_array_equal(loaded.codes(several, table).decode(), expected)


@every_variant
def test_numbers_that_are_not_finite_are_refused_by_table_and_row(spec):
    method, several = started(spec), layers(started(spec))
    several["item"][0][7, 3] = np.nan
    with pytest.raises(FewbitsError, match="item table, row 7"):
        method.codes(several["item"], "item")


@every_variant
def test_a_table_of_zeros_can_be_started_on(spec):
    method = quantizers.create(spec)
    zeros = {t: [np.zeros_like(x) for x in several] for t, several in layers(method).items()}
    method.start(zeros, {"user": np.zeros(N_USERS, int), "item": np.zeros(N_ITEMS, int)})
    assert np.isfinite(method.codes(zeros["item"], "item").decode()).all()


def test_gradients_of_repeated_rows_are_summed_in_the_same_order_each_time(two_threads):
    """HashGNN's links meet each shared negative several times; plain indexing sums such gradients in any order."""
    quantizer = quantizers.create(RunSpec(dataset="demo", quantizer="hashgnn", bits=1))
    generator = torch.Generator().manual_seed(0)
    users, positives, start = (torch.randn(n, 64, generator=generator) for n in (2048, 2048, 560))
    found = set()
    for _ in range(200):
        negatives = start.clone().requires_grad_()
        quantizer._reconstruction(users, positives, negatives).backward()
        found.add(negatives.grad.numpy().tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("spec", [p for p in variants() if p.values[0].quantizer not in ("dpq", "mgqe")])
def test_a_step_is_taken_where_the_model_lies(spec):
    """On a GPU as well, of which tensors without values tell: nothing may be left on the CPU. Product codes pick rows
    by a mask, which torch cannot even feign without CUDA's library.
    """
    method, rows, step = started(spec), leaves(started(spec)), batch()
    with FakeTensorMode():

        def there(x):
            return torch.empty(x.shape, dtype=x.dtype, device="cuda")

        method.state = {name: there(value) for name, value in method.state.items()}
        places = (there(x) for x in (step.users, step.items, step.user_at, step.positive_at, step.negative_at))
        step = Batch(*places, step.bpr, step.progress, step.generator)
        users, items = ([there(x) for x in rows[table]] for table in ("user", "item"))
        scored = method.rows(users, items, step)
        assert {x.device.type for x in (*scored, plain_bpr(*scored) + method.extra_loss())} == {"cuda"}
