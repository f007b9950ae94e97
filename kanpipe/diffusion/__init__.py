"""Noise schedules, the forward process and samplers."""

from kanpipe.diffusion.ancestral import ancestral_sample
from kanpipe.diffusion.ddim import ddim_sample
from kanpipe.diffusion.schedules import Schedule, constant_schedule, linear_schedule
from kanpipe.diffusion.timesteps import quadratic_timesteps, uniform_timesteps

__all__ = [
    "Schedule",
    "ancestral_sample",
    "constant_schedule",
    "ddim_sample",
    "linear_schedule",
    "quadratic_timesteps",
    "uniform_timesteps",
]
