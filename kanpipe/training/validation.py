"""Scores of the model during its training: the best weights are kept, and no progress ends the run."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Validation:
    """When the model is scored, and what follows from it.

    `score` gives the scores of a model that is in eval mode, without gradients; it must depend on nothing but the
    model, so that a resumed run ends with the same bytes. Where an average of the weights is kept, that is scored.
    """

    every: int  # steps between two scores
    score: Callable[[nn.Module], dict[str, float]]
    metric: str  # the score by which weights are the best; one that is NaN is never better
    largest: bool = True  # or the smallest is the best
    patience: int | None = None  # scores in a row without a better one that end the run; None: it goes to its end

    def scores(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model; ValueError when the metric is not among them."""
        with evaluating(model):
            scores = {name: float(value) for name, value in self.score(model).items()}
        if self.metric not in scores:
            raise ValueError(f"the metric of a validation is {self.metric!r}, but its scores are {', '.join(scores)}")
        return scores

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value of the metric is better than another, if there is one."""
        if math.isnan(value) or than is None:
            return not math.isnan(value)
        return value > than if self.largest else value < than

    def identity(self) -> dict[str, Any]:
        """What must be the same for a resumed run to end with the same bytes; of `score` it cannot be said."""
        return {name: getattr(self, name) for name in ("every", "metric", "largest", "patience")}


@dataclass
class Validated:
    """What was found so far: a row of each validation, and the best weights."""

    rows: list[dict[str, float]] = field(default_factory=list)  # `step`, the number of steps taken, and the scores
    best_step: int | None = None
    best_value: float | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)  # of best_step, on the CPU

    def add(self, step: int, scores: dict[str, float], validation: Validation, weights: dict[str, Tensor]) -> None:
        """Count the scores of the weights after so many steps."""
        self.rows.append({"step": step} | scores)
        if validation.better(value := scores[validation.metric], self.best_value):
            self.best_step, self.best_value = step, value
            self.weights = {name: weight.clone() for name, weight in weights.items()}

    def exhausted(self, patience: int | None) -> bool:
        """Whether as many scores in a row as `patience` were no better than the best before them."""
        late = [row for row in self.rows if row["step"] > (self.best_step or 0)]
        return patience is not None and len(late) >= patience


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into eval mode, without gradients, and give each module its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
