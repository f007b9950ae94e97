"""Ancestral sampling where the noise is known in closed form: data of a normal distribution."""

import pytest
import torch

from kanpipe.diffusion import Schedule, ancestral_sample, constant_schedule

MEAN, VARIANCE = 1.5, 0.3  # of the data
SCHEDULE = Schedule(beta=torch.full((41,), 0.05).double(), alpha_bar=0.95 ** torch.arange(41).double())


def gain(t):
    """E[epsilon | x_t] = gain(t) (x_t - sqrt(alpha_bar_t) MEAN) when x_0 is normal."""
    alpha_bar = SCHEDULE.alpha_bar[t]
    return (1 - alpha_bar).sqrt() / (alpha_bar * VARIANCE + 1 - alpha_bar)


def exact_noise(x, t):
    return gain(t).unsqueeze(-1) * (x - SCHEDULE.alpha_bar[t].sqrt().unsqueeze(-1) * MEAN)


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def noise(*shape):
    return torch.randn(*shape, generator=generator(9), dtype=torch.float64)


def sample(x_T, seed=3, **options):
    return ancestral_sample(exact_noise, x_T, SCHEDULE, generator(seed), **options)


def own_loop(x, seed=3):
    """All states of algorithm 2 of Ho et al. 2020 by time, in its own notation."""
    states, replay = {SCHEDULE.steps: x}, generator(seed)
    for t in range(SCHEDULE.steps, 0, -1):
        alpha, alpha_bar = 1 - SCHEDULE.beta[t].item(), SCHEDULE.alpha_bar[t].item()
        z = torch.randn(x.shape, generator=replay, dtype=x.dtype) if t > 1 else 0
        epsilon = exact_noise(x, torch.full((len(x),), t))
        x = (x - (1 - alpha) / (1 - alpha_bar) ** 0.5 * epsilon) / alpha**0.5 + (1 - alpha) ** 0.5 * z
        states[t - 1] = x
    return states


def test_path_is_that_of_the_published_algorithm():
    x_T = noise(50, 2)
    kept, expected = sample(x_T, keep=range(41)), own_loop(x_T)
    assert kept.keys() == expected.keys()
    # 40 steps of float64 arithmetic on numbers of up to 4
    torch.testing.assert_close(kept, expected, rtol=0, atol=1e-12)


def test_mean_and_variance_follow_the_linear_recursion():
    n = 400_000
    x_0, mean, variance = sample(noise(n, 1))[0], 0.0, 1.0
    for t in range(SCHEDULE.steps, 0, -1):
        beta, alpha_bar = SCHEDULE.beta[t].item(), SCHEDULE.alpha_bar[t].item()
        pull = beta / (1 - alpha_bar) ** 0.5 * gain(t).item()
        mean = (mean * (1 - pull) + pull * alpha_bar**0.5 * MEAN) / (1 - beta) ** 0.5
        variance = variance * (1 - pull) ** 2 / (1 - beta) + (beta if t > 1 else 0)
    # five standard errors: of a mean sqrt(variance / n), of a variance sqrt(2 / n) of it
    assert x_0.mean().item() == pytest.approx(mean, abs=5 * (variance / n) ** 0.5)
    assert x_0.var().item() == pytest.approx(variance, rel=5 * (2 / n) ** 0.5)


def test_the_data_come_back_from_the_end_of_the_forward_process():
    alpha_bar = SCHEDULE.alpha_bar[40].item()
    x_T = alpha_bar**0.5 * MEAN + (alpha_bar * VARIANCE + 1 - alpha_bar) ** 0.5 * noise(100_000, 1)
    x_0 = sample(x_T)[0]
    # the standard errors are 0.002; the last step, which adds no noise, leaves out at most beta = 0.05 of variance
    assert x_0.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert VARIANCE - 0.05 < x_0.var().item() < VARIANCE


def test_last_step_adds_no_noise():
    x_T, schedule = noise(5, 2), constant_schedule(1, 0.1)
    first, other = (ancestral_sample(lambda x, t: 0 * x, x_T, schedule, generator(seed))[0] for seed in (1, 2))
    assert torch.equal(first, other)
    torch.testing.assert_close(first, x_T / 0.9**0.5, rtol=1e-7, atol=0)  # beta has gone through float32


def test_states_are_kept_at_the_wanted_times_alone():
    x_T = noise(5, 2)
    every = sample(x_T, keep=range(41))
    kept = sample(x_T, keep={40, 17, 0})
    assert kept.keys() == {40, 17, 0}
    assert all(torch.equal(kept[t], every[t]) for t in kept)
    assert torch.equal(kept[40], x_T)
    assert sample(x_T).keys() == {0}


def test_same_generator_gives_the_same_bytes_and_another_does_not():
    x_T, schedule = noise(20, 2).float(), constant_schedule(40, 0.05)
    first, again, other = (ancestral_sample(lambda x, t: x / 2, x_T, schedule, generator(s))[0] for s in (1, 1, 2))
    assert first.dtype == torch.float32
    assert first.numpy().tobytes() == again.numpy().tobytes()
    assert not torch.equal(first, other)


def test_predictor_is_asked_once_a_step_with_integer_times():
    asked = []
    ancestral_sample(lambda x, t: asked.append(t) or 0 * x, noise(3, 2), SCHEDULE, generator())
    assert [t.tolist() for t in asked] == [[t] * 3 for t in range(40, 0, -1)]
    assert {t.dtype for t in asked} == {torch.int64}


def test_no_graph_is_kept():
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    x_0 = ancestral_sample(lambda x, t: weight * x, noise(3, 2), SCHEDULE, generator())[0]
    assert not x_0.requires_grad
