"""The choice of a device: by itself, by name, and refused with advice."""

import pytest
import torch

from engine.errors import FewbitsError
from engine.training.device import device


def test_a_gpu_is_used_where_there_is_one(monkeypatch):
    monkeypatch.delenv("FEWBITS_DEVICE", raising=False)
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert device().type == expected


def test_the_cpu_can_be_asked_for_where_a_gpu_is(monkeypatch):
    monkeypatch.setenv("FEWBITS_DEVICE", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device().type == "cpu"


def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setenv("FEWBITS_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(FewbitsError, match="finds no CUDA device; .* choose auto or cpu"):
        device()


def test_a_name_that_is_none_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setenv("FEWBITS_DEVICE", "gpu")
    with pytest.raises(FewbitsError, match="got 'gpu', expected one of auto, cpu, cuda"):
        device()
