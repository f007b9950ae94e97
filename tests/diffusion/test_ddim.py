"""DDIM where the noise is known in closed form: data of a normal distribution, on which every step is linear."""

import math

import pytest
import torch

from kanpipe.diffusion import (
    Schedule,
    ancestral_sample,
    ddim_sample,
    linear_schedule,
    quadratic_timesteps,
    uniform_timesteps,
)

STEPS = 1000
SCHEDULE = linear_schedule(STEPS, dtype=torch.float64)
MEAN = torch.tensor([1.5, -0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=torch.float64)
MAKERS = {"uniform": uniform_timesteps, "quadratic": quadratic_timesteps}


def gain(t):
    """E[epsilon | x_t] = gain (x_t - sqrt(a) MEAN): the matrix sqrt(1 - a) (a COVARIANCE + (1 - a) I)^-1."""
    a = SCHEDULE.alpha_bar[t + 1]
    return (1 - a).sqrt() * torch.linalg.inv(a * COVARIANCE + (1 - a) * torch.eye(2, dtype=torch.float64))


def exact_noise(x, t):
    t = int(t[0])
    return (x - SCHEDULE.alpha_bar[t + 1].sqrt() * MEAN) @ gain(t).T


def recursion(timesteps, eta):
    """Mean and covariance after all steps from N(0, I), each step an affine map of its own."""
    mean, covariance = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    times = timesteps.tolist()
    for place in range(len(times) - 1, -1, -1):
        t, lower = times[place], times[place - 1] if place else -1
        a, b = SCHEDULE.alpha_bar[t + 1].item(), SCHEDULE.alpha_bar[lower + 1].item()
        s = eta * math.sqrt((1 - b) / (1 - a) * (1 - a / b))
        of_noise = math.sqrt(max(1 - b - s**2, 0)) - math.sqrt(b / a) * math.sqrt(1 - a)
        matrix = math.sqrt(b / a) * torch.eye(2, dtype=torch.float64) + of_noise * gain(t)
        mean = matrix @ mean - of_noise * gain(t) @ (math.sqrt(a) * MEAN)
        covariance = matrix @ covariance @ matrix.T + s**2 * torch.eye(2, dtype=torch.float64)
    return mean, covariance


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("count", [1, 2, 10, 20, 50, 100])
def test_without_noise_every_state_is_the_affine_map_of_its_start(kind, count):
    timesteps = MAKERS[kind](STEPS, count)
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    origin, *images = ddim_sample(exact_noise, corners, SCHEDULE, timesteps)[-1]
    mean, covariance = recursion(timesteps, 0)
    matrix = torch.stack(images, dim=1) - origin.unsqueeze(1)
    torch.testing.assert_close(origin, mean, rtol=0, atol=1e-10)
    torch.testing.assert_close(matrix @ matrix.T, covariance, rtol=0, atol=1e-10)


class Impulses:
    """Draws that are 0 but for one coordinate of one step: what a step's noise becomes at the end."""

    def __init__(self, step, coordinate):
        self.step, self.coordinate, self.calls = step, coordinate, 0

    def __call__(self, shape, **_):
        z = torch.zeros(shape, dtype=torch.float64)
        if self.calls == self.step:
            z[..., self.coordinate] = 1
        self.calls += 1
        return z


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("eta", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 10, 20])
def test_with_noise_the_covariance_follows_the_recursion(kind, eta, count, monkeypatch):
    timesteps = MAKERS[kind](STEPS, count)

    def end(start, step=-1, coordinate=0):
        monkeypatch.setattr("kanpipe.diffusion.ddim.torch.randn", Impulses(step, coordinate))
        return ddim_sample(exact_noise, start.unsqueeze(0), SCHEDULE, timesteps, eta, torch.Generator())[-1][0]

    zero = torch.zeros(2, dtype=torch.float64)
    origin = end(zero)
    ways = [end(axis) - origin for axis in torch.eye(2, dtype=torch.float64)]
    ways += [end(zero, step, coordinate) - origin for step in range(count) for coordinate in (0, 1)]
    mean, covariance = recursion(timesteps, eta)
    torch.testing.assert_close(origin, mean, rtol=0, atol=1e-10)
    torch.testing.assert_close(sum(torch.outer(way, way) for way in ways), covariance, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", MAKERS)
def test_more_steps_come_nearer_to_the_data(kind):
    errors = []
    for count in (10, 20, 50, 100, 1000):
        _, covariance = recursion(MAKERS[kind](STEPS, count), 0)
        errors.append((covariance - COVARIANCE).abs().max().item() / COVARIANCE.max().item())
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.1 and errors[-1] < 0.01


def test_repeated_times_change_nothing():
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    once, twice = torch.tensor([0, 100, 500]), torch.tensor([0, 0, 100, 100, 500])
    expected = ddim_sample(exact_noise, x, SCHEDULE, once)[-1]
    torch.testing.assert_close(ddim_sample(exact_noise, x, SCHEDULE, twice)[-1], expected, rtol=0, atol=1e-12)


def test_all_times_with_eta_1_are_ancestral_sampling_of_the_smaller_variance():
    """Both have the same mean of a step; the ancestral sampler here draws with variance beta, eta 1 with beta-tilde."""
    short = linear_schedule(20, 0.01, 0.2, dtype=torch.float64)
    noise = {t: torch.full((3, 2), 0.1 * t, dtype=torch.float64) for t in range(20)}
    x = torch.ones(3, 2, dtype=torch.float64)
    still = torch.Generator()

    def silent(shape, **_):
        return torch.zeros(shape, dtype=torch.float64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn", silent)
        ancestral = ancestral_sample(lambda x, t: noise[int(t[0]) - 1], x, short, still)[0]
        implicit = ddim_sample(lambda x, t: noise[int(t[0])], x, short, torch.arange(20), 1.0, still)[-1]
    torch.testing.assert_close(implicit, ancestral, rtol=0, atol=1e-12)


def test_draws_are_those_of_the_generator_and_none_without_eta():
    x = torch.zeros(4, 2, dtype=torch.float64)
    times = uniform_timesteps(STEPS, 10)

    def draw(seed, eta):
        return ddim_sample(exact_noise, x, SCHEDULE, times, eta, torch.Generator().manual_seed(seed))[-1]

    assert torch.equal(draw(1, 1.0), draw(1, 1.0)) and not torch.equal(draw(1, 1.0), draw(2, 1.0))
    assert torch.equal(draw(1, 0.0), draw(2, 0.0))


def test_kept_states_are_those_before_their_times():
    x = torch.ones(4, 2, dtype=torch.float64)
    kept = ddim_sample(exact_noise, x, SCHEDULE, torch.tensor([0, 100, 500]), keep=[500, 100])
    assert set(kept) == {500, 100, -1} and torch.equal(kept[500], x)
    first = ddim_sample(exact_noise, kept[100], SCHEDULE, torch.tensor([0, 100]))[-1]
    assert torch.equal(first, kept[-1])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"eta": 1.5}, "eta is 1.5; it must lie between 0 and 1"),
        ({"eta": 0.5}, "eta above 0 draws noise: give a generator"),
        ({"timesteps": torch.tensor([3, 1])}, r"timesteps are \[3, 1\]; they must rise and lie between 0 and 999"),
        ({"timesteps": torch.tensor([1000])}, r"timesteps are \[1000\]"),
    ],
)
def test_bad_arguments_are_named(changes, fault):
    arguments = {"timesteps": torch.tensor([0, 5])} | changes
    with pytest.raises(ValueError, match=fault):
        ddim_sample(exact_noise, torch.zeros(1, 2), SCHEDULE, **arguments)


def test_linear_schedule_is_that_of_ddpm():
    schedule = linear_schedule()
    assert isinstance(schedule, Schedule) and schedule.steps == 1000
    assert schedule.alpha_bar[0] == 1 and schedule.beta[1].item() == pytest.approx(1e-4)
    assert schedule.beta[1000].item() == pytest.approx(0.02)
    assert schedule.alpha_bar[801].item() == pytest.approx(0.00151, abs=1e-5)
    assert schedule.alpha_bar[1000].item() == pytest.approx(4.036e-5, rel=1e-3)
