"""A moving average of the weights of a model that is trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """The exponential moving average of a model's weights, a <- d a + (1 - d) w after every step.

    d is `decay`; with `ramp`, at the step t = 0, 1, ... it is min(decay, (1 + t) / (10 + t)), so that the start is
    soon forgotten. Entries that are not of floating point are copied.
    """

    def __init__(self, model: nn.Module, decay: float, ramp: bool = False) -> None:
        self.decay, self.ramp = decay, ramp
        self._model = model
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self._rate = torch.zeros((), device=next(model.parameters()).device)  # 1 - d, where a CUDA graph can see it

    def decay_at(self, step: int) -> float:
        """d at a step."""
        return min(self.decay, (1 + step) / (10 + step)) if self.ramp else self.decay

    def set_step(self, step: int) -> None:
        """Choose the rate of the next update, without waiting for the device."""
        self._rate.fill_(1 - self.decay_at(step))

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the weights as they are now."""
        for name, value in self._model.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, self._rate)
            else:
                self.weights[name].copy_(value)

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """The model has the averaged weights inside the block, and its own again after it."""
        own = {name: value.detach().clone() for name, value in self._model.state_dict().items()}
        self._model.load_state_dict(self.weights)
        try:
            yield
        finally:
            self._model.load_state_dict(own)

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        for name, value in saved.items():
            self.weights[name].copy_(value)
