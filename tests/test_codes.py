"""What codes stand for, and what they cost."""

import numpy as np
import pytest

from engine.codes import FloatCodes, ScalarCodes
from engine.errors import FewbitsError


def test_levels_are_odd_multiples_of_the_rows_step():
    q = np.array([[0, 1, 2, 3], [3, 3, 0, 0]], np.uint8)
    codes = ScalarCodes(q, 2, np.array([1.0, 0.5], np.float16), 2.0)
    assert codes.decode().tolist() == [[-6, -2, 2, 6], [3, 3, -3, -3]]
    assert codes.decode().dtype == np.float32


def test_without_row_scale_every_row_has_the_unit():
    codes = ScalarCodes(np.array([[0], [255]], np.uint8), 8, None, 0.25)
    assert codes.decode().tolist() == [[-63.75], [63.75]]


@pytest.mark.parametrize(("bits", "row_bytes"), [(8, 9), (4, 5), (2, 3), (1, 2)])
def test_bytes_are_packed_rows_scales_and_unit(bits, row_bytes):
    q = np.zeros((10, 9), np.uint8)
    assert ScalarCodes(q, bits, None, 1.0).nbytes == 10 * row_bytes + 4
    assert ScalarCodes(q, bits, np.ones(10, np.float16), 1.0).nbytes == 10 * row_bytes + 20 + 4


def test_float_codes_cost_their_arrays():
    assert FloatCodes(np.zeros((3, 5), np.float32)).nbytes == 60
    assert FloatCodes(np.zeros((3, 5), np.float16)).nbytes == 30
    assert FloatCodes(np.zeros((3, 5), np.float16)).bits == 16


def test_rows_keep_their_kind_scale_and_order():
    codes = ScalarCodes(np.array([[0], [1], [1]], np.uint8), 1, np.array([0.5, 1, 0.25], np.float16), 4.0)
    part = codes.rows(np.array([2, 0]))
    assert isinstance(part, ScalarCodes)
    assert part.decode().tolist() == [[1], [-2]]
    assert FloatCodes(np.eye(3, dtype=np.float16)).rows(slice(1, 2)).values.tolist() == [[0, 1, 0]]


def test_a_step_below_half_precision_survives_relative_to_its_unit():
    codes = ScalarCodes(np.array([[1]], np.uint8), 1, np.array([1.0], np.float16), float(np.float32(1e-20)))
    assert codes.decode()[0, 0] == np.float32(1e-20)


@pytest.mark.parametrize(
    ("q", "bits", "scale", "unit", "said"),
    [
        (np.zeros((1, 1), np.int32), 8, None, 1.0, "q: got int32"),
        (np.zeros(3, np.uint8), 8, None, 1.0, "2 axes"),
        (np.full((1, 1), 4, np.uint8), 2, None, 1.0, "got 4, expected 0 … 3"),
        (np.zeros((1, 1), np.uint8), 3, None, 1.0, "bits: got 3"),
        (np.zeros((1, 1), np.uint8), 8, None, np.nan, "unit"),
        (np.zeros((1, 1), np.uint8), 8, None, 0.1, "float32"),
        (np.zeros((1, 1), np.uint8), 8, np.ones(2, np.float16), 1.0, "one for each of 1 rows"),
        (np.zeros((1, 1), np.uint8), 8, np.full(1, 1.5, np.float16), 1.0, "outside"),
        (np.zeros((1, 1), np.uint8), 8, np.full(1, np.nan, np.float16), 1.0, "outside"),
        (np.zeros((1, 1), np.uint8), 8, np.ones(1, np.float32), 1.0, "float32"),
    ],
)
def test_codes_that_break_their_promise_are_refused(q, bits, scale, unit, said):
    with pytest.raises(FewbitsError, match=said):
        ScalarCodes(q, bits, scale, unit)


def test_float_codes_of_another_dtype_are_refused():
    with pytest.raises(FewbitsError, match="got float64"):
        FloatCodes(np.zeros((1, 1)))
