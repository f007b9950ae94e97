"""Sampling by denoising diffusion implicit models (Song et al. 2021, arXiv:2010.02502, equations 12 and 16)."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from kanpipe.diffusion.schedules import Schedule


@torch.no_grad()
def ddim_sample(
    predict: Callable[[Tensor, Tensor], Tensor],
    x_T: Tensor,
    schedule: Schedule,
    timesteps: Tensor,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    keep: Collection[int] = (),
) -> dict[int, Tensor]:
    """Walk down the rising `timesteps` to the data; the states before the times in `keep`, and the last as -1.

        x' = sqrt(a') x_0 + sqrt(1 - a' - s^2) epsilon + s z,    x_0 = (x - sqrt(1 - a) epsilon) / sqrt(a)
        s = eta sqrt((1 - a') / (1 - a)) sqrt(1 - a / a')

    with a and a' the shares of the data's variance at a time and at the next lower one, 1 below the lowest. x_0 is not
    clipped. With eta 0 nothing is drawn; with eta 1 and all times this is ancestral sampling with the smaller variance.
    `predict(x, t)` takes x (n, ...) and times t (n,) of int64 and gives the noise; z comes from `generator`. Raises
    ValueError for an eta outside [0, 1], times that do not rise, or eta above 0 without a generator.
    """
    _check(timesteps, schedule.steps, eta, generator)
    x = x_T
    kept: dict[int, Tensor] = {}
    times = timesteps.tolist()
    for t, lower in zip(reversed(times), [*reversed(times[:-1]), -1], strict=True):
        if t in keep:
            kept.setdefault(t, x)
        a, a_next = schedule.alpha_bar[t + 1], schedule.alpha_bar[lower + 1]
        epsilon = predict(x, torch.full((len(x),), t, device=x.device))
        x_0 = (x - (1 - a).sqrt() * epsilon) / a.sqrt()
        s = eta * ((1 - a_next) / (1 - a) * (1 - a / a_next)).sqrt()
        x = a_next.sqrt() * x_0 + (1 - a_next - s**2).clamp(min=0).sqrt() * epsilon
        if eta:
            x = x + s * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    return kept | {-1: x}


def _check(timesteps: Tensor, steps: int, eta: float, generator: torch.Generator | None) -> None:
    if not len(timesteps) or (timesteps.diff() < 0).any() or timesteps[0] < 0 or timesteps[-1] >= steps:
        raise ValueError(f"timesteps are {timesteps.tolist()}; they must rise and lie between 0 and {steps - 1}")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must lie between 0 and 1")
    if eta and generator is None:
        raise ValueError("eta above 0 draws noise: give a generator")
