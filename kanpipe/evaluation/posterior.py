"""The best noise predictors there are when the data are known."""

import torch
from torch import Tensor

from kanpipe.diffusion.schedules import Schedule

NEWTON_STEPS = 6


def posterior_noise(x_t: Tensor, t: Tensor, data: Tensor, schedule: Schedule, chunk: int = 500) -> dict[str, Tensor]:
    """The noise in x_t that minimises the expected loss when x_0 is any of the points `data` with equal probability.

    `mean` minimises the squared error, `huber` the Huber loss of delta 1. x_t (n, d), t (n,), data (m, d) -> (n, d)
    each; where t holds no noise both are 0. Every x_t is weighed against all data, `chunk` rows at a time.
    """
    chunks = zip(x_t.split(chunk), t.split(chunk), strict=True)
    pairs = [_posterior_noise(*rows, data, schedule) for rows in chunks]
    return {name: torch.cat(parts) for name, parts in zip(("mean", "huber"), zip(*pairs, strict=True), strict=True)}


def posterior_mean_noise(x_t: Tensor, t: Tensor, data: Tensor, schedule: Schedule, chunk: int = 500) -> Tensor:
    """The `mean` of `posterior_noise` alone, (n, d), in a small part of the time."""
    chunks = zip(x_t.split(chunk), t.split(chunk), strict=True)
    return torch.cat([_mean_noise(x, *_levels(times, schedule), data)[0] for x, times in chunks])


def _posterior_noise(x_t: Tensor, t: Tensor, data: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    alpha_bar, sd = _levels(t, schedule)
    mean, weight = _mean_noise(x_t, alpha_bar, sd, data)
    axes = [
        _huber_location(mean[:, i], weight, (x_t[:, i : i + 1] - alpha_bar.sqrt() * data[:, i]) / sd)
        for i in range(data.shape[1])
    ]
    return mean, torch.where(alpha_bar < 1, torch.stack(axes, dim=-1), 0.0)


def _levels(t: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """alpha_bar at t, and the standard deviation of the noise there, which is never 0: (n, 1) each."""
    alpha_bar = schedule.alpha_bar[t].unsqueeze(-1)
    return alpha_bar, (1 - alpha_bar).clamp_min(torch.finfo(alpha_bar.dtype).tiny).sqrt()


def _mean_noise(x_t: Tensor, alpha_bar: Tensor, sd: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
    """The mean noise in x_t, (n, d), and how probable it is that each of the data was x_0, (n, m)."""
    squared = torch.cdist(x_t / alpha_bar.sqrt(), data).square() * alpha_bar  # (n, m), |x_t - sqrt(alpha_bar) x_0|^2
    weight = torch.softmax(-squared / (2 * sd.square()), dim=-1)
    return torch.where(alpha_bar < 1, (x_t - alpha_bar.sqrt() * (weight @ data)) / sd, 0.0), weight


def _huber_location(start: Tensor, weight: Tensor, values: Tensor) -> Tensor:
    """argmin_e sum_j weight_j huber(values_j - e), by Newton's method: start (n,), weight and values (n, m) -> (n,)."""
    location = start
    for _ in range(NEWTON_STEPS):
        residual = values - location.unsqueeze(-1)
        inside = (weight * (residual.abs() < 1)).sum(dim=-1)
        slope = (weight * residual.clamp(-1, 1)).sum(dim=-1)
        # Where little weight lies in the quadratic part Newton's step would be too long.
        location = location + slope / inside.clamp_min(0.5)
    return location
