"""The weight of a KAN layer as its product takes it: with the scaler multiplied into the spline part."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kanpipe.layers import in_blocks
from kanpipe.layers.expansion import called_plainly


def packed(weight: Tensor, scaler: Tensor, has_base: bool) -> Tensor:
    """weight (out, parts * in, *kernel) with all its parts but the base multiplied by the scaler (out, in, *kernel)."""
    if torch.compiler.is_compiling():
        return _Packed.apply(weight, scaler, has_base)
    return (_PlainPacked.apply if in_blocks.runs_plainly() else _product)(weight, scaler, has_base)


def _product(weight: Tensor, scaler: Tensor, has_base: bool) -> Tensor:
    parts = weight.unflatten(1, (-1, scaler.shape[1]))
    scaled = parts[:, has_base:] * scaler.unsqueeze(1)
    return torch.cat([parts[:, :1], scaled], dim=1).flatten(1, 2) if has_base else scaled.flatten(1, 2)


def _times(weight: Tensor, scaler: Tensor, has_base: bool) -> Tensor:
    """`_product`, each number of which is written once."""
    out = torch.empty_like(weight)
    parts, of_weight = (tensor.unflatten(1, (-1, scaler.shape[1])) for tensor in (out, weight))
    parts[:, :has_base].copy_(of_weight[:, :has_base])
    torch.mul(of_weight[:, has_base:], scaler.unsqueeze(1), out=parts[:, has_base:])
    return out


class _Packed(torch.autograd.Function):
    """The same product, whose gradients are formed in one pass over memory: part by part, without a reduction.

    Autograd's own are a reduction and a sum of slices, for which it reads the gradient twice.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, scaler: Tensor, has_base: bool) -> Tensor:
        return (_times if in_blocks.unwatched() else _product)(weight, scaler, has_base)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        *tensors, ctx.has_base = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        weight, scaler = ctx.saved_tensors
        base, spline = _split(grad, scaler, ctx.has_base)
        _, factors = _split(weight, scaler, ctx.has_base)
        grad_scaler, alone = spline[0] * factors[0], in_blocks.unwatched(grad)
        add = Tensor.addcmul_ if alone else Tensor.addcmul
        for part, factor in zip(spline[1:], factors[1:], strict=True):
            grad_scaler = add(grad_scaler, part, factor)
        if alone:
            return _times(grad, scaler, ctx.has_base), grad_scaler, None
        return torch.cat([*base, *(part * scaler for part in spline)], dim=1), grad_scaler, None


_PlainPacked = called_plainly(_Packed)


def _split(weight: Tensor, scaler: Tensor, has_base: bool) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """The base part, if there is one, and the spline parts, each of the scaler's shape."""
    rows, _, *kernel = weight.shape
    parts = weight.view(rows, -1, scaler.shape[1], *kernel).unbind(1)  # `unflatten` takes no batch of gradients
    return parts[:has_base], parts[has_base:]
