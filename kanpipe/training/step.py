"""What one step of a training computes: the gradient of a loss, an optimiser, a moving average of the weights.

On a GPU a step can be captured as one CUDA graph, which is replayed without the host taking part in it.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kanpipe.errors import UserError, first_line
from kanpipe.training.average import MovingAverage

Objective = Callable[..., dict[str, Tensor]]  # (model, *tensors) -> scalars; `loss` is minimised, all are recorded
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class StepOptions:
    """How one step of a training is made."""

    compile: bool = False
    clip_norm: float | None = None  # the largest norm of the whole gradient
    precision: str = "float32"  # or bfloat16: of products, by autocast; weights and optimiser stay float32
    micro_batches: int = 1  # parts that a batch is cut into, one after the other, to save memory
    cuda_graph: bool = False  # on a GPU; its optimiser must be `capturable`

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}")


class Update:
    """A training step of `model` on the tensors of a batch; calling it gives what the objective says before the step.

    Raises UserError when compiling fails: nothing falls back to another way of computing.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        options: StepOptions,
        average: MovingAverage | None = None,
    ) -> None:
        self.model, self.optimizer, self.options, self.average = model, optimizer, options, average
        self._evaluate = _evaluator(objective, model, options)
        device = next(model.parameters()).device
        self._take = _Captured(self._step) if options.cuda_graph and device.type == "cuda" else self._step

    def __call__(self, *tensors: Tensor) -> dict[str, Tensor]:
        return self._take(*tensors)

    def _step(self, *tensors: Tensor) -> dict[str, Tensor]:
        self.optimizer.zero_grad()
        scalars = self._gradient(tensors)
        if self.options.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip_norm)
        self.optimizer.step()
        if self.average:
            self.average.update()
        return scalars

    def _gradient(self, tensors: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Add the gradient of the mean loss to the parameters: the scalars, as means over the parts of the batch."""
        parts = self.options.micro_batches
        if parts == 1:
            scalars = self._evaluate(*tensors)
            scalars["loss"].backward()
            return scalars
        means: dict[str, Tensor] = {}
        for part in zip(*(tensor.chunk(parts) for tensor in tensors), strict=True):
            share = len(part[0]) / len(tensors[0])
            scalars = self._evaluate(*part)
            (scalars["loss"] * share).backward()
            means = {name: means.get(name, 0) + share * value.detach() for name, value in scalars.items()}
        return means


def _evaluator(objective: Objective, model: nn.Module, options: StepOptions) -> Objective:
    """The objective of `model`, compiled if so wished; a full graph, so that nothing falls back to eager."""
    dtype, kind = PRECISIONS[options.precision], next(model.parameters()).device.type

    def evaluate(*tensors: Tensor) -> dict[str, Tensor]:
        # What autocast has cast must not outlive a step: a graph would replay the copy, not the cast.
        cast = torch.autocast(kind, dtype, cache_enabled=False) if dtype else contextlib.nullcontext()
        with cast:
            return objective(model, *tensors)

    return _compiled(evaluate) if options.compile else evaluate


def _compiled(evaluate: Objective) -> Objective:
    compiled = torch.compile(evaluate, fullgraph=True, dynamic=False)

    def guarded(*tensors: Tensor) -> dict[str, Tensor]:
        try:
            return compiled(*tensors)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            reason = first_line(error.inner_exception)
            raise UserError(f"torch.compile failed ({reason}); set `compile: false` to train without it") from error

    return guarded


class _Captured:
    """A step that is taken as it is a few times, and then captured as a CUDA graph, which all others replay.

    Python inside the step runs no more after the capture: what changes from step to step must be in tensors.
    """

    WARM_UP = 3  # steps, in which compilers and libraries set themselves up

    def __init__(self, step: Callable[..., dict[str, Tensor]]) -> None:
        self._step, self._calls = step, 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._outputs: dict[str, Tensor] = {}

    def __call__(self, *tensors: Tensor) -> dict[str, Tensor]:
        self._calls += 1
        if self._calls <= self.WARM_UP:
            return self._beside(*tensors)
        if self._graph is None:
            self._capture(tensors)
        for static, tensor in zip(self._inputs, tensors, strict=True):
            static.copy_(tensor)
        assert self._graph is not None
        self._graph.replay()
        return self._outputs

    def _beside(self, *tensors: Tensor) -> dict[str, Tensor]:
        """A step on another stream, as a capture wants its warm-up to be."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            scalars = self._step(*tensors)
        torch.cuda.current_stream().wait_stream(stream)
        return scalars

    def _capture(self, tensors: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(tensor.clone() for tensor in tensors)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = self._step(*self._inputs)
