"""What every untrained method in the registry keeps, at each of its bit-widths and with each choice of its options."""

import itertools
import json
from typing import get_args

import numpy as np
import pytest

from engine import indexes, quantizers
from engine.errors import FewbitsError
from engine.spec import RunSpec
from tests.quantizers import tables


def variants():
    for name, method in quantizers.REGISTRY.items():
        choices = {key: get_args(field.annotation) for key, field in method.Options.model_fields.items()}
        choices = {key: values for key, values in choices.items() if values}
        for bits, picked in itertools.product(method.bits, itertools.product(*choices.values())):
            if not method.trained and not method.peer:  # what another library keeps is tested in test_peer.py
                spec = RunSpec(dataset="d", quantizer=name, bits=bits, options=dict(zip(choices, picked, strict=True)))
                yield pytest.param(spec, id=f"{name}-{bits}-{'-'.join(map(str, picked))}")


every_variant = pytest.mark.parametrize("spec", list(variants()))  # a list: the mark is used many times


DIM = 24  # three bytes of signs, and what a default number of subspaces divides


def fitted(spec, items, users=None):
    """Return the method after it has seen these layers of both tables."""
    method, users = quantizers.create(spec), [tables.users(30, items[0].shape[1])] if users is None else users
    both = {"user": users, "item": items}
    method.fit(both, {table: np.ones(len(layers[0]), np.int64) for table, layers in both.items()})
    return method


@every_variant
def test_codes_are_of_the_asked_shape_and_bits_and_an_index_stores_them(spec):
    items, users = [tables.items(200, DIM)], [tables.users(30, DIM)]
    method = fitted(spec, items, users)
    item, user = method.codes(items, "item"), method.codes(users, "user")
    assert (item.n, item.dim, item.bits) == (200, DIM, spec.bits)
    assert item.decode().shape == (200, DIM) and item.decode().dtype == np.float32
    index = indexes.build(item)
    for asked, decoded in ((index.pack_queries(user), user.decode()), (method.vectors(users, "user"),) * 2):
        hits, exact = index.search(asked, 5), decoded.astype(float) @ item.decode().astype(float).T
        there = np.take_along_axis(exact, hits.ids, 1)
        assert np.allclose(hits.scores, there, rtol=1e-4, atol=1e-5 * np.abs(exact).max())


@every_variant
def test_vectors_to_be_coded_have_the_inner_products_of_the_embeddings(spec):
    items, users = tables.items(60, DIM), tables.users(30, DIM)
    method = fitted(spec, [items], [users])
    turned = method.vectors([users], "user") @ method.vectors([items], "item").T
    assert np.allclose(turned, users @ items.T, atol=1e-4)


@every_variant
def test_the_same_tables_and_seed_give_the_same_codes(spec):
    items = [tables.items(60, DIM)]
    one, two = (fitted(spec, items).codes(items, "item").decode() for _ in range(2))
    assert (one == two).all()


@every_variant
def test_layers_are_averaged_and_torch_counts_as_numpy(spec):
    torch = pytest.importorskip("torch")
    layers = [tables.items(50, DIM, seed=s) for s in range(3)]
    tensors = [torch.tensor(layer, requires_grad=True) for layer in layers]
    mean = [((layers[0] + layers[1] + layers[2]) / 3).astype(np.float32)]
    method = fitted(spec, layers)
    expected = method.codes(mean, "item").decode()
    assert np.allclose(method.codes(layers, "item").decode(), expected, rtol=1e-2, atol=1e-4)
    assert (fitted(spec, tensors).codes(tensors, "item").decode() == method.codes(layers, "item").decode()).all()


@every_variant
def test_zeros_an_empty_table_and_a_row_of_zeros_are_coded(spec):
    row = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    for vectors in (np.zeros((4, 8), np.float32), np.zeros((0, 8), np.float32), np.vstack([0 * row, row])):
        method = fitted(spec, [vectors], [vectors])
        for table in ("item", "user"):
            decoded = method.codes([vectors], table).decode()
            assert decoded.shape == vectors.shape and np.isfinite(decoded).all()


@every_variant
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_odd_numbers_are_refused_with_table_and_first_row(spec, odd):
    vectors = tables.items(20)
    vectors[7, 3] = vectors[9, 0] = odd
    with pytest.raises(FewbitsError, match="item table, row 7"):
        fitted(spec, [vectors]).codes([vectors], "item")


@every_variant
def test_numbers_at_the_edge_of_float32_are_coded_or_refused_but_never_become_odd(spec):
    for edge in (1e-44, 1e-30, 3e38):
        vectors = np.tile(np.array([[edge, -edge, edge / 2, 0], [edge, edge, edge, edge]], np.float32), 2)
        try:
            decoded = fitted(spec, [vectors], [vectors]).codes([vectors], "item").decode()
        except FewbitsError as error:
            assert edge > 1 and "65504" in str(error), "float16 cannot hold 3e38, but smaller numbers are coded"
            continue
        assert np.isfinite(decoded).all()


@every_variant
def test_a_resolved_specification_names_every_option_and_resolves_to_itself(spec):
    resolved = quantizers.resolve(spec)
    assert set(resolved.options) == set(quantizers.REGISTRY[spec.quantizer].Options.model_fields)
    assert quantizers.resolve(resolved) == resolved


def test_descriptions_are_plain_json_with_defaults_among_the_choices():
    described = quantizers.describe()
    assert json.loads(json.dumps(described)) == described
    assert [method["name"] for method in described] == quantizers.names() == list(quantizers.REGISTRY)
    for method in described:
        assert method["title"] and method["explanation"].count(".") >= 2 and method["bits"]
        for option in method["options"]:
            assert option["kind"] in ("choice", "bool", "int", "float") and option["help"]
            assert option["kind"] != "choice" or option["default"] in option["choices"]
