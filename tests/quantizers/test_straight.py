"""Gradients through the rounding: GSTE, the curvature that it leans on, annealed signs."""

import numpy as np
import pytest

from engine import quantizers
from engine.quantizers import hessian
from engine.quantizers.l2qgcn import annealed_sign
from engine.quantizers.straight import gste
from engine.spec import RunSpec
from tests.quantizers.test_trained_contract import batch, layers, leaves, plain_bpr, scored_bpr, started

torch = pytest.importorskip("torch")


def gradient(delta):
    torch.manual_seed(0)
    x = (torch.rand(50, 8) * 3).requires_grad_()
    weights = torch.randn(50, 8)
    (gste(x, 3, delta) * weights).sum().backward()
    return x.detach(), x.grad, weights


def test_without_curvature_gste_is_ste_to_the_last_bit():
    _, plain, weights = gradient(None)
    assert torch.equal(gradient(torch.tensor(0.0))[1], plain)
    assert torch.equal(plain, weights)


def test_gste_leans_by_the_error_that_was_rounded_away_within_its_bounds():
    x, leaned, g = gradient(torch.tensor(0.8))
    error = x - torch.floor(x + 0.5).clamp(0, 3)
    torch.testing.assert_close(leaned, g * (1 + 0.8 * g.sign() * error))
    _, bounded, _ = gradient(torch.tensor(100.0))
    factor = bounded / g
    assert factor.min() >= 0.1 - 1e-6 and factor.max() <= 2 + 1e-6


def test_tuning_with_delta_zero_gives_the_gradients_of_ste():
    gradients = []
    for options in ({"estimator": "ste"}, {"estimator": "gste"}):
        method = started(RunSpec(dataset="d", quantizer="hqgnn", bits=2, options=options))
        rows = leaves(method)
        plain_bpr(*method.rows(rows["user"], rows["item"], batch())).backward()  # δ is 0 before the first epoch
        gradients.append([x.grad for several in rows.values() for x in several])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def triplets():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(30, 6, generator=generator, dtype=torch.float64) for _ in range(3)]


def test_the_closed_form_of_the_bpr_trace_is_the_finite_difference():
    rows, eps = triplets(), 1e-4
    user, item = hessian.bpr_diagonal(*rows)
    for place, share in enumerate((user, item, item)):
        total = 0.0
        for index in np.ndindex(30, 6):
            values = []
            for step in (-eps, 0.0, eps):
                moved = [x.clone() for x in rows]
                moved[place][index] += step
                values.append(float(plain_bpr(*moved)))
            total += (values[0] - 2 * values[1] + values[2]) / eps**2
        assert float(share.sum()) == pytest.approx(total, rel=1e-3)


def test_the_closed_form_of_the_bpr_trace_is_hutchinsons_within_its_error():
    rows = triplets()
    user, item = hessian.bpr_diagonal(*rows)
    exact = float(user.sum() + 2 * item.sum())
    draws = [
        sum(float(p.sum()) for p in hessian.probe(plain_bpr, rows, torch.Generator().manual_seed(s))[1])
        for s in range(200)
    ]
    assert abs(np.mean(draws) - exact) < 4 * np.std(draws) / np.sqrt(200)


def test_delta_is_measured_apart_for_users_and_items_and_is_the_mean_curvature_over_the_typical_gradient():
    method = started(RunSpec(dataset="d", quantizer="hqgnn", bits=2, options={"scale": "table", "g_scale": "mean_abs"}))
    rows, step = leaves(method), batch()
    method.on_epoch(lambda: (rows["user"], rows["item"], step), scored_bpr, 0.0)
    for table in ("user", "item"):
        gradient, diagonal = method._curvatures(rows["user"], rows["item"], step)[table]
        expected = float(diagonal.mean() / gradient.abs().mean())
        assert float(method.state[f"delta.{table}"]) == pytest.approx(expected, rel=0.02), "the bound moved meanwhile"
    assert float(method.state["delta.user"]) != float(method.state["delta.item"])


def test_the_bpr_trace_of_repeated_rows_is_that_of_autograd():
    method = started(RunSpec(dataset="d", quantizer="hqgnn", bits=2, options={"scale": "row"}))
    rows, step = leaves(method), batch()
    method._loss = scored_bpr
    exact = method._curvatures(rows["user"], rows["item"], step)
    draws = []
    for seed in range(100):
        step.generator.manual_seed(seed)
        probed = type(step)(**{**vars(step), "bpr": False})
        draws.append(float(method._curvatures(rows["user"], rows["item"], probed)["item"][1].mean()))
    assert abs(np.mean(draws) - float(exact["item"][1].mean())) < 4 * np.std(draws) / 10


def test_an_annealed_sign_is_hard_forward_and_sharpens_backward():
    slopes = []
    for temperature in (1.0, 0.1):
        x = torch.tensor([-0.5, 0.0, 0.5], requires_grad=True)
        y = annealed_sign()(x, temperature)
        assert y.tolist() == [-1, 1, 1]
        y.sum().backward()
        slopes.append(x.grad)
    assert slopes[1][1] == 10 * slopes[0][1] and slopes[1][0] < slopes[0][0]


def test_guidance_gives_a_user_and_its_item_one_draw_and_ends_hard():
    method = started(RunSpec(dataset="d", quantizer="hashgnn", bits=1, options={"guidance": "soft"}))
    rows = leaves(method)
    root = 16**0.25

    def hard(x):
        return (x.abs() * root - 1).abs().amax(1) < 1e-6

    users, positives, negatives = method.rows(rows["user"], rows["item"], batch(progress=0.45))  # β = 1/2
    assert torch.equal(hard(users), hard(positives)) and not torch.equal(hard(users), hard(negatives))
    assert 0 < hard(users).float().mean() < 1
    assert not any(hard(x).any() for x in method.rows(rows["user"], rows["item"], batch(progress=0.05)))
    assert all(hard(x).all() for x in method.rows(rows["user"], rows["item"], batch(progress=0.9)))


def test_centroids_that_no_row_uses_move_to_rows_in_the_first_half_only():
    for progress, moved in ((0.2, True), (0.7, False)):
        method = started(RunSpec(dataset="d", quantizer="dpq", bits=4, options={"scale": "none"}))
        method.state["value.item.0"][:, 0] = 100.0
        rows, step = leaves(method), batch()
        method.on_epoch(lambda rows=rows, step=step: (rows["user"], rows["item"], step), scored_bpr, progress)
        assert (float(method.state["value.item.0"][:, 0].abs().max()) < 100) == moved
        assert 1 <= float(method.state["perplexity.item.0"].min()) <= 16


def test_centroids_that_only_the_tail_uses_are_not_dead():
    method = started(RunSpec(dataset="d", quantizer="mgqe", bits=8, options={"tail_bits": 2, "scale": "none"}))
    before = method.state["value.item.0"].clone()
    rows, step = leaves(method), batch()
    tail = type(step)(**{**vars(step), "items": torch.arange(50) + 100})  # none of them is frequent
    method.on_epoch(lambda: (rows["user"], rows["item"], tail), scored_bpr, 0.0)
    used = method.codes(layers(method)["item"], "item")
    assert used.n == 200
    moved = (method.state["value.item.0"] != before).any(2)
    assert moved[:, 4:].float().mean() > 0.9 and not moved[:, :4].all(), (
        "of the four that the tail may use, the used ones stay"
    )


def test_mgqe_lets_the_tail_use_the_first_centroids_alone():
    method = started(RunSpec(dataset="d", quantizer="mgqe", bits=8, options={"tail_bits": 2}))
    codes = method.codes(layers(method)["item"], "item")
    assert not codes.tail[:20].any() and codes.tail[20:].all(), "the 20 most frequent of 200 are the head"
    assert codes.q[codes.tail].max() < 4 and codes.q[~codes.tail].max() >= 4
    assert quantizers.REGISTRY["mgqe"].Options().head_share == 0.1
