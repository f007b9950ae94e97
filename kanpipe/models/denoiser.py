"""The noise predictor of the swiss-roll diffusion."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kanpipe.layers.families import Family
from kanpipe.layers.finished import bare


class SwissRollDenoiser(nn.Module):
    """Predicts the noise in a point of the plane from the point and the time: 3 - hidden - 2.

    With `mlp` and three hidden layers of 32 it has 2,306 parameters, with `kan` 22,080, with `kan` and one hidden
    layer of 32 1,600 (github.com/kabachuha/kan-diffusion). As there, ordinary layers start with Xavier-uniform
    weights and biases of 0.01; all others keep their own start.
    """

    def __init__(self, family: Family, hidden: Sequence[int] = (32, 32, 32)) -> None:
        super().__init__()
        widths = [3, *hidden, 2]
        layers: list[nn.Module] = []
        for width_in, width_out in zip(widths[:-1], widths[1:], strict=True):
            layer = family.linear(width_in, width_out)
            _start_as_published(bare(layer))
            layers += [layer, family.activation()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Points (n, 2) and times t/T (n,) -> predicted noise (n, 2)."""
        return self.net(torch.cat([x, time.unsqueeze(-1)], dim=-1))


def _start_as_published(layer: nn.Module) -> None:
    if type(layer) is nn.Linear:  # no layer that is made of one
        nn.init.xavier_uniform_(layer.weight)
        nn.init.constant_(layer.bias, 0.01)
