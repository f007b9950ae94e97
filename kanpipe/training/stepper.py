"""The steps of a training, one after the other."""

import contextlib

import torch
from torch import Tensor, nn

from kanpipe.machine import seeded
from kanpipe.training.recipe import Recipe
from kanpipe.training.step import Update

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class Stepper:
    """Takes a step of a recipe: draws its batch, sets what depends on the step's number, and updates the model.

    Calling it with the number of a step gives what the objective said before the update, without waiting for the
    device; a later step may overwrite these tensors.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self._recipe, self._seed = recipe, seed
        self._update = Update(recipe.model, recipe.optimizer, recipe.objective, recipe.settings, recipe.average)
        self._draws = any(isinstance(module, DROPOUTS) and module.p > 0 for module in recipe.model.modules())

    def __call__(self, step: int) -> dict[str, Tensor]:
        recipe = self._recipe
        if recipe.rate:
            _set_learning_rate(recipe.optimizer, recipe.rate(step))
        if recipe.average:
            recipe.average.set_step(step)
        tensors = recipe.batch(step)
        # Dropout takes no generator, so the default one is seeded for the step.
        with seeded(self._seed, "dropout", step) if self._draws else contextlib.nullcontext():
            return self._update(*tensors)


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
