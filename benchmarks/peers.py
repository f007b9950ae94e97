"""KAN layers that can be installed from the package index, each with the weights of ours put into it.

`PEERS` maps a name to what makes the layer's candidates: the ways to run it that its package offers. A maker raises
ImportError where the package is missing and ValueError where it has no layer for the set-up.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from kanpipe.experiments.layer_speed.contenders import Setup
from kanpipe.layers import KANConv2d, KANLinear

Ours = KANLinear | KANConv2d
Candidates = dict[str, nn.Module]
PYKAN_LIMIT = 2**26  # elements of one of pykan's tensors of (batch, in, out): it holds some ten of 256 MiB then


@contextmanager
def sheltered() -> Iterator[None]:
    """Restore the global random states, which pykan sets in a constructor."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global state is what is kept)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def inkan(setup: Setup, ours: Ours) -> Candidates:
    """Bases found by the interval that x lies in (`local`) or all computed (`dense`), compiled inside or not."""
    from inkan import KANLayer

    layers = {
        f"{mode}, basis compiled," if inside else mode: _linear(KANLayer, setup, basis_mode=mode, compile_basis=inside)
        for mode in ("local", "dense")
        for inside in (True, False)
    }
    for layer in layers.values():
        _put(layer.weight, torch.cat([ours.spline_weight.flatten(1), ours.base_weight], dim=1))
    return layers


def flashkan(setup: Setup, ours: Ours) -> Candidates:
    """One-sided truncated powers, compiled inside; whatever its spline_order says, the formula is the cubic one."""
    from flashkan import KANLayer

    if setup.spline_order != 3:
        raise ValueError("its formula is for cubic splines only")
    layer = _linear(KANLayer, setup)
    _put(layer.spline_weight, ours.spline_weight)
    _put(layer.base_weight, ours.base_weight)
    return {"basis compiled,": layer}


class FirstOutput(nn.Module):
    """pykan's layer without the tensors that it returns for plots."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


def pykan(setup: Setup, ours: Ours) -> Candidates:
    """One curve after another: tensors of (batch, in, out)."""
    from kan.KANLayer import KANLayer

    fan_in, fan_out = _widths(setup)
    elements = setup.batch * fan_in * fan_out
    if elements > PYKAN_LIMIT:
        raise ValueError(f"each of its tensors (batch, in, out) takes {elements * 4 / 2**20:.0f} MiB here")
    grid = {"num": setup.bases - setup.spline_order, "k": setup.spline_order}
    layer = KANLayer(in_dim=fan_in, out_dim=fan_out, **grid)
    _put(layer.coef, ours.spline_weight.movedim(0, 1))
    _put(layer.scale_base, ours.base_weight.T)
    _put(layer.scale_sp, torch.ones(fan_in, fan_out))
    return {"": FirstOutput(layer)}


def convkan(setup: Setup, ours: Ours) -> Candidates:
    """Every patch unfolded, efficient-kan's layer on it: each pixel is expanded nine times; x is padded, not B(x)."""
    from convkan import ConvKAN

    if setup.kernel_size is None:
        raise ValueError("it is a convolution")
    grid = {"grid_size": setup.bases - setup.spline_order, "spline_order": setup.spline_order}
    made = ConvKAN(*setup.widths, setup.kernel_size, padding=setup.kernel_size // 2, **grid)
    layer = made.kan_layer
    _put(layer.base_weight, ours.base_weight.flatten(1).unsqueeze(0))
    _put(layer.spline_weight, ours.spline_weight.movedim(2, -1).flatten(1, 3).unsqueeze(0))
    _put(layer.spline_scaler, torch.ones_like(layer.spline_scaler))
    return {"": made}


def _linear(kind: Callable[..., nn.Module], setup: Setup, **options: str | bool) -> nn.Module:
    grid = {"grid_size": setup.bases - setup.spline_order, "spline_order": setup.spline_order}
    return kind(*_widths(setup), **grid, **options)


def _widths(setup: Setup) -> tuple[int, int]:
    if setup.kernel_size is not None:
        raise ValueError("it has no convolution")
    return tuple(setup.widths)


@torch.no_grad()
def _put(parameter: Tensor, values: Tensor) -> None:
    parameter.copy_(values)


PEERS: dict[str, Callable[[Setup, Ours], Candidates]] = {
    "inkan": inkan,
    "flashkan": flashkan,
    "pykan": pykan,
    "convkan": convkan,
}
