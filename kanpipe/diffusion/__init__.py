"""Noise schedules, the forward process and samplers."""

from kanpipe.lazy import names_from

HOMES = {
    "Schedule": "schedules",
    "ancestral_sample": "ancestral",
    "constant_schedule": "schedules",
    "ddim_sample": "ddim",
    "linear_schedule": "schedules",
    "quadratic_timesteps": "timesteps",
    "uniform_timesteps": "timesteps",
}
__all__ = list(HOMES)
__getattr__ = names_from(__name__, HOMES)


def __dir__() -> list[str]:
    return __all__
