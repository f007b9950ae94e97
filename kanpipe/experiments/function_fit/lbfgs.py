"""One stage of training: full-batch LBFGS steps on points that stay the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.experiments.function_fit.config import Training
from kanpipe.experiments.function_fit.grids import follow
from kanpipe.experiments.function_fit.networks import KAN, KANOnPoints
from kanpipe.experiments.function_fit.problem import Points
from kanpipe.training.validation import evaluating

# torch's LBFGS drops a pair of step s and gradient difference y when y.s <= 1e-10, a threshold in units of the loss:
# below a mean squared error of some 1e-8 it would learn no curvature any more. (pykan's copy lowers the threshold to
# 1e-32.) So the loss is measured in units of a millionth of its value at the start. In float32, where errors end sooner
# and line searches ended in NaN with that, the unit is the value at the start.
UNITS = {torch.float64: 1e6, torch.float32: 1.0}


@dataclass
class Stage:
    """Trains a network in place: iterate over it. The counts say what happened."""

    network: nn.Module
    data: Points
    steps: int
    options: Training
    penalised: bool = False
    evaluations: int = 0  # of loss and gradient
    moves: int = 0  # of the inner ranges
    move_jump: float = 0.0  # the largest change of a node when ranges were moved

    def __iter__(self) -> Iterator[int]:
        """Yields the number of each step when it is done."""
        optimizer = None
        for step in range(self.steps):
            if self._moved(step) or optimizer is None:
                loss, optimizer = self._objective(), self._optimizer()
                closure = self._closure(loss, optimizer, UNITS[self.data[1].dtype] / max(loss().item(), 1e-30))
            optimizer.step(closure)
            yield step

    def _moved(self, step: int) -> bool:
        """Let the inner ranges follow the activations: early in the stage, every few steps, as pykan does."""
        if not isinstance(self.network, KAN) or step not in self.options.move_steps:
            return False
        jump = follow(self.network, self.data[0])
        if jump is None:
            return False
        self.moves, self.move_jump = self.moves + 1, max(self.move_jump, jump)
        return True

    def _optimizer(self) -> torch.optim.LBFGS:
        return torch.optim.LBFGS(
            self.network.parameters(),
            lr=1,
            max_iter=self.options.inner_iterations,
            history_size=self.options.history,
            line_search_fn="strong_wolfe",
            tolerance_grad=1e-32,
            tolerance_change=1e-32,
        )

    def _objective(self) -> Callable[[], Tensor]:
        x, y = self.data
        if not isinstance(self.network, KAN):
            return lambda: F.mse_loss(self.network(x), y)
        on_points = KANOnPoints(self.network, x)
        if not self.penalised:
            return lambda: F.mse_loss(on_points.output(), y)

        def penalised() -> Tensor:
            output, penalty = on_points.output_and_penalty(self.options.entropy)
            return F.mse_loss(output, y) + self.options.sparsity * penalty

        return penalised

    def _closure(self, loss: Callable[[], Tensor], optimizer: torch.optim.LBFGS, scale: float) -> Callable[[], Tensor]:
        def closure() -> Tensor:
            self.evaluations += 1
            optimizer.zero_grad()
            value = loss() * scale
            value.backward()
            return value

        return closure


def rmse(network: nn.Module, data: Points) -> float:
    """The root of the mean squared error over points, of the network in eval mode."""
    with evaluating(network):
        return F.mse_loss(network(data[0]), data[1]).sqrt().item()
