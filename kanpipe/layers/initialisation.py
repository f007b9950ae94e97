"""How the weights of a KAN layer start.

Each entry of `INITIALISATIONS` fills the base weight, the scaler and the spline coefficients of a layer from the
global generator. A layer without a scaler has its start multiplied into the coefficients where it is not 1.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from kanpipe.layers.splines import UniformSpline

if TYPE_CHECKING:
    from kanpipe.layers.kan_layer import KANLayer


def kaiming(layer: "KANLayer") -> None:
    """efficient-kan: Kaiming-uniform base weight and scaler, splines that interpolate noise of ±0.05/grid_size."""
    if layer.base_weight is not None:
        nn.init.kaiming_uniform_(layer.base_weight, a=math.sqrt(5))
    if layer.spline_scaler is not None:
        nn.init.kaiming_uniform_(layer.spline_scaler, a=math.sqrt(5))
    layer.spline_weight.copy_(_noise_splines(layer))


def pykan(layer: "KANLayer") -> None:
    """pykan 0.0: base weights 1/sqrt(in) + 0.1 (2 N(0, 1) - 1), not scaled by fan-in; scaler 1; noise splines."""
    if layer.base_weight is not None:
        noise = torch.randn_like(layer.base_weight)
        layer.base_weight.copy_(1 / math.sqrt(layer.fan_in) + 0.1 * (2 * noise - 1))
    if layer.spline_scaler is not None:
        nn.init.ones_(layer.spline_scaler)
    layer.spline_weight.copy_(_noise_splines(layer))


def power_law(layer: "KANLayer", base_power: float = 0.25, spline_power: float = 1.75) -> None:
    """Normal weights with standard deviations (fan_in (G + k + 1))^-power; scaler 1 (arXiv:2509.03417)."""
    features = layer.fan_in * (layer.basis.size + 1)
    if layer.base_weight is not None:
        layer.base_weight.normal_(std=features**-base_power)
    if layer.spline_scaler is not None:
        nn.init.ones_(layer.spline_scaler)
    layer.spline_weight.normal_(std=features**-spline_power)


def torch_conv_kan(layer: "KANLayer") -> None:
    """torch-conv-kan: Kaiming-uniform base and spline weights of gain 1, each by its own fan-in; scaler 1."""
    if layer.base_weight is not None:
        layer.base_weight.uniform_(-1, 1).mul_(math.sqrt(3 / layer.fan_in))
    if layer.spline_scaler is not None:
        nn.init.ones_(layer.spline_scaler)
    layer.spline_weight.uniform_(-1, 1).mul_(math.sqrt(3 / (layer.fan_in * layer.basis.size)))


def fast_kan(layer: "KANLayer") -> None:
    """fast-kan: spline weights from a normal of 0.1 cut at ±2, the base like `nn.Linear`."""
    _start_others(layer)
    # a copy, since the initialisers of nn.init want to write into contiguous memory to draw the same numbers
    layer.spline_weight.copy_(nn.init.trunc_normal_(torch.empty_like(layer.spline_weight), std=0.1))
    if layer.bias is not None:
        bound = 1 / math.sqrt(layer.fan_in)
        nn.init.uniform_(layer.bias, -bound, bound)


def faster_kan(layer: "KANLayer") -> None:
    """faster-kan: Xavier-uniform over all bases of an input."""
    _start_others(layer)
    bound = math.sqrt(6 / (layer.fan_in * layer.basis.size + layer.fan_out))
    layer.spline_weight.uniform_(-bound, bound)


def chebykan(layer: "KANLayer") -> None:
    """ChebyKAN: normal coefficients with the standard deviation 1 / (in (degree + 1)); a base like `nn.Linear`."""
    _start_others(layer)
    layer.spline_weight.normal_(std=1 / (layer.fan_in * layer.basis.size))


def fourierkan(layer: "KANLayer") -> None:
    """FourierKAN: normal coefficients with the standard deviation 1 / sqrt(in frequencies)."""
    _start_others(layer)
    layer.spline_weight.normal_(std=1 / math.sqrt(layer.fan_in * layer.basis.size / 2))


def fourierkan_smooth(layer: "KANLayer") -> None:
    """FourierKAN with `smooth_initialization`: deviations 1 / (sqrt(in) k^2), k the frequency or another number."""
    _start_others(layer)
    multiples = getattr(layer.basis, "multiples", range(1, layer.basis.size + 1))
    damping = torch.tensor([k**-2.0 for k in multiples], device=layer.weight.device)
    damping = damping.repeat(layer.basis.size // len(damping))
    drawn = torch.randn_like(layer.spline_weight.movedim(2, -1)) / math.sqrt(layer.fan_in)
    layer.spline_weight.copy_((drawn * damping.to(drawn)).movedim(-1, 2))


def linear(layer: "KANLayer") -> None:
    """All weights of the basis, and the bias, as those of an `nn.Linear` of as many features."""
    _start_others(layer)
    bound = 1 / math.sqrt(layer.fan_in * layer.basis.size)
    layer.spline_weight.uniform_(-bound, bound)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound)


def _start_others(layer: "KANLayer") -> None:
    """Of what stands beside the basis: a base like `nn.Linear`, a scaler of 1."""
    if layer.base_weight is not None:
        nn.init.kaiming_uniform_(layer.base_weight, a=math.sqrt(5))
    if layer.spline_scaler is not None:
        nn.init.ones_(layer.spline_scaler)


def _noise_splines(layer: "KANLayer") -> Tensor:
    """Coefficients of splines through noise of ±0.05/grid_size at the grid points; noise itself for other bases."""
    basis, like = layer.basis, layer.spline_weight.movedim(2, -1)  # (out, in, *kernel, bases)
    intervals = basis.grid_size if isinstance(basis, UniformSpline) else basis.size
    points = intervals + 1 if isinstance(basis, UniformSpline) else basis.size
    noise = torch.rand((*like.shape[:-1], points), device=like.device, dtype=torch.float64) - 0.5
    values = noise * (0.1 / intervals)
    if isinstance(basis, UniformSpline):
        values = values @ _interpolation(basis, values)
    return values.movedim(-1, 2)


def _interpolation(basis: UniformSpline, like: Tensor) -> Tensor:
    """(grid_size + 1, bases): from values at the grid points to the least-norm coefficients through them."""
    points = torch.linspace(-1, 1, basis.grid_size + 1, device=like.device, dtype=like.dtype)
    functions = UniformSpline(basis.grid_size, basis.spline_order, (-1.0, 1.0)).values(points, None)
    return torch.linalg.pinv(torch.stack(list(functions), dim=-1)).T


INITIALISATIONS: dict[str, Callable[["KANLayer"], None]] = {
    "kaiming": kaiming,
    "pykan": pykan,
    "power_law": power_law,
    "torch_conv_kan": torch_conv_kan,
    "fast_kan": fast_kan,
    "faster_kan": faster_kan,
    "chebykan": chebykan,
    "fourierkan": fourierkan,
    "fourierkan_smooth": fourierkan_smooth,
    "linear": linear,
}
