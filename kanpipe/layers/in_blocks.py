"""Features and their pullback block by block, for layers that are not compiled.

An eager basis is some fifteen passes over memory for every function. Here all functions of a block of rows are computed
at once, in buffers that stay in a cache and are used again. The operations and their order are those of `bases` and
`splines`, so the numbers are the same bits; what a compiler, a tracer, a transform of torch.func or a second derivative
has to see takes the other way, and so does a GPU.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from kanpipe.layers.bases import InPlaceShifts

if TYPE_CHECKING:
    from kanpipe.layers.expansion import Expansion

BLOCK = 2**17  # elements: fewer cost calls, more leave the caches of a core; from 2**16 to 2**19 times differ by 2 %
Block = tuple[slice, slice]  # of rows and of columns


def suits(expansion: "Expansion", u: Tensor, grid: Tensor | None) -> bool:
    """Whether the features of u, in the precision of the basis, can be made block by block."""
    return (
        u.device.type == "cpu"
        and u.is_contiguous()
        and isinstance(expansion.basis, InPlaceShifts)
        and (grid is None or expansion.dim == -1)
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
        and type(u) in (Tensor, torch.nn.Parameter)
        and _get_current_dispatch_mode() is None
    )


def features(expansion: "Expansion", base: Tensor | None, u: Tensor, grid: Tensor | None) -> Tensor:
    """What `Expansion.features` gives for the values `base` of the base activation and the basis at u."""
    shape = list(u.shape)
    shape[expansion.dim] *= expansion.parts
    out = u.new_empty(shape)
    rows, parts = _rows(expansion, u), _rows(expansion, out, expansion.parts)
    if base is not None:
        parts[:, 0] = _rows(expansion, base)[:, 0]
    functions = parts[:, base is not None :]
    for where, v, room in _arguments(expansion, rows, grid):
        _basis(expansion).value_(v, functions[where[0], :, where[1]], room)
    return out


def pullback(expansion: "Expansion", u: Tensor, grid: Tensor | None, grad: Tensor) -> Tensor:
    """What `Basis.pullback` gives for the gradient of all features."""
    total = torch.zeros_like(u)
    grads = _rows(expansion, grad.contiguous(), expansion.parts)[:, expansion.base_activation is not None :]
    rows, sums = _rows(expansion, u), _rows(expansion, total)
    for (block, columns), v, room in _arguments(expansion, rows, grid):
        slopes = torch.empty_like(v)
        _basis(expansion).slope_(v, slopes, room)
        slopes.mul_(grads[block, :, columns])
        for slope in slopes.unbind(1):
            sums[block, 0, columns].add_(slope)
    return total.mul_(_basis(expansion).slope_scale(None if grid is None else grid.to(u.dtype)))


def _basis(expansion: "Expansion") -> InPlaceShifts:
    assert isinstance(expansion.basis, InPlaceShifts), "see `suits`"
    return expansion.basis


def _rows(expansion: "Expansion", tensor: Tensor, parts: int = 1) -> Tensor:
    """(rows, parts, columns): a row for each vector of features, or for each group of channels of an image."""
    rows = math.prod(tensor.shape[: tensor.dim() + expansion.dim]) * expansion.groups
    return tensor.view(rows, parts, tensor.numel() // max(rows * parts, 1))


def _arguments(expansion: "Expansion", rows: Tensor, grid: Tensor | None) -> Iterator[tuple[Block, Tensor, Tensor]]:
    """Each block with (u - centre) * scale of all functions, (rows, functions, columns), and a buffer of that shape."""
    basis, size, (count, _, width) = _basis(expansion), expansion.basis.size, rows.shape
    grid = None if grid is None else grid.to(rows.dtype)  # as in `bases`
    scale, points = basis.scale(grid), basis.centres(grid)
    stacked = rows.new_tensor(points) if grid is None else torch.stack([torch.as_tensor(point) for point in points])
    centres = stacked.view(1, size, -1)
    columns = max(1, min(width, BLOCK // size))
    height = max(1, min(count, BLOCK // (size * columns)))
    buffers = rows.new_empty(2, height * size * columns)
    for i in range(0, count, height):
        for j in range(0, width, columns):
            where = slice(i, i + height), slice(j, j + columns)
            u = rows[where[0], :, where[1]]
            shape = (len(u), size, u.shape[2])
            v, room = (buffer[: math.prod(shape)].view(shape) for buffer in buffers)
            torch.sub(u, centres if grid is None else centres[:, :, where[1]], out=v)
            yield where, v.mul_(scale[where[1]] if isinstance(scale, Tensor) else scale), room
