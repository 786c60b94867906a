"""How codes lie in memory: packing and unpacking are each other's inverse, and nothing resident goes uncounted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import indexes
from engine.indexes import binary, blocks, packed, product, scalar
from tests.indexes.samples import KINDS


@given(n=st.integers(0, 5), dim=st.integers(1, 130), bits=st.sampled_from([8, 4, 2]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_integers_survive_packing(n, dim, bits, seed):
    q = np.random.default_rng(seed).integers(0, 1 << bits, (n, dim)).astype(np.uint8)
    found = scalar.pack(q, bits)
    assert found.shape == (n, -(-dim * bits // 8))
    assert (scalar.unpack(found, dim, bits) == q).all()


@given(n=st.integers(0, 5), subspaces=st.integers(1, 70), bits=st.integers(1, 8), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_centroid_numbers_survive_packing(n, subspaces, bits, seed):
    q = np.random.default_rng(seed).integers(0, 1 << bits, (n, subspaces)).astype(np.uint8)
    found = product.pack(q, bits)
    assert found.shape == (n, -(-subspaces * bits // 8))
    assert (product.unpack(found, subspaces, bits) == q).all()


@given(n=st.integers(0, 5), dim=st.integers(1, 130), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_bits_survive_packing(n, dim, seed):
    q = np.random.default_rng(seed).integers(0, 2, (n, dim)).astype(np.uint8)
    found = binary.pack(q)
    assert found.shape == (n, -(-dim // 8)) and found.dtype == np.uint8
    assert (binary.unpack(found, dim) == q).all()


def test_planes_begin_in_the_lowest_bits():
    assert scalar.pack(np.array([[1, 2, 3]], np.uint8), 4).tolist() == [[0x31, 0x02]]
    assert scalar.pack(np.array([[1, 2, 3, 0, 1]], np.uint8), 2).tolist() == [[0b01_11_01, 0b00_10]]
    assert binary.pack(np.array([[0, 1, 1]], np.uint8)).tolist() == [[0b110]]


def test_centroid_numbers_follow_each_other_from_the_lowest_bit():
    q = np.array([[1, 2, 3]], np.uint8)
    assert product.pack(q, 8).tolist() == [[1, 2, 3]]
    assert product.pack(q, 4).tolist() == [[0x21, 0x03]]
    assert product.pack(q, 6).tolist() == [[0b10_000001, 0b0011_0000, 0b00]]


@given(n=st.integers(0, 150), width=st.integers(1, 9), group=st.sampled_from([1, 4]), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_rows_survive_blocks(n, width, group, seed):
    rows = np.random.default_rng(seed).integers(0, 256, (n, width)).astype(np.uint8)
    stored = blocks.to_blocks(rows, group)
    assert stored.shape == (n * width,) and stored.flags.c_contiguous
    assert (blocks.from_blocks(stored, width, group) == rows).all()
    padded = np.concatenate([rows[n // 64 * 64 :], np.zeros((-n % 64, width), np.uint8)])
    assert (blocks.last_block(stored, width, group) == (blocks.to_blocks(padded, group) if n % 64 else [])).all()


def test_a_block_holds_a_group_of_bytes_of_all_its_items():
    rows = np.arange(2 * 6, dtype=np.uint8).reshape(2, 6)
    assert blocks.to_blocks(rows, 1).tolist() == rows.T.ravel().tolist()
    assert blocks.to_blocks(rows, 4).tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 4, 10, 5, 11]


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_gives_its_codes_back(kind):
    codes = KINDS[kind](150, 21, np.random.default_rng(2))
    back = indexes.build(codes, 7).codes()
    assert type(back) is type(codes) and back.nbytes == codes.nbytes
    assert (back.decode() == codes.decode()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_resident_bytes_are_those_of_the_codes_up_to_padding(kind):
    # 384 dimensions (three layers of 128) and 64 items fill the bytes of every layout: then the packed index costs just
    # what the codes cost
    codes = KINDS[kind](64, 384, np.random.default_rng(0))
    index = indexes.build(codes)
    assert index.nbytes == codes.nbytes
    owners = {id(owner(a)): owner(a) for a in held(index)}
    hidden = sum(a.nbytes for a in owners.values()) - sum(a.nbytes for a in index.arrays().values())
    assert 0 <= hidden <= packed.ALIGN * len(owners), "a copy that nobody counts"


@pytest.mark.parametrize("kind", KINDS)
def test_resident_arrays_begin_with_a_cache_line(kind):
    index = indexes.build(KINDS[kind](65, 21, np.random.default_rng(0)))
    for name, array in index.arrays().items():
        if array.nbytes > packed.ALIGN:
            assert array.ctypes.data % packed.ALIGN == 0, name


def held(thing: object) -> list[np.ndarray]:
    """All arrays that an index, its parts and its lists hold."""
    if isinstance(thing, np.ndarray):
        return [thing]
    parts = thing if isinstance(thing, tuple) else thing.values() if isinstance(thing, dict) else ()
    parts = vars(thing).values() if isinstance(thing, indexes.Index) else parts
    return [array for part in parts for array in held(part)]


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory this one is a view of."""
    return array if array.base is None else owner(array.base)
