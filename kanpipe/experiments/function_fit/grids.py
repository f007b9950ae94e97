"""The grids of a KAN in training: extended between stages, and moved with the activations that they must cover.

A range has a margin, and curves are carried over evenly across it and not at the activations alone: where no training
point comes, near the corners of the cube, a fine grid then keeps what a coarse one has extrapolated. (With knots at
quantiles, or fitted at activations alone, the error on test points was up to 20 times that on training points.)
"""

from typing import cast

import torch
from torch import Tensor

from kanpipe.experiments.function_fit.networks import KAN
from kanpipe.layers.refit import extend_grid, largest_jump, refit

MARGIN = 0.05  # of the span of the activations, kept free at either end of a new range
SLACK = 1.25  # a range more than this many times as wide as a new one would be is narrowed


@torch.no_grad()
def extend(network: KAN, grid_size: int) -> float:
    """Give every layer `grid_size` intervals in place; returns the largest change of an edge on its range."""
    jumps = []
    for i, layer in enumerate(network.kan_layers):
        finer = network.layers[i] = extend_grid(layer, grid_size)
        jumps.append(largest_jump(layer, finer))
    return max(jumps)


@torch.no_grad()
def follow(network: KAN, x: Tensor) -> float | None:
    """Move the inner ranges, in place, to the activations of the points `x` (n, inputs); None if all fit still.

    Outside its grid a spline fades, and what a range has to spare is resolution lost. A range that fits is left as it
    is, since only then do grids nest and change nothing. Returns the largest change of a node at any point.
    """
    jumps = []
    for i, layer in enumerate(network.kan_layers):
        current = cast(tuple[Tensor, Tensor], layer.grid_range)  # of every input one
        if i > 0 and (ranges := _better_ranges(current, x)) is not None:
            network.layers[i] = refit(layer, grid_range=ranges)
            jumps.append((layer(x) - network.layers[i](x)).abs().max().item())
        x = network.layers[i](x)
    return max(jumps, default=None)


def _better_ranges(current: tuple[Tensor, Tensor], x: Tensor) -> tuple[Tensor, Tensor] | None:
    (low, high), least, most = current, x.amin(0), x.amax(0)
    margin = MARGIN * (most - least).clamp_min(1e-6)  # a node that says the same of all points still needs a range
    ends = least - margin, most + margin
    wrong = (least < low) | (most > high) | (high - low > SLACK * (ends[1] - ends[0]))
    if not wrong.any():
        return None
    return torch.where(wrong, ends[0], low), torch.where(wrong, ends[1], high)
