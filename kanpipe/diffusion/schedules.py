"""Noise schedules and the forward process of denoising diffusion (Ho et al. 2020, equation 4)."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Schedule:
    """Variances of a diffusion of `steps` steps; all arrays are indexed by t = 0 ... steps."""

    beta: Tensor  # (steps + 1,)
    alpha_bar: Tensor  # (steps + 1,), the share of the data's variance that is left at t

    @property
    def steps(self) -> int:
        return len(self.beta) - 1

    def to(self, device: torch.device) -> "Schedule":
        return Schedule(self.beta.to(device), self.alpha_bar.to(device))

    def diffuse(self, x0: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) epsilon; x0 (n, ...), t (n,), epsilon like x0."""
        alpha_bar = self.alpha_bar[t].view(-1, *[1] * (x0.dim() - 1))
        return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * epsilon


def constant_schedule(steps: int, beta: float) -> Schedule:
    """The schedule of the swiss-roll notebook: alpha_bar_t = (1 - beta)^(t + 1), but alpha_bar_0 = 1.

    The product is inclusive and its first entry is then overwritten with 1, as in
    github.com/kabachuha/kan-diffusion; with 250 steps of 0.025^2, alpha_bar ends at 0.855 and x_T is far from noise.
    """
    betas = torch.full((steps + 1,), beta, dtype=torch.float64)
    alpha_bar = torch.cumprod(1 - betas, dim=0)
    alpha_bar[0] = 1.0
    return Schedule(betas.float(), alpha_bar.float())


def linear_schedule(steps: int = 1000, first: float = 1e-4, last: float = 0.02, dtype=torch.float32) -> Schedule:
    """beta_t from `first` at t = 1 to `last` at t = steps, evenly; beta_0 = 0 (Ho et al. 2020)."""
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), torch.linspace(first, last, steps, dtype=torch.float64)])
    return Schedule(betas.to(dtype), torch.cumprod(1 - betas, dim=0).to(dtype))
