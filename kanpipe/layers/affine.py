"""On inputs of 0 and 1 a KAN layer is affine: each of its functions takes two values there."""

import torch
from torch import nn


@torch.no_grad()
def affine_on_bits(layer: nn.Module, in_features: int) -> nn.Linear:
    """The ordinary layer with the outputs of `layer` on inputs (..., in_features) that are 0 or 1.

    It is so for every layer whose outputs are sums of functions of one input each: bias = y(0), and column i of the
    weight = y(e_i) - y(0). A layer with a norm over its inputs has no such twin, and what is returned then differs.
    """
    weight = next(layer.parameters())
    zero = torch.zeros(1, in_features, dtype=weight.dtype, device=weight.device)
    bias = layer(zero)
    columns = layer(torch.eye(in_features, dtype=weight.dtype, device=weight.device)) - bias
    twin = nn.Linear(in_features, bias.shape[-1], dtype=weight.dtype, device=weight.device)
    twin.weight.copy_(columns.T)
    assert twin.bias is not None
    twin.bias.copy_(bias[0])
    return twin
