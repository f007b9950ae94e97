"""What the networks take to classify an image."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@torch.no_grad()
def multiplications(model: nn.Module, input_shape: tuple[int, ...] = (1, 28, 28)) -> int:
    """Multiplications of the forward pass on one image, of matrix products and convolutions alone.

    What is done element by element, such as norms and evaluating bases, does not count. The model is called in the
    mode that it is in; in training mode its batch norms see an image of zeros.
    """
    some = next(model.parameters())
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *input_shape, device=some.device, dtype=some.dtype))
    return counter.get_total_flops() // 2  # an addition goes with every multiplication
