"""The samplers of the experiment: by which times one walks from noise to images, and how many images there are."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpipe.diffusion.ancestral import ancestral_sample
from kanpipe.diffusion.ddim import ddim_sample
from kanpipe.diffusion.schedules import Schedule
from kanpipe.diffusion.timesteps import quadratic_timesteps, uniform_timesteps

Predict = Callable[[Tensor, Tensor], Tensor]  # x (n, ...) and the network's times (n,), 0 ... steps - 1 -> the noise

TIMESTEPS = {"quadratic": quadratic_timesteps, "uniform": uniform_timesteps}
ANCESTRAL = "ancestral"


@dataclass(frozen=True)
class Sampler:
    """DDIM over `count` times with `eta`, or ancestral sampling over all times, which has neither."""

    name: str
    timesteps: str
    images: int
    count: int = 0
    eta: float = 0.0

    def calls(self, steps: int) -> int:
        """How often a walk asks the network."""
        return len(self._keys(steps)) - 1

    def walk(
        self, predict: Predict, x_T: Tensor, schedule: Schedule, generator: torch.Generator, states: int = 1
    ) -> list[Tensor]:
        """As many states of the walk, evenly spaced: the first is x_T (n, ...), the last, alone if 1, the images."""
        keys = self._keys(schedule.steps)
        places = torch.linspace(0, len(keys) - 1, states).round().int().tolist() if states > 1 else [-1]
        wanted = [keys[place] for place in places]
        if self.timesteps == ANCESTRAL:  # its times are those of the schedule, 1 ... steps
            kept = ancestral_sample(lambda x, t: predict(x, t - 1), x_T, schedule, generator, set(wanted))
        else:
            kept = ddim_sample(predict, x_T, schedule, self._times(schedule.steps), self.eta, generator, set(wanted))
        return [kept[key] for key in wanted]

    def _keys(self, steps: int) -> list[int]:
        """What the samplers call the states of the walk, from x_T to the image."""
        if self.timesteps == ANCESTRAL:
            return list(range(steps, -1, -1))
        return [*reversed(self._times(steps).tolist()), -1]

    def _times(self, steps: int) -> Tensor:
        return TIMESTEPS[self.timesteps](steps, self.count)
