"""Grids that change while a network trains, in place: finer ones, and ranges that follow their inputs.

A layer gets a new weight, which takes the place of the old one in the optimizer that is given; what the optimizer
remembers of it is carried along. A change of the grid takes coefficients c to P c. The gradients of new coefficients
are about r P times those of the old, r the ratio of the new step of the grid to the old, since a basis function is that
much wider; averages of gradients are carried by r P, averages of their squares by r^2 times the weighted means that |P|
takes. So Adam goes on with steps of the same size where a new optimizer would begin again.

Whatever else holds the weights must be told: an optimizer that is not given goes on with the old ones, and averages of
weights keep their shape. A compiled model is compiled once more. A state dict has the shapes of the grid as it is now;
a range that all features share is not in it: make the layer that is to load it with `grid_range=layer.grid_range`.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from kanpipe.layers.diagnostics import outside_counts
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.layers.refit import Grid, basis_values, evenly_spaced, grid_of, spline_basis, two_scale_matrix
from kanpipe.layers.splines import UniformSpline

AVERAGES = ("exp_avg", "momentum_buffer", "grad_avg")  # of gradients, by the names that torch's optimizers give them
SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum")  # averages or sums of their squares


def refine_(model: nn.Module, ratio: int = 2, *, optimizer: Optimizer | None = None) -> None:
    """Give every B-spline layer of the model, or the one layer, `ratio` times as many intervals over the same range.

    No function changes on its range, but for rounding (see `refit.extend_grid`). Layers on knots that are not uniform
    stay as they are. Raises ValueError, and changes nothing, for a ratio below 2, a model without a layer to refine,
    and an optimizer that does not hold the weights or keeps what cannot be carried.
    """
    if ratio < 2:
        raise ValueError(f"ratio is {ratio}; it must be at least 2")
    layers = [layer for layer in model.modules() if isinstance(layer, KANLayer)]
    layers = [layer for layer in layers if isinstance(layer.basis, UniformSpline)]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no B-spline layer on a uniform grid that could be refined")
    for layer in layers:
        _check_state(layer, optimizer)
    for layer in layers:
        basis = spline_basis(layer)
        assert isinstance(basis, UniformSpline)
        matrix = two_scale_matrix(basis.grid_size, basis.spline_order, ratio).unsqueeze(0)
        finer = replace(basis, grid_size=ratio * basis.grid_size)
        _change(layer, (finer, layer.grid), matrix, torch.tensor(1 / ratio), optimizer)


def update_range_(
    layer: KANLayer, x: Tensor, *, outside: float = 0.05, kept: float = 0.998, optimizer: Optimizer | None = None
) -> bool:
    """Widen the layer's range to its inputs `x` when more than the share `outside` of them lies beyond it; say whether.

    The new range reaches over the old one and the middle share `kept` of what the bases see of `x`, in each feature
    where features have ranges of their own. It has as many intervals as before, and the curves are fitted to the old
    ones on it by least squares. Never narrower, so an unlucky batch undoes nothing.

    Raises ValueError for shares that do not lie in [0, 1], weights or inputs that are not finite, and an optimizer as
    in `refine_`; TypeError for a layer whose basis is not a B-spline on a uniform grid.
    """
    if not (0 <= outside <= 1 and 0 < kept <= 1):
        raise ValueError(f"outside is {outside} and kept is {kept}; both must lie between 0 and 1")
    basis = spline_basis(layer)
    if not isinstance(basis, UniformSpline):
        raise TypeError("update_range_ needs a uniform grid; refit gives knots at other quantiles")
    with torch.no_grad():
        u = layer.basis_input(x)
        if int(outside_counts(layer, u)[0]) <= outside * u.numel():
            return False
        ends = _reach(layer, u, kept)
    _check_state(layer, optimizer)
    if layer.grid is None:
        low, high = (float(end) for end in ends)
        grid: Grid = (replace(basis, grid_range=(low, high)), None)
    else:
        grid = (basis, torch.stack([end.expand_as(layer.grid[0]) for end in ends]))
    widened = _steps(grid) / _steps(grid_of(layer))
    _change(layer, grid, _fit(layer, grid), widened, optimizer)
    return True


def _reach(layer: KANLayer, u: Tensor, kept: float) -> list[Tensor]:
    """The ends of the new range in float64, of all features () or one each (features,)."""
    rows = u.to("cpu", torch.float64).movedim(layer.expansion.dim, -1).flatten(0, -2)
    if not rows.isfinite().all():
        raise ValueError("the inputs must be finite")
    values = rows.flatten() if layer.grid is None else rows
    ordered, last = values.sort(0).values, len(values) - 1  # torch's own quantile takes 16 million values at most
    found = ordered[round((1 - kept) / 2 * last)], ordered[round((1 + kept) / 2 * last)]
    low, high = (torch.as_tensor(end).detach().to("cpu", torch.float64) for end in layer.grid_range)
    return [torch.minimum(found[0], low), torch.maximum(found[1], high)]


def _steps(grid: Grid) -> Tensor:
    basis, where = grid
    assert isinstance(basis, UniformSpline)
    return torch.as_tensor(basis.step(where)).to("cpu", torch.float64)


def _fit(layer: KANLayer, grid: Grid) -> Tensor:
    """(features or 1, bases, bases): from coefficients to those that fit the old curves best on the new range."""
    basis, where = grid
    points = evenly_spaced(basis.ends(where), 20 * basis.size + 1)
    stored = None if where is None else where.to(layer.weight.dtype).to(torch.float64)
    design, wanted = basis_values((basis, stored), points), basis_values(grid_of(layer), points)
    return torch.linalg.lstsq(design, wanted, driver="gelsd").solution


@torch.no_grad()
def _change(layer: KANLayer, grid: Grid, matrix: Tensor, widened: Tensor, optimizer: Optimizer | None) -> None:
    """Put the layer on the grid: its coefficients by the matrix, the optimizer's memory with them."""
    weight = layer.weight
    state = {} if optimizer is None else optimizer.state.get(weight, {})
    size = widened.to(torch.float64).reshape(-1, 1, 1)
    means = matrix.abs() / matrix.abs().sum(-1, keepdim=True).clamp_min(1e-300)
    for name, value in state.items():
        if name in AVERAGES and value is not None:
            state[name] = _mapped(layer, value, size * matrix)
        elif name in SQUARES and value is not None:
            state[name] = _mapped(layer, value, size.square() * means)
    new = nn.Parameter(_mapped(layer, weight, matrix), requires_grad=weight.requires_grad)
    basis, where = grid
    layer.expansion = replace(layer.expansion, basis=basis)
    layer.grid = None if where is None else where.to(weight)
    layer.weight = new  # of the old one the graph of an earlier step may still know the shape
    if optimizer is not None:
        _exchange(optimizer, weight, new)


def _exchange(optimizer: Optimizer, old: Tensor, new: Tensor) -> None:
    for group in optimizer.param_groups:
        group["params"] = [new if held is old else held for held in group["params"]]
    if old in optimizer.state:
        optimizer.state[new] = optimizer.state.pop(old)


def _mapped(layer: KANLayer, values: Tensor, matrix: Tensor) -> Tensor:
    """Values in the weight's shape, those of each feature's bases taken by the matrix (features or 1, new, old)."""
    groups, has_base = layer.expansion.groups, layer.base_weight is not None
    parts = (
        values.detach().to("cpu", torch.float64).unflatten(1, (layer.expansion.parts, -1)).unflatten(0, (groups, -1))
    )
    inputs = parts.shape[3]
    by_group = matrix.expand(groups * inputs, -1, -1).unflatten(0, (groups, inputs))
    spline = torch.einsum("ginb,gobi...->goni...", by_group, parts[:, :, has_base:])
    return torch.cat([parts[:, :, :has_base], spline], dim=2).flatten(0, 1).flatten(1, 2).to(values)


def _check_state(layer: KANLayer, optimizer: Optimizer | None) -> None:
    """Refuse an optimizer whose memory of the layer's weight cannot be carried."""
    spline_basis(layer)
    if not isinstance(layer.weight, nn.Parameter):
        raise ValueError("the weight is pruned; torch.nn.utils.prune.remove makes that final, then the grid can change")
    if optimizer is None or not layer.weight.requires_grad:
        return
    kind = type(optimizer).__name__
    if not any(layer.weight is held for group in optimizer.param_groups for held in group["params"]):
        raise ValueError(f"the optimizer ({kind}) does not hold the weight of {layer}")
    state = optimizer.state.get(layer.weight, {})
    strange = [name for name, value in state.items() if _is_strange(name, value)]
    if strange or isinstance(optimizer, LBFGS):
        what = "a history of all parameters" if isinstance(optimizer, LBFGS) else ", ".join(strange)
        raise ValueError(
            f"{kind} keeps {what}, which no change of the grid can carry along: make a new optimizer after it"
        )


def _is_strange(name: str, value: object) -> bool:
    known = name in AVERAGES + SQUARES
    return not known and (isinstance(value, list | dict) or (isinstance(value, Tensor) and value.numel() > 1))
