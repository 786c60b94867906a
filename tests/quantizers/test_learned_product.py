"""DPQ and MGQE: which centroid the part of a row gets."""

import numpy as np
import pytest

from tests.quantizers import tables
from tests.quantizers.kept import fitted

torch = pytest.importorskip("torch")
PLAIN = {"scale": "none", "rotate": "none"}


@pytest.mark.parametrize("tail", ["shared", "separate", "subspaces"])
def test_under_sx_head_and_tail_get_the_centroids_whose_keys_have_the_largest_dots(tail):
    items = tables.items(300, 16)
    coder = fitted("mgqe", 8, items, variant="sx", tail=tail, subspaces=4, tail_subspaces=2, **PLAIN)
    for name in [name for name in coder.state if name.startswith("key")]:  # else they point where the centroids do
        coder.state[name] = torch.randn(coder.state[name].shape, generator=torch.Generator().manual_seed(1))
    codes, flags = coder.codes([items], "item").q, coder.state["tail.item"].numpy()
    for group, rows in enumerate((~flags, flags)):
        keys = coder.state["key.item.0"][:, :16] if group and tail == "shared" else coder.state[f"key.item.{group}"]
        dots = np.einsum("njw,jkw->njk", items[rows].reshape(rows.sum(), len(keys), -1), keys.numpy())
        np.testing.assert_array_equal(codes[rows][:, : len(keys)], dots.argmax(2))
