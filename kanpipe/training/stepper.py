"""The steps of a training, one after the other."""

import torch
from torch import Tensor

from kanpipe.machine import seeded
from kanpipe.training.recipe import Recipe
from kanpipe.training.step import Update


class Stepper:
    """Takes a step of a recipe: draws its batch, sets what depends on the step's number, and updates the model.

    Calling it with the number of a step gives what the objective said before the update, without waiting for the
    device; a later step may overwrite these tensors.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self._recipe, self._seed = recipe, seed
        self._update = Update(recipe.model, recipe.optimizer, recipe.objective, recipe.settings, recipe.average)
        self._draws: bool | None = None  # whether the model draws random numbers, which the first step shows

    def __call__(self, step: int) -> dict[str, Tensor]:
        recipe = self._recipe
        if recipe.rate:
            _set_learning_rate(recipe.optimizer, recipe.rate(step))
        if recipe.average:
            recipe.average.set_step(step)
        tensors = recipe.batch(step)
        if self._draws is False:
            return self._update(*tensors)
        # Dropout, and noise in a layer, take no generator, so the default one is seeded for the step.
        with seeded(self._seed, "dropout", step):
            before = _states() if self._draws is None else []
            said = self._update(*tensors)
            if self._draws is None:
                self._draws = not all(map(torch.equal, before, _states()))
        return said


def _states() -> list[Tensor]:
    """Those of the default generators that a step may draw from."""
    on_gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *on_gpu]


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
