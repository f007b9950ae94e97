"""The best predictions of the noise against Bayes' rule written out in float64."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from kanpipe.data.swiss_roll import swiss_roll
from kanpipe.diffusion import Schedule, constant_schedule
from kanpipe.evaluation.posterior import posterior_mean_noise, posterior_noise

SCHEDULE = constant_schedule(250, 0.025**2)
FLOAT64 = Schedule(SCHEDULE.beta.double(), SCHEDULE.alpha_bar.double())


def noisy(draw, n=40, m=7, dtype=torch.float64):
    """Data, and points diffused from them to random times of 1 or later."""
    data = torch.randn(m, 2, generator=draw, dtype=dtype)
    t = torch.randint(1, 251, (n,), generator=draw)
    x0 = data[torch.randint(m, (n,), generator=draw)]
    return FLOAT64.diffuse(x0, t, torch.randn(n, 2, generator=draw, dtype=dtype)).to(dtype), t, data


def candidates(x, t, data):
    """For one noisy point: the noise that each data point would mean, and its posterior probability."""
    alpha_bar = FLOAT64.alpha_bar[t].item()
    noise = (x - alpha_bar**0.5 * data) / (1 - alpha_bar) ** 0.5
    log_likelihood = -(noise**2).sum(-1) / 2
    weight = np.exp(log_likelihood - log_likelihood.max())
    return noise, weight / weight.sum()


def brute_force(x_t, t, data):
    rows = [candidates(x, time, data.double().numpy()) for x, time in zip(x_t.double().numpy(), t, strict=True)]
    return np.stack([weight @ noise for noise, weight in rows])


def test_posterior_mean_equals_bayes_rule(draw):
    x_t, t, data = noisy(draw)
    ours = posterior_noise(x_t, t, data, FLOAT64)["mean"].numpy()
    # distances are squared roots of squares (a few 1e-16) and divided by variances down to 1e-3
    np.testing.assert_allclose(ours, brute_force(x_t, t, data), rtol=0, atol=1e-11)


def test_posterior_mean_of_float32_data_is_good_to_a_thousandth(draw):
    data = torch.from_numpy(swiss_roll(10_000, 0.2, 10, 42))
    t = torch.randint(1, 250, (60,), generator=draw)
    x_t = SCHEDULE.diffuse(data[:60], t, torch.randn(60, 2, generator=draw))
    ours = posterior_noise(x_t, t, data, SCHEDULE)["mean"].numpy()
    # exponents are off by float32's 1e-7 over variances down to 1e-3; what it scores is read to three digits
    np.testing.assert_allclose(ours, brute_force(x_t, t, data), rtol=0, atol=1e-3)


def test_there_is_no_noise_to_predict_at_time_0(draw):
    _, _, data = noisy(draw, dtype=torch.float32)
    epsilon = posterior_noise(data, torch.zeros(7, dtype=torch.int64), data, SCHEDULE)["mean"]
    assert torch.equal(epsilon, torch.zeros(7, 2))


@pytest.mark.parametrize("shift", [(1e-3, 0.0), (0.0, -1e-3), (-1e-3, 1e-3)])
def test_no_other_prediction_has_a_smaller_expected_squared_error(draw, shift):
    x_t, t, data = noisy(draw)
    best = posterior_noise(x_t, t, data, FLOAT64)["mean"].numpy()
    for x, time, prediction in zip(x_t.numpy(), t, best, strict=True):
        noise, weight = candidates(x, time, data.numpy())
        error, shifted = (weight @ ((noise - p) ** 2).sum(-1) for p in (prediction, prediction + shift))
        # the expected error about a mean grows by exactly the square of the shift; errors here are below 1e4
        assert shifted - error == pytest.approx(np.square(shift).sum(), abs=1e-10)


def test_a_single_data_point_gives_back_the_noise(draw):
    data, epsilon = torch.tensor([[0.3, -0.7]]), torch.randn(30, 2, generator=draw)
    t = torch.randint(1, 251, (30,), generator=draw)
    x_t = SCHEDULE.diffuse(data.expand(30, 2), t, epsilon)
    ours = posterior_noise(x_t, t, data, SCHEDULE)["mean"]
    torch.testing.assert_close(ours, epsilon, rtol=0, atol=1e-5)  # an ulp of x_t over a noise of 0.035 or more


def test_chunks_give_the_whole(draw):
    x_t, t, data = noisy(draw)
    whole, parts = (posterior_noise(x_t, t, data, FLOAT64, chunk=chunk) for chunk in (1000, 7))
    for name in ("mean", "huber"):
        torch.testing.assert_close(parts[name], whole[name], rtol=0, atol=1e-11)  # as in the comparison with Bayes


def expected_huber(prediction, noise, weight):
    distance = np.abs(noise - prediction)
    return weight @ np.where(distance < 1, distance**2 / 2, distance - 0.5)


def test_huber_predictor_has_the_least_expected_huber_loss(draw):
    x_t, t, data = noisy(draw)
    ours = posterior_noise(x_t, t, data, FLOAT64)["huber"].numpy()
    for x, time, prediction in zip(x_t.numpy(), t, ours, strict=True):
        noise, weight = candidates(x, time, data.numpy())
        for axis in range(2):
            least = minimize_scalar(expected_huber, args=(noise[:, axis], weight), tol=1e-12).fun
            # a few steps of Newton's method; what the predictor scores is read to four digits
            assert expected_huber(prediction[axis], noise[:, axis], weight) - least < 1e-5


def test_the_mean_alone_is_that_of_both(draw):
    x_t, t, data = noisy(draw)
    t[0] = 0
    both = posterior_noise(x_t, t, data, FLOAT64)["mean"]
    assert torch.equal(posterior_mean_noise(x_t, t, data, FLOAT64), both)
    assert not both[0].any() and both[1:].any()
