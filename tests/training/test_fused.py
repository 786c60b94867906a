"""The fused losses against plain torch, in float32 and on matrix units, in one chunk and in several."""

import pytest
import torch
from torch.nn import functional

from engine.spec import LEAST_TEMPERATURE
from engine.training import fused
from engine.training.fused import distillation, shared_softmax
from engine.training.losses import plain_distillation

BFLOAT16 = 2.0**-8
"""Relative distance of neighbouring bfloat16."""


@pytest.fixture(params=[512, 4])
def chunk(request, monkeypatch):
    monkeypatch.setattr(fused, "CHUNK", request.param)


def vectors(*rows, d=6):
    torch.manual_seed(0)
    return [torch.randn(n, d) for n in rows]


def plain_softmax(users, items, negatives, temperature):
    users, items, negatives = (functional.normalize(x, dim=1) for x in (users, items, negatives))
    logits = torch.cat([(users * items).sum(1, keepdim=True), users @ negatives.T], 1) / temperature
    return functional.cross_entropy(logits, torch.zeros(len(users), dtype=torch.long))


def both(ours, plain, start, *args):
    """Return value and gradients of two losses, of three times the loss."""
    found = []
    for loss in (ours, plain):
        tensors = [x.clone().requires_grad_() for x in start]
        value = loss(*tensors, *args)
        (3 * value).backward()
        found.append((value.detach(), [x.grad for x in tensors]))
    return found


@pytest.mark.parametrize("temperature", [0.01, 0.05, 0.1, 1.0])
def test_the_shared_softmax_is_plain_torchs_in_float32(chunk, monkeypatch, temperature):
    monkeypatch.setattr(fused, "MATRIX_UNITS", False)
    (value, gradients), (expected, plain) = both(shared_softmax, plain_softmax, vectors(9, 9, 5), temperature)
    torch.testing.assert_close(value, expected)
    for ours, theirs in zip(gradients, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_on_matrix_units_logits_are_rounded_and_nothing_else(chunk, monkeypatch, temperature):
    monkeypatch.setattr(fused, "MATRIX_UNITS", True)
    start = vectors(64, 64, 40, d=64)
    (value, gradients), (expected, plain) = both(shared_softmax, plain_softmax, start, temperature)
    assert abs(float(value - expected)) < BFLOAT16 / temperature
    for ours, theirs in zip(gradients, plain, strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < BFLOAT16 * max(1, 0.4 / temperature)


def test_the_shared_softmax_stands_a_vector_of_zeros(chunk):
    users, items, negatives = vectors(3, 3, 2)
    users[1], negatives[0] = 0, 0
    assert torch.isfinite(shared_softmax(users, items, negatives, 0.1))


@pytest.mark.parametrize("units", [False, True])
def test_the_lowest_temperature_is_one_at_which_opposite_vectors_have_a_loss(chunk, monkeypatch, units):
    monkeypatch.setattr(fused, "MATRIX_UNITS", units)
    users, other = vectors(9, 5)
    users[:], other[:] = other[0], -other[0]
    found = both(shared_softmax, plain_softmax, [users, -users, other], LEAST_TEMPERATURE)
    (value, gradients), (expected, _) = found
    assert abs(float(value - expected)) < BFLOAT16 / LEAST_TEMPERATURE
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_distillation_is_plain_torchs(chunk):
    users, items, taught, teachers = vectors(9, 5, 9, 5)
    taught = functional.normalize(taught, dim=1)
    found = both(distillation, plain_distillation, [users, items], taught, teachers, 0.3)
    (value, gradients), (expected, plain) = found
    torch.testing.assert_close(value, expected)
    for ours, theirs in zip(gradients, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
