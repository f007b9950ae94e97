"""The expansion of an input into features, and its two ways to the gradient.

A KAN layer is an ordinary layer on the features [b(x), B_0(u), ..., B_n(u)]: the base activation b of the input x
and the basis functions of u, which is x itself or a normalised x. `expand` keeps x and u for the backward pass, and
the ordinary layer keeps the features; `expanded_product` keeps x, u and the weight alone and makes the features a
second time when it goes back.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kanpipe.layers import in_blocks
from kanpipe.layers.bases import Basis


def _silu_pullback(grad: Tensor, x: Tensor) -> Tensor:
    sigmoid = torch.sigmoid(x)  # torch's own silu_backward has no derivative, which second gradients need
    return grad * sigmoid * (1 + x * (1 - sigmoid))


# name: (the activation, from the gradient of its value and its input to the gradient of its input)
BASE_ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "silu": (F.silu, _silu_pullback),
    "gelu": (F.gelu, torch.ops.aten.gelu_backward),
    "identity": (lambda x: x, lambda grad, x: grad),
}
# the same pullbacks for who differentiates no further
QUICK_PULLBACKS = {name: pullback for name, (_, pullback) in BASE_ACTIVATIONS.items()}
QUICK_PULLBACKS["silu"] = torch.ops.aten.silu_backward.default
SHORT = 32  # numbers in a row of a gradient: fewer are not pulled back in vectors where rows lie apart


@dataclass(frozen=True)
class Expansion:
    """Which features are made of an input: base activation first (unless None), then basis after basis.

    They follow one another along the dimension `dim`, group by group when there are `groups` of channels.
    """

    basis: Basis
    base_activation: str | None = None
    dim: int = -1
    groups: int = 1

    @property
    def parts(self) -> int:
        """How many features an input is expanded to."""
        return self.basis.size + (self.base_activation is not None)

    def features(self, x: Tensor, u: Tensor, grid: Tensor | None) -> Tensor:
        """x and u of shape (..., in, ...) -> (..., parts * in, ...) of at least float32."""
        base = None if self.base_activation is None else BASE_ACTIVATIONS[self.base_activation][0](_wide(x))
        wide = _wide(u)
        if in_blocks.suits(self, wide, grid):
            return in_blocks.features(self, base, wide, grid)
        parts = list(self.basis.values(wide, grid))
        return self._join(parts if base is None else [base, *parts])

    def pullback(self, x: Tensor, u: Tensor, grid: Tensor | None, grad: Tensor) -> tuple[Tensor | None, Tensor]:
        """From the gradient of the features to those of x (None without a base activation) and of u."""
        wide, name = _wide(u), self.base_activation
        quick = in_blocks.suits(self, wide, grid, grad)
        if quick:
            grad_u = in_blocks.pullback(self, wide, grid, grad).to(u.dtype)
        else:
            grad_u = self.basis.pullback(wide, grid, self._split(grad)[name is not None :]).to(u.dtype)
        if name is None:
            return None, grad_u
        of_base, pull = self._split(grad)[0], BASE_ACTIVATIONS[name][1]
        if quick:
            pull = QUICK_PULLBACKS[name]
            if math.prod(of_base.shape[self.dim :]) < SHORT:
                of_base = of_base.contiguous()
        return pull(of_base, _wide(x)).to(x.dtype), grad_u

    def pushforward(self, x: Tensor, u: Tensor, grid: Tensor | None, dx: Tensor, du: Tensor) -> Tensor:
        """From the tangents of x and of u to that of the features."""
        parts = [slope * _wide(du) for slope in self.basis.slopes(_wide(u), grid)]
        if self.base_activation is not None:  # elementwise, so tangents and gradients take the same factor
            parts.insert(0, BASE_ACTIVATIONS[self.base_activation][1](_wide(dx), _wide(x)))
        return self._join(parts)

    def _join(self, parts: list[Tensor]) -> Tensor:
        if self.groups == 1:
            return torch.cat(parts, dim=self.dim)
        grouped = [part.unflatten(self.dim, (self.groups, -1)) for part in parts]
        return torch.cat(grouped, dim=self.dim).flatten(self.dim - 1, self.dim)

    def _split(self, grad: Tensor) -> list[Tensor]:
        if self.groups == 1:
            return list(grad.chunk(self.parts, dim=self.dim))
        at = grad.dim() + self.dim  # shapes are written out, since `unflatten` takes no batch of gradients
        before, after = grad.shape[:at], grad.shape[at + 1 :]
        size = grad.shape[at] // self.groups  # and no -1, which is not known of an empty batch
        grouped = grad.view(*before, self.groups, size, *after).chunk(self.parts, dim=self.dim)
        return [part.reshape(*before, grad.shape[at] // self.parts, *after) for part in grouped]


def _wide(x: Tensor) -> Tensor:
    """Half precision as float32, in which a basis is exact to 1e-6 where bfloat16 would lose 1e-2."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def expand(x: Tensor, expansion: Expansion, u: Tensor | None = None, grid: Tensor | None = None) -> Tensor:
    """The features of `x`, and of `u` where the bases see another tensor; the backward pass keeps these alone."""
    return _form(_Expand, _ExpandTangents, _PlainExpand).apply(x, u, grid, expansion)


AutogradFunction = type[torch.autograd.Function]


def _form(function: AutogradFunction, with_tangents: AutogradFunction, plain: AutogradFunction) -> AutogradFunction:
    """The autograd function as who calls it takes it.

    A compiler takes none that has a forward mode, and needs none; a transform of torch.func takes none that is plain.
    """
    if torch.compiler.is_compiling():
        return function
    return with_tangents if torch._C._are_functorch_transforms_active() else plain


def called_plainly(function: AutogradFunction) -> AutogradFunction:
    """The same without `setup_context`: with it torch binds the arguments to their names in every call."""

    class Plain(function):  # type: ignore[misc, valid-type]
        setup_context = staticmethod(torch.autograd.Function.setup_context)

        @staticmethod
        def forward(ctx, *inputs) -> Tensor:
            output = function.forward(*inputs)
            function.setup_context(ctx, inputs, output)
            return output

    return Plain


def _with_signature(function: type) -> type:
    """Keep the signature of `forward`, which torch would else work out anew, some 60 microseconds, in every call."""
    function.forward.__signature__ = inspect.signature(function.forward)  # type: ignore[attr-defined]
    return function


@_with_signature
class _Expand(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, u: Tensor | None, grid: Tensor | None, expansion: Expansion) -> Tensor:
        return expansion.features(x, x if u is None else u, grid)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        *tensors, ctx.expansion = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, u, grid = ctx.saved_tensors
        return *_input_gradients(ctx.expansion, x, u, grid, grad), None, None


class _ExpandTangents(_Expand):
    @staticmethod
    def jvp(ctx, dx: Tensor | None, du: Tensor | None, *others: None) -> Tensor:
        x, u, grid = ctx.saved_tensors
        return _feature_tangent(ctx.expansion, x, u, grid, dx, du)


_PlainExpand = called_plainly(_ExpandTangents)


def _feature_tangent(expansion, x, u, grid, dx, du) -> Tensor:
    """The tangent of the features; with u left out, x is what the bases see."""
    dx = torch.zeros_like(x) if dx is None else dx
    if u is None:
        return expansion.pushforward(x, x, grid, dx, dx)
    return expansion.pushforward(x, u, grid, dx, torch.zeros_like(u) if du is None else du)


def _input_gradients(expansion, x, u, grid, grad) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of x and of u; with u left out, x has both."""
    grad_x, grad_u = expansion.pullback(x, x if u is None else u, grid, grad)
    if u is not None:
        return grad_x, grad_u
    return (grad_u if grad_x is None else grad_x + grad_u), None


@dataclass(frozen=True)
class Linear:
    """features (..., parts * in), weight (out, parts * in) -> (..., out)."""

    def forward(self, features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.linear(features, weight, bias)

    def backward(self, grad: Tensor, features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of the features and of the weight."""
        rows = grad.reshape(-1, grad.shape[-1])
        return grad @ weight, rows.T @ features.reshape(-1, features.shape[-1])


@dataclass(frozen=True)
class Convolution:
    """features (..., parts * in, height, width), weight (out, parts * in / groups, *kernel) -> (..., out, ., .)."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def forward(self, features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        weight = _ordered_like(features, weight)
        return F.conv2d(features, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def backward(self, grad: Tensor, features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of the features and of the weight."""
        no_batch = features.dim() == 3
        if no_batch:
            grad, features = grad.unsqueeze(0), features.unsqueeze(0)
        weight = _ordered_like(features, weight)
        options = (self.stride, self.padding, self.dilation, False, (0, 0), self.groups, (True, True, False))
        grad_features, grad_weight, _ = torch.ops.aten.convolution_backward(grad, features, weight, None, *options)
        return grad_features.squeeze(0) if no_batch else grad_features, grad_weight


def _ordered_like(features: Tensor, weight: Tensor) -> Tensor:
    """The weight in the memory order of the features, where torch would else bring these, which are more, into its."""
    if torch.compiler.is_compiling() or features.device.type != "cpu" or not features.is_contiguous():
        return weight
    return weight.flatten().view(weight.shape)


def expanded_product(x, weight, expansion, product, u=None, grid=None, dtype=None) -> Tensor:
    """`product.forward(features, weight)` that keeps x, u and the weight alone, not the features.

    The features and the weight enter the product as `dtype` (the dtype of the features when None).
    """
    function = _form(_ExpandedProduct, _ExpandedProductTangents, _PlainExpandedProduct)
    return function.apply(x, u, grid, weight, expansion, product, dtype)


@_with_signature
class _ExpandedProduct(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, u, grid, weight, expansion, product, dtype) -> Tensor:
        features = expansion.features(x, x if u is None else u, grid)
        return product.forward(features.to(dtype), weight.to(dtype))

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        *tensors, ctx.expansion, ctx.product, ctx.dtype = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, u, grid, weight = ctx.saved_tensors
        features = ctx.expansion.features(x, x if u is None else u, grid).to(ctx.dtype)
        grad_features, grad_weight = ctx.product.backward(grad, features, weight.to(ctx.dtype))
        grad_x, grad_u = _input_gradients(ctx.expansion, x, u, grid, _wide(grad_features))
        return grad_x, grad_u, None, grad_weight.to(weight.dtype), None, None, None


class _ExpandedProductTangents(_ExpandedProduct):
    @staticmethod
    def jvp(ctx, dx, du, _, d_weight, *others) -> Tensor:
        (x, u, grid, weight), expansion, product = ctx.saved_tensors, ctx.expansion, ctx.product
        d_features = _feature_tangent(expansion, x, u, grid, dx, du)
        tangent = product.forward(d_features.to(ctx.dtype), weight.to(ctx.dtype))
        if d_weight is None:
            return tangent
        features = expansion.features(x, x if u is None else u, grid)
        return tangent + product.forward(features.to(ctx.dtype), d_weight.to(ctx.dtype))


_PlainExpandedProduct = called_plainly(_ExpandedProductTangents)
