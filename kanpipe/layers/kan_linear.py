"""The fully connected Kolmogorov-Arnold layer."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.layers.splines import bases, bspline_basis, check_grid

BASE_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu, "identity": lambda x: x}


class KANLinear(nn.Module):
    """A layer whose every edge carries a learned function of one variable, in the layout of efficient-kan.

        y_o = sum_i base_weight[o, i] b(x_i) + spline_scaler[o, i] sum_j spline_weight[o, i, j] B_j(x_i) (+ bias_o)

    With the scaler and without a bias it has in * out * (grid_size + spline_order + 2) parameters, ten an edge by
    default. Outside the extended knots the spline part is 0 and the base part alone is left.

    Shapes: (..., in_features) -> (..., out_features). `forward` raises ValueError for another last dimension and
    TypeError for an integer tensor; the constructor raises ValueError for a grid or activation that does not exist.

    The knots, the parametrisation and the initialisation are those of github.com/Blealtan/efficient-kan; the whole
    layer is one matmul of features [b(x), B_0(x), ..., B_{G+k-1}(x)] with one packed weight.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        grid_size: int = 5,
        spline_order: int = 3,
        grid_range: tuple[float, float] = (-1.0, 1.0),
        base_activation: str = "silu",
        scaler: bool = True,
        bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_grid(grid_size, spline_order, grid_range)
        if base_activation not in BASE_ACTIVATIONS:
            raise ValueError(f"base_activation is {base_activation!r}; choose one of {', '.join(BASE_ACTIVATIONS)}")
        self.in_features, self.out_features = in_features, out_features
        self.grid_size, self.spline_order, self.grid_range = grid_size, spline_order, tuple(grid_range)
        self.base_activation = base_activation

        def empty(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))

        self.base_weight = empty(out_features, in_features)
        self.spline_weight = empty(out_features, in_features, grid_size + spline_order)
        self.register_parameter("spline_scaler", empty(out_features, in_features) if scaler else None)
        self.register_parameter("bias", empty(out_features) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming-uniform base weight and scaler; coefficients that interpolate noise of ±0.05/grid_size."""
        nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        if self.spline_scaler is not None:
            nn.init.kaiming_uniform_(self.spline_scaler, a=math.sqrt(5))
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        with torch.no_grad():
            shape = (self.out_features, self.in_features, self.grid_size + 1)
            noise = torch.rand(shape, device=self.base_weight.device, dtype=torch.float64) - 0.5
            self.spline_weight.copy_(noise * (0.1 / self.grid_size) @ self._interpolation(noise.device))

    def _interpolation(self, device: torch.device) -> Tensor:
        """(grid_size + 1, bases): from values at the grid points to the least-norm coefficients through them."""
        points = torch.linspace(*self.grid_range, self.grid_size + 1, device=device, dtype=torch.float64)
        basis = bspline_basis(points, self.grid_size, self.spline_order, self.grid_range)
        return torch.linalg.pinv(basis).T

    def features(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., (1 + bases) * in): the base activation, then basis after basis."""
        base = BASE_ACTIVATIONS[self.base_activation](x)
        return torch.cat([base, *bases(x, self.grid_size, self.spline_order, self.grid_range)], dim=-1)

    def coefficients(self) -> Tensor:
        """(out, in, bases): the spline coefficients with the scaler multiplied in."""
        if self.spline_scaler is None:
            return self.spline_weight
        return self.spline_weight * self.spline_scaler.unsqueeze(-1)

    def packed_weight(self) -> Tensor:
        """(out, (1 + bases) * in), in the order of `features`."""
        return torch.cat([self.base_weight.unsqueeze(1), self.coefficients().movedim(2, 1)], dim=1).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        if x.shape[-1] != self.in_features:
            raise ValueError(f"the last dimension is {x.shape[-1]}; this layer takes {self.in_features} features")
        if not x.is_floating_point():
            raise TypeError(f"KANLinear takes a floating-point tensor, not {x.dtype}")
        return F.linear(self.features(x), self.packed_weight(), self.bias)

    @torch.no_grad()
    def edge_functions(self, points: Tensor) -> Tensor:
        """The function on every edge, sampled: (points,) -> (out_features, in_features, points)."""
        basis = bspline_basis(points, self.grid_size, self.spline_order, self.grid_range)
        base = BASE_ACTIVATIONS[self.base_activation](points)
        return self.base_weight.unsqueeze(-1) * base + self.coefficients() @ basis.T

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, grid_size={self.grid_size}, "
            f"spline_order={self.spline_order}, grid_range={self.grid_range}, "
            f"base_activation={self.base_activation!r}, scaler={self.spline_scaler is not None}, "
            f"bias={self.bias is not None}"
        )
