"""Which centroid a part of a row gets."""

import pytest
import torch

from engine.quantizers.response import MOMENTUM, BatchNorm, chosen, nearest_numbers, responses


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


def test_a_step_normalises_by_running_statistics_that_its_batch_has_moved():
    first, batch = (torch.randn(50, 3, 8, generator=torch.Generator().manual_seed(i)) * 2**i + i for i in range(2))
    norm = BatchNorm({}, "norm")
    norm.measure([first])
    codes, _ = chosen([batch], norm, True, None)
    moved = [
        (1 - MOMENTUM) * of(first) + MOMENTUM * of(batch)
        for of in (lambda x: x.mean((0, 1)), lambda x: x.std((0, 1), correction=0))
    ]
    assert torch.equal(codes, ((batch - moved[0]) / moved[1]).argmax(2))
    alone = (batch - batch.mean((0, 1))) / batch.std((0, 1))
    assert not torch.equal(codes, alone.argmax(2)), "the batch's own would choose others"
