"""What the linear and the convolutional KAN layer have in common: weights, features, and the way to the product."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from kanpipe.layers.bases import Basis, Ends
from kanpipe.layers.cox_de_boor import KnotSpline, check_knots
from kanpipe.layers.expansion import BASE_ACTIVATIONS, Convolution, Expansion, Linear, expand, expanded_product
from kanpipe.layers.initialisation import INITIALISATIONS
from kanpipe.layers.packing import packed
from kanpipe.layers.splines import UniformSpline, check_degree, check_grid
from kanpipe.layers.state_dicts import from_published


class KANLayer(nn.Module):
    """An ordinary layer on the features of its input (see `expansion`), with one weight for all of them.

    `weight` has the shape (out, parts * in, *kernel), its columns in the order of the features: the base part (if
    there is one), then basis after basis, each for all inputs. `base_weight` and `spline_weight` are views of it in
    the layout of the published layers. State dicts of the published layers can be loaded (see `state_dicts`).
    """

    weight: nn.Parameter
    spline_scaler: Tensor | None
    bias: Tensor | None
    grid: Tensor | None
    layernorm: nn.Module | None
    _kept: Tensor | None = None  # the packed weight, within `weights_kept_packed`

    def __init__(
        self,
        shape: tuple[int, ...],
        expansion: Expansion,
        product: Linear | Convolution,
        *,
        grid: Tensor | None = None,
        input_norm: nn.Module | None = None,
        scaler: bool = False,
        bias: bool = False,
        recompute: bool = False,
        init: str = "kaiming",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """`shape` is that of one part of the weight: (out, in / groups, *kernel)."""
        super().__init__()
        _check_options(expansion, init)
        self.expansion, self.product, self.recompute, self.init = expansion, product, recompute, init
        out_features, in_features, *kernel = shape

        def empty(*size: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*size, device=device, dtype=dtype))

        self.weight = empty(out_features, expansion.parts * in_features, *kernel)
        self.register_parameter("spline_scaler", empty(*shape) if scaler else None)
        self.register_parameter("bias", empty(out_features) if bias else None)
        # a copy of its own: state dicts are loaded into it
        own = None if grid is None else grid.detach().to(device=device, dtype=self.weight.dtype, copy=True)
        self.register_buffer("grid", own)
        self.layernorm = input_norm
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Start again as the option `init` says; the bias at 0 but where the published layer has another start.

        On the meta device there is nothing to start.
        """
        if self.weight.is_meta:
            return
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        INITIALISATIONS[self.init](self)
        if self.layernorm is not None:
            for module in self.layernorm.modules():
                if callable(reset := getattr(module, "reset_parameters", None)):
                    reset()

    @property
    def basis(self) -> Basis:
        """The functions that are learned with, for example `basis.grid_size` and `basis.spline_order` of splines."""
        return self.expansion.basis

    @property
    def fan_in(self) -> int:
        """The number of inputs that an output depends on."""
        return self.weight[0].numel() // self.expansion.parts

    @property
    def fan_out(self) -> int:
        """The number of outputs that an input takes part in."""
        return self.weight.shape[0] * self.weight[0, 0].numel()

    @property
    def base_weight(self) -> Tensor | None:
        """(out, in / groups, *kernel), a view of `weight`; None without a base activation."""
        return self._parts(self.weight)[:, 0] if self._has_base else None

    @property
    def spline_weight(self) -> Tensor:
        """(out, in / groups, bases, *kernel), a view of `weight`; the scaler is not multiplied in."""
        return self._parts(self.weight)[:, self._has_base :].movedim(1, 2)

    @property
    def grid_range(self) -> Ends:
        """The interval in which the bases stand: a pair of numbers, or of one tensor entry a feature."""
        return self.basis.ends(self.grid)

    @property
    def support(self) -> tuple[float | Tensor, float | Tensor]:
        """The interval outside which every basis is 0, in the form of `grid_range`."""
        return self.basis.support(self.grid)

    @property
    def _has_base(self) -> bool:
        return self.expansion.base_activation is not None

    def _parts(self, weight: Tensor) -> Tensor:
        """(out, parts * in, *kernel) -> (out, parts, in, *kernel)."""
        return weight.unflatten(1, (self.expansion.parts, -1))

    def packed_weight(self) -> Tensor:
        """`weight` with the scaler multiplied into its spline part."""
        if self.spline_scaler is None:
            return self.weight
        if self._kept is not None and not torch.is_grad_enabled():
            return self._kept
        return packed(self.weight, self.spline_scaler, self._has_base)

    def basis_input(self, x: Tensor) -> Tensor:
        """What the bases see of `x`: x itself, or the normalised x."""
        return x if self.layernorm is None else self.layernorm(x)

    def features(self, x: Tensor) -> Tensor:
        """(..., in, ...) -> (..., parts * in, ...), in the order of the weight's columns."""
        return expand(x, self.expansion, self._other_basis_input(x), self._grid())

    def _other_basis_input(self, x: Tensor) -> Tensor | None:
        """What the bases see where it is not x: one tensor must not enter an autograd function twice."""
        return None if self.layernorm is None else self.basis_input(x)

    def _grid(self) -> Tensor | None:
        """The grid in the shape that broadcasts against the input."""
        return self.grid

    def _forward(self, x: Tensor) -> Tensor:
        self._check_type(x)
        if not self.recompute or torch.compiler.is_exporting():  # what is exported has no backward pass
            return self._product(x)
        if torch.compiler.is_compiling():
            # A compiler may keep what an autograd function makes twice; a checkpoint it honours.
            return checkpoint(self._product, x, use_reentrant=False, preserve_rng_state=False)
        u, grid, dtype = self._other_basis_input(x), self._grid(), _product_dtype(x)
        out = expanded_product(x, self.packed_weight(), self.expansion, self.product, u, grid, dtype)
        if self.bias is None:
            return out
        return out + self.bias.to(dtype).view(-1, *[1] * (-1 - self.expansion.dim))

    def _product(self, x: Tensor) -> Tensor:
        return self.product.forward(self.features(x).to(_product_dtype(x)), self.packed_weight(), self.bias)

    def _check_type(self, x: Tensor) -> None:
        """Refuse an input of another type than the weight, as an ordinary layer does."""
        if x.dtype != self.weight.dtype and not _is_autocast(x):
            found, own = (str(dtype).removeprefix("torch.") for dtype in (x.dtype, self.weight.dtype))
            raise TypeError(f"the input is {found} and this layer is {own}; convert one of them")

    def __prepare_scriptable__(self) -> None:
        """What `torch.jit.script` asks first; TypeError, since its language has no autograd function."""
        kind = type(self).__name__
        raise TypeError(f"torch.jit.script cannot compile {kind}: use torch.export, torch.compile or torch.jit.trace")

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        from_published(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _representation(self) -> str:
        """The options that differ from layer to layer, for `extra_repr`."""
        parts = [f"basis={self.basis}", f"base_activation={self.expansion.base_activation!r}"]
        parts += [f"scaler={self.spline_scaler is not None}", f"bias={self.bias is not None}"]
        return ", ".join(parts + ["recompute=True"] * self.recompute)


@contextmanager
def weights_kept_packed(model: nn.Module) -> Iterator[None]:
    """For sampling: within the block, and without gradients, the layers of `model` pack their weights no more.

    They use what they have packed at its start, so the weights must stay as they are and where they are.
    """
    layers = [module for module in model.modules() if isinstance(module, KANLayer) and module.spline_scaler is not None]
    try:
        with torch.no_grad():
            for layer in layers:
                layer._kept = layer.packed_weight()
        yield
    finally:
        for layer in layers:
            layer._kept = None


def _check_options(expansion: Expansion, init: str) -> None:
    if expansion.base_activation not in (None, *BASE_ACTIVATIONS):
        known = ", ".join(BASE_ACTIVATIONS)
        raise ValueError(f"base_activation is {expansion.base_activation!r}; choose one of {known}, or None")
    if init not in INITIALISATIONS:
        raise ValueError(f"init is {init!r}; choose one of {', '.join(INITIALISATIONS)}")


def _is_autocast(x: Tensor) -> bool:
    """Whether an ordinary layer would convert the input and its weight."""
    kind = x.device.type
    has_autocast = torch.amp.is_autocast_available(kind)  # the meta device has none
    return has_autocast and x.dtype != torch.float64 and torch.is_autocast_enabled(kind)


def _product_dtype(x: Tensor) -> torch.dtype:
    """What an ordinary layer would compute in: the type of autocast where that is on, else that of the input."""
    return torch.get_autocast_dtype(x.device.type) if _is_autocast(x) else x.dtype


def spline_grid(
    features: int, grid_size: int, spline_order: int, grid_range, knots: Tensor | None
) -> tuple[Basis, Tensor | None]:
    """The B-spline basis of a layer and its grid tensor: None for one range, (2, features), or the knots.

    Raises ValueError for a grid on which there is no spline.
    """
    if knots is not None:
        knots = torch.as_tensor(knots)
        check_knots(knots, spline_order)
        _check_features(knots, features, "knots")
        return KnotSpline(knots.shape[-1] - spline_order - 1, spline_order), knots
    low, high = grid_range
    if not isinstance(low, Tensor) and not isinstance(high, Tensor):
        check_grid(grid_size, spline_order, (low, high))
        return UniformSpline(grid_size, spline_order, (float(low), float(high))), None
    check_degree(grid_size, spline_order)
    ends = [torch.as_tensor(end) for end in (low, high)]
    if any(tuple(end.shape) not in ((), (features,)) for end in ends):
        shapes = " and ".join(str(tuple(end.shape)) for end in ends)
        raise ValueError(f"grid_range has ends of shapes {shapes}; they must be numbers or have shape ({features},)")
    grid = torch.stack([end.expand(features) for end in ends])
    if not grid.is_meta and not (grid.isfinite().all() and (grid[0] < grid[1]).all()):
        raise ValueError("grid_range must be finite and its first end below its second for every feature")
    return UniformSpline(grid_size, spline_order, None), grid


def _check_features(grid: Tensor, features: int, name: str) -> None:
    if grid.dim() == 2 and grid.shape[0] != features:
        raise ValueError(f"{name} are given for {grid.shape[0]} features; this layer has {features}")
