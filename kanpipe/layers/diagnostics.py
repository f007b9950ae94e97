"""Where the inputs of KAN layers lie: the first thing to look at when a KAN does not train.

An input is *outside the grid* when it lies outside `grid_range`, where the bases no longer sum to one; *outside the
support* when it lies beyond the outermost knots too, where every basis is 0 and the spline part learns nothing. The
grid lies inside the support.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from kanpipe.layers.kan_layer import KANLayer


class Outside(NamedTuple):
    """The shares of a layer's inputs that lie outside its grid and outside its support; NaN counts as outside."""

    grid: float
    support: float


class OutsideRecord:
    """Counts, on the device of the inputs, how many lie outside; the device is waited for by `fractions` alone."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was counted so far."""
        self._counts: dict[str, Tensor] = {}
        self._inputs: dict[str, int] = {}

    def add(self, name: str, layer: KANLayer, x: Tensor) -> None:
        """Count the inputs `x` of the layer called `name`."""
        u = seen_by_bases(layer, x)
        counts = outside_counts(layer, u)
        self._counts[name] = self._counts[name] + counts if name in self._counts else counts
        self._inputs[name] = self._inputs.get(name, 0) + u.numel()

    def fractions(self) -> dict[str, Outside]:
        """The shares of every layer that had an input, by its name in the model."""
        totals = {name: counts.tolist() for name, counts in self._counts.items()}
        return {name: Outside(*(n / self._inputs[name] for n in pair)) for name, pair in totals.items()}


@torch.no_grad()
def seen_by_bases(layer: KANLayer, x: Tensor) -> Tensor:
    """What the bases of the layer see of `x`; a norm that counts its batches does not count this look."""
    buffers = [] if layer.layernorm is None else [(buffer, buffer.clone()) for buffer in layer.layernorm.buffers()]
    u = layer.basis_input(x)
    for buffer, before in buffers:
        buffer.copy_(before)
    return u


def outside_counts(layer: KANLayer, u: Tensor) -> Tensor:
    """(2,): how many entries of `u`, what the bases of the layer see, lie outside its grid and outside the support."""
    shape = [-1] + [1] * (-1 - layer.expansion.dim)  # of one end a feature, to stand beside u
    return torch.stack([_outside(u, ends, shape) for ends in (layer.grid_range, layer.support)])


def _outside(u: Tensor, ends: tuple[float | Tensor, float | Tensor], shape: list[int]) -> Tensor:
    low, high = (end.view(shape) if isinstance(end, Tensor) else end for end in ends)
    return ((u >= low) & (u <= high)).logical_not().sum()


@contextmanager
def record_outside(model: nn.Module) -> Iterator[OutsideRecord]:
    """Record, while the block runs, which inputs of the model's KAN layers lie outside their grids.

        with record_outside(model) as record:
            model(x)
        record.fractions()  # {"net.0": Outside(grid=0.14, support=0.02), ...}

    Training goes on as it would without; nothing is left on the model after the block. A model that was compiled
    before does not see the block: call the model that was given to `torch.compile`. Raises ValueError for a model
    without KAN layers.
    """
    record = OutsideRecord()
    with observe_inputs(model, record.add):
        yield record


@contextmanager
def observe_inputs(model: nn.Module, see: Callable[[str, KANLayer, Tensor], None]) -> Iterator[None]:
    """Call `see(name, layer, x)` with every input of the model's KAN layers while the block runs, without gradients.

    Like `record_outside` it leaves nothing on the model, and raises ValueError for a model without KAN layers.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, KANLayer)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no KAN layer whose inputs could be recorded")
    handles = []
    try:
        for name, layer in layers.items():
            handles.append(layer.register_forward_pre_hook(_hook(see, name), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(see: Callable[[str, KANLayer, Tensor], None], name: str):
    @torch.no_grad()
    def hook(layer: KANLayer, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        see(name, layer, arguments[0] if arguments else named["x"])

    return hook
