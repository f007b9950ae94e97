"""Features and their pullback in few passes and few calls, for layers that are not compiled.

An eager basis is some fifteen passes over memory for every function, and as many calls, each of which takes as long as
a pass over some ten thousand numbers. Here all functions of all inputs are computed at once and in place, and many in
blocks, or in one pass where the basis has `kernels` for it. Features have the bits that `bases` and `splines` give,
gradients may differ from them in the last places. What a compiler, a tracer, a transform of torch.func or a further
derivative has to see takes the other way, and so does a GPU.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import forward_ad

from kanpipe.layers import kernels
from kanpipe.layers.bases import InPlaceShifts, times_

if TYPE_CHECKING:
    from kanpipe.layers.expansion import Expansion

BLOCK = 2**18  # elements of all functions: fewer cost calls, more leave the caches; 2**16 to 2**20 are within 2 %


def suits(expansion: "Expansion", u: Tensor, grid: Tensor | None, *gradients: Tensor) -> bool:
    """Whether the features of u, in the precision of the basis, or from their gradient its own, can be made here."""
    return (
        isinstance(expansion.basis, InPlaceShifts)
        and (grid is None or expansion.dim == -1)
        and u.device.type == "cpu"
        and u.is_contiguous()
        and type(u) in (Tensor, torch.nn.Parameter)
        and unwatched(*gradients)
    )


def unwatched(*gradients: Tensor) -> bool:
    """Whether nothing has to see single operations: no derivative, compiler, tracer or transform, nor batches of
    gradients, which `torch.autograd.grad` takes with `is_grads_batched`.
    """
    return not torch.is_grad_enabled() and runs_plainly() and not any(map(_is_batch, gradients))


_is_batch = torch._C._functorch.is_legacy_batchedtensor


def runs_plainly() -> bool:
    """Whether operations are but carried out, and recorded for a backward pass at most."""
    return (
        forward_ad._current_level < 0
        and not torch.compiler.is_compiling()
        and not torch._C._is_tracing()
        and not torch._C._are_functorch_transforms_active()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._ops._len_torch_dispatch_stack_pre_dispatch() == 0
    )


def features(expansion: "Expansion", base: Tensor | None, u: Tensor, grid: Tensor | None) -> Tensor:
    """What `Expansion.features` gives for the values `base` of the base activation and the basis at u."""
    plan, (rows, width) = _plan(expansion, u.dtype, grid), _rows(expansion, u)
    out = u.new_empty(rows, plan.parts, width)
    if base is not None:
        out[:, 0] = base.reshape(rows, width)
    if plan.one_pass and kernels.enabled:
        plan.one_pass.values(u.view(rows, width), plan.centres, float(plan.scale), out)
    else:
        functions = out[:, plan.parts - len(plan.centres) :].transpose(0, 1)
        for block, of_functions in _blocks(plan, u.view(1, rows, width), functions):
            plan.basis.value_(block - plan.centres, plan.scale, of_functions)
    shape = list(u.shape)
    shape[expansion.dim] *= plan.parts
    return out.view(shape)


def pullback(expansion: "Expansion", u: Tensor, grid: Tensor | None, grad: Tensor) -> Tensor:
    """What `Basis.pullback` gives for the gradient of all features."""
    plan, (rows, width) = _plan(expansion, u.dtype, grid), _rows(expansion, u)
    grads, total = grad.reshape(rows, plan.parts, width), torch.empty_like(u)
    if plan.one_pass and kernels.enabled:
        plan.one_pass.pullback(u.view(rows, width), plan.centres, float(plan.scale), grads, total.view(rows, width))
    else:
        of_basis = grads[:, plan.parts - len(plan.centres) :].transpose(0, 1)
        tensors = u.view(1, rows, width), total.view(1, rows, width), of_basis
        for block, sums, of_functions in _blocks(plan, *tensors):
            slopes = plan.basis.slope_(block - plan.centres, plan.scale).mul_(of_functions)
            torch.sum(slopes, 0, keepdim=True, out=sums)
    return times_(total, plan.slope_scale)


@dataclass(frozen=True)
class _Plan:
    """What is known of an expansion before its input; centres (functions, 1, 1), or (functions, 1, columns)."""

    basis: InPlaceShifts
    parts: int
    centres: Tensor
    scale: float | Tensor
    slope_scale: float | Tensor
    one_pass: kernels.Kernels | None


def _plan(expansion: "Expansion", dtype: torch.dtype, grid: Tensor | None) -> _Plan:
    return _lasting_plan(expansion, dtype) if grid is None else _plan_on(grid.to(dtype), expansion, dtype)


@lru_cache(maxsize=256)
def _lasting_plan(expansion: "Expansion", dtype: torch.dtype) -> _Plan:
    return _plan_on(None, expansion, dtype)


def _plan_on(grid: Tensor | None, expansion: "Expansion", dtype: torch.dtype) -> _Plan:
    basis = expansion.basis
    assert isinstance(basis, InPlaceShifts), "see `suits`"
    points = [torch.as_tensor(point, dtype=dtype, device="cpu") for point in basis.centres(grid)]
    centres = torch.stack(points).view(basis.size, 1, -1)
    one_pass = basis.kernels(dtype) if grid is None else None
    return _Plan(basis, expansion.parts, centres, basis.scale(grid), basis.slope_scale(grid), one_pass)


def _rows(expansion: "Expansion", u: Tensor) -> tuple[int, int]:
    """How many rows there are, one for each vector of features or group of channels, and how many columns."""
    rows = math.prod(u.shape[: expansion.dim]) * expansion.groups
    return rows, math.prod(u.shape[expansion.dim :]) // expansion.groups


def _blocks(plan: _Plan, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Blocks of rows, and of columns of long rows where all are alike, of tensors (..., rows, columns)."""
    size, columns = len(plan.centres), tensors[0].shape[2]
    if size * tensors[0].numel() <= BLOCK:
        yield tensors
        return
    if plan.centres.shape[2] == 1:
        columns = max(1, min(columns, BLOCK // size))
    height = max(1, BLOCK // (size * columns))
    for rows in zip(*(tensor.split(height, 1) for tensor in tensors), strict=True):
        yield from zip(*(tensor.split(columns, 2) for tensor in rows), strict=True)
