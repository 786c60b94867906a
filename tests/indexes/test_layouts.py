"""How codes lie in memory: packing and unpacking are each other's inverse, and nothing resident goes uncounted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import indexes
from engine.indexes import binary, scalar
from tests.indexes.samples import KINDS


@given(n=st.integers(0, 5), dim=st.integers(1, 130), bits=st.sampled_from([8, 4, 2]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_integers_survive_packing(n, dim, bits, seed):
    q = np.random.default_rng(seed).integers(0, 1 << bits, (n, dim)).astype(np.uint8)
    packed = scalar.pack(q, bits)
    assert packed.shape == (n, -(-dim * bits // 8))
    assert (scalar.unpack(packed, dim, bits) == q).all()


@given(n=st.integers(0, 5), dim=st.integers(1, 130), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_bits_survive_packing(n, dim, seed):
    q = np.random.default_rng(seed).integers(0, 2, (n, dim)).astype(np.uint8)
    packed = binary.pack(q)
    assert packed.shape == (n, -(-dim // 64)) and packed.dtype == np.uint64
    assert (binary.unpack(packed, dim) == q).all()


def test_planes_begin_in_the_lowest_bits():
    assert scalar.pack(np.array([[1, 2, 3]], np.uint8), 4).tolist() == [[0x31, 0x02]]
    assert scalar.pack(np.array([[1, 2, 3, 0, 1]], np.uint8), 2).tolist() == [[0b01_11_01, 0b00_10]]
    assert binary.pack(np.array([[0, 1, 1]], np.uint8)).tolist() == [[0b110]]


@pytest.mark.parametrize("kind", KINDS)
def test_resident_bytes_are_those_of_the_codes_up_to_padding(kind):
    # 64 dimensions fill the bytes and words of every layout: then the packed index costs just what the codes cost
    codes = KINDS[kind](50, 64, np.random.default_rng(0))
    index = indexes.build(codes)
    assert index.nbytes == codes.nbytes
    owners = {id(owner(a)): owner(a) for a in vars(index).values() if isinstance(a, np.ndarray)}
    assert sum(a.nbytes for a in owners.values()) == sum(a.nbytes for a in index.arrays().values())  # no hidden copy


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory this one is a view of."""
    return array if array.base is None else owner(array.base)
