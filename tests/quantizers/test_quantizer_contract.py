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
            if not method.trained:
                spec = RunSpec(dataset="d", quantizer=name, bits=bits, options=dict(zip(choices, picked, strict=True)))
                yield pytest.param(spec, id=f"{name}-{bits}-{'-'.join(map(str, picked))}")


every_variant = pytest.mark.parametrize("spec", list(variants()))  # a list: the mark is used many times


@every_variant
def test_codes_are_of_the_asked_shape_and_bits_and_an_index_stores_them(spec):
    method = quantizers.create(spec)
    item, user = method.codes([tables.items(200, 13)], "item"), method.codes([tables.users(30, 13)], "user")
    assert (item.n, item.dim, item.bits) == (200, 13, spec.bits)
    assert item.decode().shape == (200, 13) and item.decode().dtype == np.float32
    index = indexes.build(item)
    hits = index.search(index.pack_queries(user), 5)
    exact = user.decode().astype(float) @ item.decode().astype(float).T
    assert np.allclose(hits.scores, np.take_along_axis(exact, hits.ids, 1), rtol=1e-4, atol=1e-5 * np.abs(exact).max())


@every_variant
def test_the_same_table_gives_the_same_codes(spec):
    one, two = (quantizers.create(spec).codes([tables.items(200)], "item").decode() for _ in range(2))
    assert (one == two).all()


@every_variant
def test_layers_are_averaged_and_torch_counts_as_numpy(spec):
    torch = pytest.importorskip("torch")
    method, layers = quantizers.create(spec), [tables.items(50, seed=s) for s in range(3)]
    expected = method.codes([((layers[0] + layers[1] + layers[2]) / 3).astype(np.float32)], "item").decode()
    tensors = [torch.tensor(layer, requires_grad=True) for layer in layers]
    assert np.allclose(method.codes(layers, "item").decode(), expected, rtol=1e-2, atol=1e-4)
    assert (method.codes(tensors, "item").decode() == method.codes(layers, "item").decode()).all()


@every_variant
def test_zeros_an_empty_table_and_a_row_of_zeros_are_coded(spec):
    method = quantizers.create(spec)
    assert np.isfinite(method.codes([np.zeros((4, 3), np.float32)], "item").decode()).all()
    assert method.codes([np.zeros((0, 3), np.float32)], "item").decode().shape == (0, 3)
    vectors = np.array([[0, 0, 0], [1, -2, 0.5]], np.float32)
    assert np.isfinite(method.codes([vectors], "user").decode()).all()


@every_variant
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_odd_numbers_are_refused_with_table_and_first_row(spec, odd):
    vectors = tables.items(20)
    vectors[7, 3] = vectors[9, 0] = odd
    with pytest.raises(FewbitsError, match="item table, row 7"):
        quantizers.create(spec).codes([vectors], "item")


@every_variant
def test_numbers_at_the_edge_of_float32_are_coded_or_refused_but_never_become_odd(spec):
    for edge in (1e-44, 1e-30, 3e38):
        vectors = np.array([[edge, -edge, edge / 2], [edge, edge, -edge]], np.float32)
        try:
            decoded = quantizers.create(spec).codes([vectors], "item").decode()
        except FewbitsError as error:
            assert "65504" in str(error)  # float16 cannot hold 3e38
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
