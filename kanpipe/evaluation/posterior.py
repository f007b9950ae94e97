"""The best noise predictor there is when the data are known."""

import torch
from torch import Tensor

from kanpipe.diffusion.schedules import Schedule


def posterior_mean_noise(x_t: Tensor, t: Tensor, data: Tensor, schedule: Schedule, chunk: int = 1000) -> Tensor:
    """E[epsilon | x_t] when x_0 is any of the points `data` with equal probability.

    x_t (n, d), t (n,), data (m, d) -> (n, d). It minimises the squared error; where t holds no noise it is 0. Every
    x_t is weighed against all data, `chunk` rows at a time.
    """
    return torch.cat(
        [_posterior_mean(*rows, data, schedule) for rows in zip(x_t.split(chunk), t.split(chunk), strict=True)]
    )


def _posterior_mean(x_t: Tensor, t: Tensor, data: Tensor, schedule: Schedule) -> Tensor:
    alpha_bar = schedule.alpha_bar[t].unsqueeze(-1)  # (n, 1)
    variance = (1 - alpha_bar).clamp_min(torch.finfo(x_t.dtype).tiny)
    squared = torch.cdist(x_t / alpha_bar.sqrt(), data).square() * alpha_bar  # (n, m), |x_t - sqrt(alpha_bar) x_0|^2
    weight = torch.softmax(-squared / (2 * variance), dim=-1)
    epsilon = (x_t - alpha_bar.sqrt() * (weight @ data)) / variance.sqrt()
    return torch.where(alpha_bar < 1, epsilon, 0.0)
