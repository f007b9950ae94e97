"""The constant schedule of the swiss-roll notebook and the forward process."""

import numpy as np
import pytest
import torch

from kanpipe.diffusion import Schedule, constant_schedule

PUBLISHED = {"steps": 250, "beta": 0.025**2}


def test_alpha_bar_is_the_inclusive_product_with_its_first_entry_overwritten():
    schedule = constant_schedule(**PUBLISHED)
    expected = (1 - 0.025**2) ** (np.arange(251) + 1)
    expected[0] = 1
    # computed in float64 and rounded once to float32: half an ulp of numbers below 1, 3e-8
    np.testing.assert_allclose(schedule.alpha_bar.double().numpy(), expected, rtol=0, atol=3.1e-8)


def test_published_schedule_leaves_most_of_the_data():
    assert constant_schedule(**PUBLISHED).alpha_bar[250].item() == pytest.approx(0.85477, abs=5e-6)


def test_arrays_are_indexed_by_t_from_0_to_the_number_of_steps():
    schedule = constant_schedule(**PUBLISHED)
    assert schedule.steps == 250
    assert schedule.beta.shape == schedule.alpha_bar.shape == (251,)
    assert torch.equal(schedule.beta, torch.full((251,), 0.000625))


def test_no_noise_at_time_0():
    x0, epsilon = torch.ones(3, 2), torch.full((3, 2), 7.0)
    assert torch.equal(constant_schedule(10, 0.1).diffuse(x0, torch.zeros(3, dtype=torch.int64), epsilon), x0)


def test_every_row_is_diffused_to_its_own_time(draw):
    schedule = constant_schedule(10, 0.1)
    x0, epsilon = (torch.randn(11, 1, 2, 3, generator=draw) for _ in range(2))
    t = torch.randperm(11, generator=draw)
    x_t = schedule.diffuse(x0, t, epsilon)
    for row, time in enumerate(t):
        alpha_bar = schedule.alpha_bar[time].double()
        expected = alpha_bar.sqrt() * x0[row].double() + (1 - alpha_bar).sqrt() * epsilon[row].double()
        torch.testing.assert_close(x_t[row].double(), expected, rtol=0, atol=1e-6)  # float32 numbers of up to 4


def test_diffused_points_have_the_mean_and_variance_of_the_forward_process(draw):
    n, schedule = 200_000, constant_schedule(10, 0.1)
    x0, t = torch.full((n, 1), 3.0), torch.full((n,), 6)
    x_t = schedule.diffuse(x0, t, torch.randn(n, 1, generator=draw)).double()
    variance = 1 - 0.9**7
    # five standard errors: of a mean sqrt(variance / n), of a variance sqrt(2 / n) of it
    assert x_t.mean().item() == pytest.approx(3 * 0.9**3.5, abs=5 * (variance / n) ** 0.5)
    assert x_t.var().item() == pytest.approx(variance, rel=5 * (2 / n) ** 0.5)


def test_schedule_moves_whole():
    moved = constant_schedule(10, 0.1).to(torch.device("meta"))
    assert isinstance(moved, Schedule)
    assert moved.beta.is_meta and moved.alpha_bar.is_meta
