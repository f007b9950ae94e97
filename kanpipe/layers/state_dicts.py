"""State dicts of the published layers, brought into the layout of this package.

Known are efficient-kan (`base_weight`, `spline_weight`, `spline_scaler`, `grid`), torch-conv-kan (`base_conv.0.weight`,
`spline_conv.0.weight`, one of each a group; of its norm and PReLU see `finished`), fast-kan (`base_linear`,
`spline_linear`, `rbf.grid`, `layernorm`) and faster-kan (`spline_linear`, `rbf`, `layernorm`).
"""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kanpipe.layers.bases import Shifts
from kanpipe.layers.cox_de_boor import KnotSpline
from kanpipe.layers.splines import UniformSpline

if TYPE_CHECKING:
    from kanpipe.layers.kan_layer import KANLayer


def from_published(layer: "KANLayer", state: dict[str, Tensor], prefix: str) -> None:
    """Replace the published entries of `state` below `prefix` by the packed weight; others are left as they are.

    The scaler is multiplied in where the layer has none. Raises ValueError when the grid or the number of bases is
    another one.
    """
    spline = _pop(state, prefix, "spline_weight", "spline_linear.weight", "spline_conv")
    if spline is None:
        return
    base = _pop(state, prefix, "base_weight", "base_linear.weight", "base_conv")
    bias = _pop(state, prefix, "base_linear.bias")
    if bias is not None:
        state[f"{prefix}bias"] = bias
    _check_grid(layer, state, prefix)
    if spline[0].numel() % layer.basis.size:
        shape = tuple(spline.shape)
        raise ValueError(
            f"the saved splines of {prefix or 'the layer'} have shape {shape}, not {layer.basis.size} bases"
        )
    spline = _basis_major(spline, layer)
    if layer.spline_scaler is None and f"{prefix}spline_scaler" in state:
        spline = spline * state.pop(f"{prefix}spline_scaler").unsqueeze(1)
    parts = [spline] if base is None else [base.unsqueeze(1), spline]
    state[f"{prefix}weight"] = torch.cat(parts, dim=1).flatten(1, 2)


def _pop(state: dict[str, Tensor], prefix: str, *names: str) -> Tensor | None:
    """Take the first entry that is there; the groups of a convolution are joined along their outputs."""
    for name in names:
        groups = list(_groups(state, f"{prefix}{name}"))
        found = state.pop(f"{prefix}{name}", None) if not groups else torch.cat(groups)
        if found is not None:
            return found
    return None


def _groups(state: dict[str, Tensor], name: str) -> Iterator[Tensor]:
    for group in count():
        weight = state.pop(f"{name}.{group}.weight", None)
        if weight is None:
            return
        yield weight


def _basis_major(spline: Tensor, layer: "KANLayer") -> Tensor:
    """(out, in, bases) or (out, in * bases, *kernel), both input after input -> (out, bases, in, *kernel)."""
    size, kernel = layer.basis.size, layer.weight.dim() - 2
    if spline.dim() == kernel + 2:
        spline = spline.unflatten(1, (-1, size))
    return spline.movedim(2, 1)


def _check_grid(layer: "KANLayer", state: dict[str, Tensor], prefix: str) -> None:
    """Take the published grid out of `state`; ValueError when it is not the layer's. Knots of its own it loads."""
    state.pop(f"{prefix}rbf.inv_denominator", None)
    if isinstance(layer.basis, KnotSpline):
        return
    for name in ("grid", "rbf.grid"):
        saved = state.pop(f"{prefix}{name}", None)
        if saved is None:
            continue
        own = _points(layer).to(saved)
        if saved.shape[-1] != own.shape[-1] or not torch.allclose(saved, own, atol=1e-5):
            raise ValueError(
                f"{prefix}{name} is not the grid of this layer: saved are {_described(saved)}, the layer has "
                f"{_described(own)}; make the layer with grid_range={_range_of(layer, saved)} to load them"
            )
    if layer.grid is not None:
        state[f"{prefix}grid"] = layer.grid


def _points(layer: "KANLayer") -> Tensor:
    """What the published layers save as their grid: the knots of splines, (n,) or (in, n), or other bases' centres."""
    basis = layer.basis
    if not isinstance(basis, UniformSpline):
        assert isinstance(basis, Shifts)  # knots are loaded as they are
        return torch.tensor(basis.centres(None))
    low, step = torch.as_tensor(layer.support[0]), torch.as_tensor(basis.step(layer.grid))
    return low.unsqueeze(-1) + step.unsqueeze(-1) * torch.arange(basis.grid_size + 2 * basis.spline_order + 1)


def _described(points: Tensor) -> str:
    """How many points of a grid there are, and from where to where, of the first feature."""
    row = points if points.dim() == 1 else points[0]
    others = " and others of other features" if not torch.allclose(points, row, atol=1e-5) else ""
    return f"{len(row)} points from {row[0]:g} to {row[-1]:g}{others}"


def _range_of(layer: "KANLayer", points: Tensor) -> str:
    """The range of a layer of the same kind whose grid these points are."""
    row = points if points.dim() == 1 else points[0]
    k = layer.basis.spline_order if isinstance(layer.basis, UniformSpline) else 0
    return f"({row[k]:g}, {row[len(row) - 1 - k]:g})"
