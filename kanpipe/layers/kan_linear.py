"""The fully connected KAN layer."""

import torch
from torch import Tensor, nn

from kanpipe.layers.bases import Basis
from kanpipe.layers.expansion import Expansion, Linear
from kanpipe.layers.kan_layer import KANLayer, spline_grid


class BasisLinear(KANLayer):
    """y_o = sum_i base_weight[o, i] b(x_i) + sum_ij spline_weight[o, i, j] B_j(u_i) (+ bias_o), for any basis.

    u is x or, with `input_norm`, the normalised x. Shapes: (..., in_features) -> (..., out_features). `forward`
    raises ValueError for another last dimension and TypeError for a tensor that is not of floating point.
    """

    def __init__(
        self, in_features: int, out_features: int, basis: Basis, *, base_activation: str | None = "silu", **options
    ) -> None:
        super().__init__((out_features, in_features), Expansion(basis, base_activation), Linear(), **options)
        self.in_features, self.out_features = in_features, out_features

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        if x.dim() == 0 or x.shape[-1] != self.in_features:
            got = x.shape[-1] if x.dim() else "missing"
            raise ValueError(f"the last dimension is {got}; this layer takes {self.in_features} features")
        if not x.is_floating_point():
            raise TypeError(f"{type(self).__name__} takes a floating-point tensor, not {x.dtype}")
        return self._forward(x)

    @torch.no_grad()
    def edge_functions(self, points: Tensor, with_base: bool = True) -> Tensor:
        """Every edge's function, sampled at u = x = points: (points,) -> (out_features, in_features, points).

        Without the base it is what the bases add at u = points, whatever x is.
        """
        x = points.unsqueeze(-1).expand(-1, self.in_features)
        features = self.expansion.features(x, x, self._grid())
        first = 0 if with_base or self.expansion.base_activation is None else 1
        weight = self._parts(self.packed_weight().to(features.dtype))[:, first:]
        return torch.einsum("oji,pji->oip", weight, self._parts(features)[:, first:])

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, {self._representation()}"


class KANLinear(BasisLinear):
    """A layer whose every edge carries a learned function of one variable: a base activation plus a B-spline.

        y_o = sum_i base_weight[o, i] b(x_i) + spline_scaler[o, i] sum_j spline_weight[o, i, j] B_j(x_i) (+ bias_o)

    With the scaler and without a bias it has in * out * (grid_size + spline_order + 2) parameters, ten an edge by
    default. Outside the extended knots the spline part is 0 and the base part alone is left.

    `grid_range` is a pair of numbers or of (in_features,) tensors; `knots` of shape (n,) or (in_features, n)
    replaces it and `grid_size`, for knots that are not uniform (much slower). `base_activation` is silu, gelu,
    identity or None. `recompute` keeps nothing but x for the backward pass. `init` is kaiming, pykan, power_law or
    torch_conv_kan (see `initialisation`). The scaler does not change what can be learned, and costs time.

    Shapes: (..., in_features) -> (..., out_features). `forward` raises ValueError for another last dimension and
    TypeError for an integer tensor; the constructor raises ValueError for a grid or activation that does not exist.
    The knots, the parametrisation and the default start are those of github.com/Blealtan/efficient-kan.

    Arguments, all but the features by keyword:

    grid_size: how many intervals the grid has
    spline_order: the degree of the splines, at least 1
    grid_range: the ends of the grid, in the units of the input: numbers or tensors (in_features,)
    knots: (n,) or (in_features, n), replaces grid_range and grid_size (much slower)
    input_norm: a module through which the bases, and not the base, see x
    base_activation: what the base applies to x: silu, gelu, identity, or None for no base
    scaler: whether a learned factor of every edge multiplies its basis functions
    bias: whether a learned bias is added
    recompute: keep nothing but the input for the backward pass, which computes the features again
    init: the start of the weights, a name in `initialisation.INITIALISATIONS`
    device: where the parameters lie
    dtype: the floating-point type of the parameters

    Raises ValueError for an option that does not exist or does not fit.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        grid_size: int = 5,
        spline_order: int = 3,
        grid_range: tuple[float, float] | tuple[Tensor, Tensor] = (-1.0, 1.0),
        knots: Tensor | None = None,
        input_norm: nn.Module | None = None,
        base_activation: str | None = "silu",
        scaler: bool = True,
        bias: bool = False,
        recompute: bool = False,
        init: str = "kaiming",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        basis, grid = spline_grid(in_features, grid_size, spline_order, grid_range, knots)
        super().__init__(
            in_features,
            out_features,
            basis,
            grid=grid,
            input_norm=input_norm,
            base_activation=base_activation,
            scaler=scaler,
            bias=bias,
            recompute=recompute,
            init=init,
            device=device,
            dtype=dtype,
        )
