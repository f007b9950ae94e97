"""A plain stack of fully connected layers, the classifier of flat images."""

from collections.abc import Sequence

from torch import Tensor, nn

from kanpipe.layers.families import Family


class FullyConnected(nn.Module):
    """Layers of the family from width to width, its activation between them and none after the last.

    With `kan`, widths 784-16-10 and biases it trains 127,066 parameters. All layers keep their family's start.
    """

    def __init__(self, family: Family, widths: Sequence[int]) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths is {list(widths)}; it must name an input and an output at least")
        layers: list[nn.Module] = []
        for width_in, width_out in zip(widths[:-1], widths[1:], strict=True):
            layers += [family.linear(width_in, width_out), family.activation()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """(..., widths[0]) -> (..., widths[-1])."""
        return self.net(x)

    def last_hidden(self, x: Tensor) -> Tensor:
        """What the last layer is given: (..., widths[0]) -> (..., widths[-2])."""
        return self.net[:-1](x)
