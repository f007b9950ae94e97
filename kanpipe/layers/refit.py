"""Other grids for the curves of a B-spline layer: finer ones, of another range, or with knots at quantiles of data.

Coefficients are found in float64 on the CPU, whatever the layer's dtype and device, for the raw curves
sum_j spline_weight[..., j, ...] B_j(u). The scaler, which multiplies a raw curve, is kept, so the layer's function
stays as well as its raw curves do. (efficient-kan's `update_grid` fits the scaled curves, and so scales them twice.)
"""

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from kanpipe.layers.bases import Basis
from kanpipe.layers.cox_de_boor import KnotSpline, check_knots
from kanpipe.layers.kan_layer import KANLayer, spline_grid
from kanpipe.layers.splines import UniformSpline, check_degree

Grid = tuple[Basis, Tensor | None]  # a basis, and the tensor that says where it stands


def extend_grid(layer: KANLayer, grid_size: int) -> KANLayer:
    """The layer with `grid_size` intervals over the same range, its function kept there.

    When the new knots contain the old ones (`grid_size` is a multiple of the old), no function of the layer changes
    on the range, but for rounding; otherwise each is the least-squares fit of the old one on the range, and
    `largest_jump` says how far it is off. Outside the range both change: bases that reach over its ends get narrower
    with the grid, so that the spline part vanishes k/G ranges beyond an end for the new G, not for the old.

    The new layer has the class, options, device and dtype of the old, which is left alone. Raises ValueError for a
    grid without intervals and TypeError for a layer whose basis is not a B-spline on a uniform grid.
    """
    basis = spline_basis(layer)
    if not isinstance(basis, UniformSpline):
        raise TypeError("extend_grid needs a uniform grid; refit gives knots at other quantiles")
    check_degree(grid_size, basis.spline_order)
    finer = replace(basis, grid_size=grid_size)
    ratio, rest = divmod(grid_size, basis.grid_size)
    if rest == 0:
        mask = two_scale_matrix(basis.grid_size, basis.spline_order, ratio)
        return _rebuilt(layer, (finer, layer.grid), mask @ _by_feature(layer))
    return _fitted(layer, (finer, layer.grid), _evenly(layer.grid_range, finer.size))


def refit(
    layer: KANLayer,
    *,
    grid_size: int | None = None,
    grid_range: tuple[float, float] | tuple[Tensor, Tensor] | None = None,
    samples: Tensor | None = None,
    uniform_share: float = 0.02,
) -> KANLayer:
    """The layer on another grid, of `grid_size` intervals (by default as many as before), by least squares.

    With `grid_range`, a pair of numbers or of one entry a feature, the grid is uniform over that range, and the old
    curves are fitted there: evenly, or at the `samples` (n, features) of what the basis sees. With `samples` alone
    the knots stand at their quantiles, mixed with an even grid by `uniform_share` (pykan's grid_eps), and the curves
    are fitted at the samples. Between and beyond the points of the fit the functions may change; `largest_jump` says
    by how much on the new range.

    Raises ValueError when neither is given, for fewer samples than bases, for samples of another number of features,
    constant or not finite, and for a grid that does not exist; TypeError for a layer whose basis is not a B-spline.
    """
    basis = spline_basis(layer)
    k = basis.spline_order
    grid_size = basis.size - k if grid_size is None else grid_size
    check_degree(grid_size, k)
    if samples is not None:
        samples = _checked(samples, _feature_count(layer), grid_size + k)
    if grid_range is not None:
        grid = spline_grid(_feature_count(layer), grid_size, k, grid_range, None)
        points = _evenly(grid_range, grid_size + k) if samples is None else samples
    elif samples is not None:
        knots = quantile_knots(samples, grid_size, k, uniform_share)
        grid, points = (KnotSpline(grid_size + k, k), knots), samples
    else:
        raise ValueError("refit needs a grid_range or samples; to refine the grid on its range use extend_grid")
    return _fitted(layer, grid, points)


def extend_grids(model: nn.Module, grid_size: int) -> None:
    """Replace every B-spline layer inside `model` by the same layer with `grid_size` intervals, by `extend_grid`.

    Parameters are new tensors afterwards: make a new optimizer. Raises TypeError when `model` is itself a layer,
    which cannot replace itself.
    """
    if isinstance(model, KANLayer):
        raise TypeError("extend_grids replaces the layers inside a model; for one layer use extend_grid")
    extended: dict[KANLayer, KANLayer] = {}  # a layer that stands in two places stays one layer
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, KANLayer) and isinstance(child.expansion.basis, UniformSpline):
                if child not in extended:
                    extended[child] = extend_grid(child, grid_size)
                setattr(parent, name, extended[child])


@torch.no_grad()
def largest_jump(before: KANLayer, after: KANLayer, points: int = 1001) -> float:
    """The largest |difference| of the functions on the edges of two layers, over `points` of the range of `after`."""
    u = evenly_spaced(after.grid_range, points)
    curves = [basis_values(grid_of(layer), u) @ _by_feature(layer, scaled=True) for layer in (before, after)]
    return (curves[1] - curves[0]).abs().max().item()


def two_scale_matrix(grid_size: int, spline_order: int, ratio: int) -> Tensor:
    """(ratio * grid_size + k, grid_size + k): from coefficients to those of the same spline on a finer uniform grid.

    A cardinal spline is a sum of `ratio`-fold finer ones with the weights of m^-k ((1 - z^m) / (1 - z))^(k+1), whose
    i-th coefficient counts the ways to write i as a sum of k + 1 numbers below m. Basis j starts at knot j - k,
    which is the finer knot m (j - k), where the finer basis of index m (j - k) + k starts.
    """
    k, m = spline_order, ratio
    weights = torch.ones(1, dtype=torch.float64)
    for _ in range(k + 1):
        padded = nn.functional.pad(weights, (m - 1, m - 1))
        weights = padded.unfold(0, m, 1).sum(-1)
    matrix = torch.zeros(m * grid_size + k, grid_size + k, dtype=torch.float64)
    for j in range(grid_size + k):
        for i, weight in enumerate(weights.tolist()):
            row = m * (j - k) + k + i
            if 0 <= row < len(matrix):  # the others vanish on the range
                matrix[row, j] = weight / m**k
    return matrix


def quantile_knots(samples: Tensor, grid_size: int, spline_order: int, uniform_share: float = 0.02) -> Tensor:
    """(features, grid_size + 2 k + 1): knots at quantiles of `samples` (n, features), going on evenly at both ends.

    A share of an even grid over the samples' range keeps knots apart where samples repeat; ValueError unless it lies
    above 0 and at most at 1.
    """
    if not 0 < uniform_share <= 1:
        raise ValueError(f"uniform_share is {uniform_share}; it must be above 0 and at most 1")
    share = torch.linspace(0, 1, grid_size + 1, dtype=samples.dtype)
    low, high = samples.amin(0), samples.amax(0)
    step = (high - low) / grid_size
    even = low + share.unsqueeze(-1) * (high - low)
    inner = uniform_share * even + (1 - uniform_share) * torch.quantile(samples, share, dim=0)
    beyond = torch.arange(1, spline_order + 1).unsqueeze(-1) * step
    return torch.cat([low - beyond.flip(0), inner, high + beyond]).T.contiguous()


def spline_basis(layer: KANLayer) -> UniformSpline | KnotSpline:
    """The basis of a B-spline layer; TypeError for another, ValueError for weights that are not finite."""
    basis = getattr(getattr(layer, "expansion", None), "basis", None)
    if not isinstance(basis, UniformSpline | KnotSpline):
        raise TypeError(f"only the curves of a B-spline layer can be given another grid, not those of {layer}")
    broken = int(layer.weight.isfinite().logical_not().sum())
    if broken:
        raise ValueError(
            f"{broken} of the layer's {layer.weight.numel()} weights are not finite; it has no curves to keep"
        )
    return basis


def _checked(samples: Tensor, features: int, bases: int) -> Tensor:
    """The samples in float64 on the CPU."""
    if samples.dim() != 2 or samples.shape[1] != features:
        raise ValueError(f"samples have shape {tuple(samples.shape)}; it must be (n, {features})")
    if len(samples) < bases:
        raise ValueError(f"refit has {len(samples)} samples for {bases} bases; it needs at least as many samples")
    samples = samples.detach().to("cpu", torch.float64)
    if not samples.isfinite().all():
        raise ValueError("samples must be finite")
    constant = (samples.amin(0) == samples.amax(0)).nonzero().flatten().tolist()
    if constant:
        raise ValueError(f"samples of feature {constant[0]} are all {samples[0, constant[0]]:g}; they must differ")
    return samples


def _feature_count(layer: KANLayer) -> int:
    return layer.weight.shape[1] // layer.expansion.parts * layer.expansion.groups


def grid_of(layer: KANLayer) -> Grid:
    """The layer's basis and where it stands, in float64 on the CPU."""
    grid = layer.grid
    return layer.expansion.basis, None if grid is None else grid.detach().to("cpu", torch.float64)


def _evenly(grid_range: tuple, bases: int) -> Tensor:
    """Points for a fit: so many that a denser choice moves no coefficient of a smooth curve."""
    return evenly_spaced(grid_range, 20 * bases + 1)


def evenly_spaced(grid_range: tuple, points: int) -> Tensor:
    """(points, features): points of each feature's range, both ends included; one column when all share one range."""
    low, high = (torch.as_tensor(end).detach().to("cpu", torch.float64) for end in grid_range)
    share = torch.linspace(0, 1, points, dtype=torch.float64).unsqueeze(-1)
    return low + share * (high - low)


def basis_values(grid: Grid, u: Tensor) -> Tensor:
    """The bases at u (points, features): (features, points, bases), features 1 when all are alike."""
    basis, where = grid
    if where is not None and where.dim() == 2:
        features = where.shape[1] if isinstance(basis, UniformSpline) else where.shape[0]
        u = u.expand(-1, features)
    return torch.stack(list(basis.values(u, where)), dim=-1).movedim(1, 0)


def _by_feature(layer: KANLayer, scaled: bool = False) -> Tensor:
    """The coefficients in float64, (features, bases, curves): a feature's curves are those of all its edges."""
    weight = layer.spline_weight.detach().to("cpu", torch.float64)  # (out, in / groups, bases, *kernel)
    if scaled and layer.spline_scaler is not None:
        weight = weight * layer.spline_scaler.detach().to("cpu", torch.float64).unsqueeze(2)
    groups, (out, inputs, bases) = layer.expansion.groups, weight.shape[:3]
    grouped = weight.reshape(groups, out // groups, inputs, bases, -1)
    return grouped.permute(0, 2, 3, 1, 4).flatten(0, 1).flatten(2)


def _fitted(layer: KANLayer, grid: Grid, u: Tensor) -> KANLayer:
    """The layer on another grid, its raw curves fitted at the points u (points, features or 1)."""
    dtype = layer.weight.dtype
    where = None if grid[1] is None else grid[1].to("cpu", dtype).to(torch.float64)  # as the layer will store it
    with torch.no_grad():
        wanted = basis_values(grid_of(layer), u) @ _by_feature(layer)
        design = basis_values((grid[0], where), u)
    if len(design) == 1:  # all features share one design: one problem with many right-hand sides
        features = len(wanted)
        solution = torch.linalg.lstsq(design[0], wanted.movedim(0, 1).flatten(1), driver="gelsd").solution
        return _rebuilt(layer, grid, solution.unflatten(1, (features, -1)).movedim(1, 0))
    return _rebuilt(layer, grid, torch.linalg.lstsq(design, wanted, driver="gelsd").solution)


@torch.no_grad()
def _rebuilt(layer: KANLayer, grid: Grid, coefficients: Tensor) -> KANLayer:
    """A copy of the layer with another basis and the coefficients (features, bases, curves)."""
    basis, where = grid
    kernel, groups = layer.weight.shape[2:], layer.expansion.groups
    grouped = coefficients.unflatten(0, (groups, -1)).unflatten(3, (-1, math.prod(kernel)))
    spline = grouped.permute(0, 3, 2, 1, 4).flatten(0, 1)  # (out, bases, in / groups, kernel)
    spline = spline.unflatten(3, kernel) if kernel else spline.squeeze(3)
    parts = [spline.to(layer.weight)]
    if layer.base_weight is not None:
        parts.insert(0, layer.base_weight.unsqueeze(1))
    new = copy.deepcopy(layer)
    new.expansion = replace(layer.expansion, basis=basis)
    new.weight = nn.Parameter(torch.cat(parts, dim=1).flatten(1, 2), requires_grad=layer.weight.requires_grad)
    new.grid = None if where is None else where.to(layer.weight)
    if isinstance(basis, KnotSpline) and new.grid is not None:
        check_knots(new.grid, basis.spline_order)
    return new
