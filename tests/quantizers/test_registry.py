"""Specifications are completed, and what no method knows is refused with the list of what is known."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine import quantizers
from engine.errors import FewbitsError
from engine.spec import RunSpec


def spec(quantizer="uniform", bits=4, **options):
    return RunSpec(dataset="d", quantizer=quantizer, bits=bits, options=options)


def test_defaults_written_out_or_left_out_give_one_run_id():
    assert quantizers.resolve(spec()).run_id == quantizers.resolve(spec(scale="row", fit="mse")).run_id
    assert quantizers.resolve(spec()).run_id != quantizers.resolve(spec(scale="table")).run_id


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (spec("unifrom"), "unknown quantizer 'unifrom'; known: .*float16, float32, .*uniform"),
        (spec(bits=3), "got 3 bits, expected one of 8, 4, 2, 1"),
        (spec(scales="row"), "unknown option of uniform 'scales'; known: fit, scale"),
        (spec("float32", 32, scale="row"), "unknown option of float32 'scale'; known: none"),
        (spec("pq", 8, subspaces=10), "subspaces: got 10, expected a divisor of the 64 dimensions: 1, 2, 4"),
        (spec("dpq", 8, subspaces=10), "subspaces: got 10"),
        (spec("mgqe", 8, tail_bits=9), "option 'tail_bits' of mgqe: got 9; Input should be less than or equal to 8"),
        (spec("mgqe", 8, tail="subspaces", tail_subspaces=7), "subspaces: got 7"),
        (spec(scale="rows"), "option 'scale' of uniform: got 'rows'; Input should be 'row' or 'table'"),
    ],
)
def test_what_no_method_knows_is_refused(asked, said):
    for check in (quantizers.resolve, quantizers.create):
        with pytest.raises(FewbitsError, match=said):
            check(asked)


def test_describing_the_methods_does_not_load_torch_or_numba():
    code = (
        "import sys, engine.quantizers as q; q.describe()\nprint([m for m in ('torch', 'numba') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
