"""DPQ and MGQE: which centroid the part of a row gets, and what a row without a length does."""

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


@pytest.mark.parametrize("shortest", [1e-19, 1e-24, 1e-37])
@pytest.mark.parametrize(("name", "variant"), [("dpq", "vq"), ("dpq", "sx"), ("mgqe", "sx")])
def test_a_row_too_short_for_float32_counts_as_zeros_and_leaves_the_others_alone(name, variant, shortest):
    """Its squares vanish: taken by that length, its direction had numbers of 1e13, and so had the centroids."""
    found = []
    for length in (shortest, 0.0):
        items, users = tables.items(300, 16), tables.users(60, 16)
        for x in (items, users):
            x[3] *= np.float32(length) / np.linalg.norm(x[3])
        coder = fitted(name, 8, items, users, variant=variant)
        x = torch.from_numpy(users).requires_grad_()
        coder.readout([x], "user").square().sum().backward()
        found.append({**coder.dump(), "codes": coder.codes([items], "item").decode(), "gradient": x.grad.numpy()})
    for key, array in found[1].items():
        np.testing.assert_array_equal(found[0][key], array, err_msg=key)
    assert not found[0]["gradient"][3].any()


@pytest.mark.parametrize("rows", [1, 2, 14, 20])
def test_a_group_of_one_row_or_none_is_normalised_or_left_out(rows):
    """A tenth of few rows is one row, and all of one row is the head."""
    items, users = tables.items(rows, 16), tables.users(rows, 16)
    coder = fitted("mgqe", 8, items, users, batch_norm=True, subspaces=4, tail_subspaces=2)
    assert np.isfinite(coder.codes([items], "item").decode()).all()


def test_the_codebook_loss_of_a_table_without_lengths_is_finite():
    items = np.full((300, 16), 1e-30, np.float32)
    coder = fitted("dpq", 8, items)
    coder.training = True
    coder.readout([torch.from_numpy(items)], "item")
    assert torch.isfinite(coder.extra_loss())
