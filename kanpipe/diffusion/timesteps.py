"""The times at which a sampler stops on its way from noise to data (Song et al. 2021, arXiv:2010.02502, appendix D.2).

Times are those of the network, 0 ... steps - 1; the entry of a `Schedule` that belongs to time tau is tau + 1.
"""

import numpy as np
import torch
from torch import Tensor


def uniform_timesteps(steps: int, count: int) -> Tensor:
    """0, c, 2c, ... below `steps` with c = steps // count, rising: int64 (n,), n = count where that divides `steps`.

    Raises ValueError for a count outside 1 ... steps.
    """
    _check(steps, count)
    return torch.arange(0, steps, steps // count)


def quadratic_timesteps(steps: int, count: int) -> Tensor:
    """floor(linspace(0, sqrt(0.8 steps), count)^2), rising: int64 (count,).

    Small times may come more than once, 0 four times among 100 of 1,000; to a sampler such a step changes nothing.
    So in github.com/ermongroup/ddim. Raises ValueError for a count outside 1 ... steps.
    """
    _check(steps, count)
    return torch.from_numpy(np.floor(np.linspace(0, np.sqrt(0.8 * steps), count) ** 2).astype(np.int64))


def _check(steps: int, count: int) -> None:
    if not 1 <= count <= steps:
        raise ValueError(f"count is {count}; it must lie between 1 and the {steps} steps of the diffusion")
