"""Noise schedules, the forward process and samplers."""

from kanpipe.diffusion.ancestral import ancestral_sample
from kanpipe.diffusion.schedules import Schedule, constant_schedule

__all__ = ["Schedule", "ancestral_sample", "constant_schedule"]
