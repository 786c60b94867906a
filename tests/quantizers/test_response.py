"""Which centroid a part of a row gets."""

import pytest
import torch

from engine.quantizers.response import chosen, nearest_numbers, responses


def table(n, subspaces, centroids, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, 1, generator=generator) for shape in ((n, subspaces), (subspaces, centroids))]


@pytest.mark.parametrize("centroids", [1, 2, 16, 256])
def test_parts_of_one_number_get_the_centroid_that_no_other_is_nearer_than(centroids):
    parts, value = table(300, 5, centroids)
    distances = (parts.double() - value[None, :, :, 0].double()).abs()  # [m, M, K]
    codes = nearest_numbers(parts, value)
    ours = distances.gather(2, codes[:, :, None])[:, :, 0]
    torch.testing.assert_close(ours, distances.min(2).values, rtol=0, atol=1e-6)
    by_distances, _ = chosen(responses(parts, value, None), None, False, None)
    assert (codes == by_distances).float().mean() > 0.99, "they differ where rounding decides, at most"


def test_equal_centroids_and_rows_without_any_are_no_trouble():
    parts, value = table(7, 3, 8)
    value[:] = value[:, :1]
    assert torch.equal(value[torch.arange(3), nearest_numbers(parts, value)], value[:, 0].expand(7, 3, 1))
    assert nearest_numbers(parts[:0], value).shape == (0, 3)
