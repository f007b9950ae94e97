"""The functions to fit, their points, and the networks that fit them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kanpipe.experiments.function_fit.config import INPUTS, AnyNetwork, Experiment, Kan, Mlp, Problem
from kanpipe.experiments.function_fit.networks import KAN, MLP
from kanpipe.layers.families import family
from kanpipe.machine import derived_seed, seeded
from kanpipe.models.fully_connected import FullyConnected

Points = tuple[Tensor, Tensor]  # x (n, inputs) in [-1, 1], y (n, 1)


@dataclass(frozen=True)
class Target:
    """A function of several variables on [-1, 1]^inputs: (n, inputs) -> (n,), and its formula for figures."""

    function: Callable[[Tensor], Tensor]
    formula: str


def _exp_sin(x: Tensor) -> Tensor:
    squares = x * x
    return torch.exp(torch.sin(squares[:, 0] + squares[:, 1]) + torch.sin(squares[:, 2] + squares[:, 3]))


def _exp_sin_pi(x: Tensor) -> Tensor:
    squares = math.pi * x * x
    return torch.exp((torch.sin(squares[:, 0] + squares[:, 1]) + torch.sin(squares[:, 2] + squares[:, 3])) / 2)


def _plane(x: Tensor) -> Tensor:
    return torch.exp(torch.sin(math.pi * x[:, 0]) + x[:, 1] ** 2)


def _line(x: Tensor) -> Tensor:
    return torch.exp(torch.sin(math.pi * x[:, 0]))


TARGETS = {
    # As the articles print it: arXiv:2404.19756 and hackernoon.com's summary.
    "exp_sin": Target(_exp_sin, r"$\exp(\sin(x_1^2 + x_2^2) + \sin(x_3^2 + x_4^2))$"),
    # What pykan's notebook Example_2_deep_formula really fits.
    "exp_sin_pi": Target(_exp_sin_pi, r"$\exp((\sin\pi(x_1^2 + x_2^2) + \sin\pi(x_3^2 + x_4^2))/2)$"),
    # pykan's Example_1_function_fitting.
    "plane": Target(_plane, r"$\exp(\sin\pi x + y^2)$"),
    # The plane's restriction to y = 0. One edge fits it by linear least squares, so that the error is the spline's
    # and the optimiser has no share in it: the slope that theory promises, without what hides it elsewhere.
    "line": Target(_line, r"$\exp(\sin\pi x)$"),
}


def points(target: str, n: int, *key: int | str) -> Points:
    """`n` points uniform on the cube, with the values of the target, both float64; they depend on `key` alone."""
    draw = torch.Generator().manual_seed(derived_seed(*key))
    x = 2 * torch.rand(n, INPUTS[target], generator=draw, dtype=torch.float64) - 1
    return x, TARGETS[target].function(x).unsqueeze(-1)


def training_set(variant: AnyNetwork, seed: int) -> Points:
    """The run's own points: another seed has others."""
    return _of_precision(variant, points(variant.target, variant.samples, "train", seed))


def test_set(task: Problem, variant: AnyNetwork) -> Points:
    """The points on which every run of the variant's target is scored."""
    return _of_precision(variant, points(variant.target, task.test_points, "test", task.test_seed))


def _of_precision(variant: AnyNetwork, values: Points) -> Points:
    x, y = values
    return x.to(dtype(variant)), y.to(dtype(variant))


def dtype(variant: AnyNetwork) -> torch.dtype:
    """Of the variant's weights and points."""
    return {"float64": torch.float64, "float32": torch.float32}[variant.precision]


def grid_sizes(variant: AnyNetwork) -> list[int] | list[None]:
    """The grid of every stage; all but a KAN have one stage, without a grid."""
    return variant.grid_sizes if isinstance(variant, Kan) else [None]


def build(variant: AnyNetwork, grid_size: int | None = None, *key: int | str) -> nn.Module:
    """The variant's network with the initial weights of `key`; `grid_size` is that of a KAN, by default its last.

    Layers of other families are made in float32 and moved.
    """
    with seeded("init", *key):
        if isinstance(variant, Kan):
            network: nn.Module = KAN(variant.widths, grid_size or variant.grid_sizes[-1])
        elif isinstance(variant, Mlp):
            network = MLP(variant.widths, variant.activation)
        else:
            network = FullyConnected(family(variant.family, **variant.options), variant.widths)
    return network.to(dtype(variant))


def models(spec: Experiment) -> dict[str, nn.Module]:
    """The network of every variant."""
    return {name: build(variant) for name, variant in spec.variants.items()}


def restore(variant: AnyNetwork, grid_size: int | None, weights: dict[str, Tensor]) -> nn.Module:
    """The variant's network with these weights."""
    network = build(variant, grid_size)
    network.load_state_dict(weights)
    return network
