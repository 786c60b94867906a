"""The propagation kernel and its gradient, against dense matrices."""

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.interactions import ItemLists
from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks
from engine.encoders import create, propagate
from engine.encoders.graph import normalised_graph
from engine.encoders.propagate import mean_of_layers, propagated
from engine.spec import ModelSpec


def random_graph(seed: int, users: int = 7, items: int = 5):
    """Return a graph and its dense Â; some users and items have no edge."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((users, items)) < 0.3
    lists = ItemLists.from_pairs(*np.nonzero(matrix), users)
    full = np.block([[np.zeros((users, users)), matrix], [matrix.T, np.zeros((items, items))]])
    root = 1 / np.sqrt(np.maximum(full.sum(1), 1))
    return normalised_graph(lists.indptr, lists.items, items), root[:, None] * full * root


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_one_propagation_is_a_product_with_the_normalised_adjacency(seed, d):
    graph, dense = random_graph(seed)
    x = np.random.default_rng(seed).standard_normal((12, d)).astype(np.float32)
    np.testing.assert_allclose(graph.propagate(x), dense @ x, atol=1e-5)


ROUNDED = 2.0**-9
"""Half a unit in the last of bfloat16's 8 significant bits, relative: what rounding to the nearest costs at most."""


@pytest.mark.parametrize("d", [6, 32, 64, 70])
@pytest.mark.parametrize(
    ("layers", "own"), [(0, True), (1, True), (2, True), (3, True), (4, True), (1, False), (3, False)]
)
def test_the_mean_of_layers_and_its_gradient_are_those_of_plain_torch(layers, own, d):
    graph, dense = random_graph(3)
    adjacency = torch.from_numpy(dense).float()
    torch.manual_seed(0)
    ours = torch.randn(12, d, requires_grad=True)
    plain = ours.detach().clone().requires_grad_()
    every = [plain]
    for _ in range(layers):
        every.append(adjacency @ every[-1])
    weight = torch.randn(12, d)
    pooled, expected = mean_of_layers(graph, ours, layers, own), torch.stack(every[not own :]).mean(0)
    (pooled * weight).sum().backward()
    (expected * weight).sum().backward()
    most = layers * ROUNDED * float(ours.detach().abs().max())
    torch.testing.assert_close(pooled, expected, atol=most, rtol=0)
    torch.testing.assert_close(ours.grad, plain.grad, atol=layers * ROUNDED * float(weight.abs().max()), rtol=0)


def test_what_neighbours_are_read_from_is_rounded_to_the_nearest_not_cut_off():
    graph, dense = random_graph(3, 40, 30)
    x = 1 + np.random.default_rng(0).random((70, 64), dtype=np.float32)
    errors = graph.mean_of_layers(x, 1) - (x + dense @ x) / 2
    assert abs(errors.mean()) < 0.05 * np.abs(errors).mean()  # cutting off would make every error negative


def test_a_number_that_is_not_finite_does_not_vanish_in_the_rounding():
    graph, _ = random_graph(3)
    for odd in (np.nan, np.inf, -np.inf):
        x = np.ones((12, 32), np.float32)
        x[:, 5] = odd
        assert not np.isfinite(graph.mean_of_layers(x, 2)[:, 5]).any()


def test_the_gradient_holds_when_the_same_graph_is_used_twice_in_one_step():
    graph, dense = random_graph(4)
    adjacency = torch.from_numpy(dense).float()
    x = torch.randn(12, 6, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    first, second = mean_of_layers(graph, x, 2), mean_of_layers(graph, 3 * x, 2)
    (first * second).sum().backward()

    def plain(z):
        return (z + adjacency @ z + adjacency @ (adjacency @ z)) / 3

    (plain(y) * plain(3 * y)).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=20 * ROUNDED * float(y.grad.abs().max()), rtol=0)


@pytest.mark.parametrize("encoder", ["lightgcn", "ngcf", "mf"])
def test_layers_as_stored_have_the_mean_that_training_saw(encoder):
    data = split("two-blocks", Reading(two_blocks(), None))
    encoder = create(ModelSpec(encoder=encoder, dim=8, layers=3), data)
    parameters = encoder.start(np.random.default_rng(0))
    tensors = {name: torch.from_numpy(x) for name, x in parameters.items()}
    layers = encoder.layers(parameters)
    np.testing.assert_allclose(np.mean(layers, 0), encoder.pooled(tensors).numpy(), atol=ROUNDED)
    for stored, seen in zip(layers, encoder.forward(tensors), strict=True):
        np.testing.assert_allclose(stored, seen.numpy(), atol=1e-6)


def test_ngcf_is_the_formula_of_its_paper():
    data = split("two-blocks", Reading(two_blocks(), None))
    encoder = create(ModelSpec(encoder="ngcf", dim=4, layers=1), data)
    parameters = encoder.start(np.random.default_rng(0))
    e, w1, w2 = parameters["embeddings"], parameters["w1.0"], parameters["w2.0"]
    near = encoder.adjacency.propagate(e)
    messages = (near + e) @ w1 + (near * e) @ w2
    expected = np.where(messages > 0, messages, 0.2 * messages)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.layers(parameters)[1], expected, atol=1e-5)


def test_the_gradient_of_one_propagation_is_the_propagation_of_the_gradient():
    graph, adjacency = random_graph(4)
    x = torch.randn(graph.n, 3, requires_grad=True)
    weights = torch.randn(graph.n, 3)
    (propagated(graph, x) * weights).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), adjacency.T @ weights.numpy(), atol=1e-5)


def test_propagation_gives_the_same_bits_each_time():
    data = split("two-blocks", Reading(two_blocks(), None))
    encoder = create(ModelSpec(dim=64), data)
    parameters = encoder.start(np.random.default_rng(0))
    assert all(
        np.array_equal(a, b) for a, b in zip(encoder.layers(parameters), encoder.layers(parameters), strict=True)
    )


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_graph_is_there_as_long_as_its_copy_on_a_device():
    """The copy is found by the graph's id, which another graph may get once the first is gone."""
    graph, dense = random_graph(0)
    copy, there = propagate._on_device(graph, "cpu"), weakref.ref(graph)
    np.testing.assert_allclose(copy.to_dense().numpy(), dense, atol=1e-6)
    del graph
    gc.collect()
    assert there() is not None
    other, dense = random_graph(1)
    np.testing.assert_allclose(propagate._on_device(other, "cpu").to_dense().numpy(), dense, atol=1e-6)
    assert there() is None, "one graph at a time"


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device on this machine: the GPU path is not checked here"
)
def test_the_gpu_propagates_as_the_cpu_does():
    graph, _ = random_graph(5)
    x = torch.randn(12, 8)
    torch.testing.assert_close(propagated(graph, x.cuda()).cpu(), propagated(graph, x), atol=1e-5, rtol=1e-4)
    for own in (True, False):
        cpu = mean_of_layers(graph, x, 3, own)
        most = 3 * 2**-9 * float(x.abs().max())  # the CPU rounds neighbours to bfloat16, the GPU does not
        torch.testing.assert_close(mean_of_layers(graph, x.cuda(), 3, own).cpu(), cpu, atol=most, rtol=0)
