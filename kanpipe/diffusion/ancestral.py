"""Ancestral sampling (Ho et al. 2020, algorithm 2)."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from kanpipe.diffusion.schedules import Schedule


@torch.no_grad()
def ancestral_sample(
    predict: Callable[[Tensor, Tensor], Tensor],
    x_T: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    keep: Collection[int] = (0,),
) -> dict[int, Tensor]:
    """Walk from x_T at t = T to x_0 and return the states at the times in `keep`.

        x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) epsilon(x_t, t)) / sqrt(1 - beta_t) + sqrt(beta_t) z

    with z = 0 in the last step. `predict(x, t)` takes x (n, ...) and t (n,) of int64 and gives the noise; x_T is
    drawn by the caller, z from `generator`.
    """
    x, kept = x_T, {}
    for t in range(schedule.steps, 0, -1):
        if t in keep:
            kept[t] = x
        beta, alpha_bar = schedule.beta[t], schedule.alpha_bar[t]
        epsilon = predict(x, torch.full((len(x),), t, device=x.device))
        x = (x - beta / (1 - alpha_bar).sqrt() * epsilon) / (1 - beta).sqrt()
        if t > 1:
            x = x + beta.sqrt() * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    if 0 in keep:
        kept[0] = x
    return kept
