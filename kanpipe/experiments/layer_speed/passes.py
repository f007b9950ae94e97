"""One forward and one backward pass of a network, as a piece of work that can be timed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.evaluation.timing import Work

FORWARD, BACKWARD = 0, -1  # the phases of a pass; the loss, where there is one, stands between them


def passes(network: nn.Module, x: Tensor, draw: torch.Generator) -> Work:
    """From the input to the output, and from a given gradient of the output to those of the input and parameters."""
    wanted = [x.requires_grad_(), *_trained(network)]
    gradient = torch.randn(network(x).shape, generator=draw, device=x.device)

    def work(mark: Callable[[], None]) -> None:
        output = network(x)
        mark()
        torch.autograd.grad(output, wanted, gradient.to(output.dtype))

    return work


def training_passes(network: nn.Module, x: Tensor, draw: torch.Generator) -> Work:
    """From data to the output, through the mean squared error of a random target, and to the parameters' gradients."""
    wanted = _trained(network)
    target = torch.randn(network(x).shape, generator=draw, device=x.device)

    def work(mark: Callable[[], None]) -> None:
        output = network(x)
        mark()
        loss = F.mse_loss(output, target)
        mark()
        torch.autograd.grad(loss, wanted)

    return work


def _trained(network: nn.Module) -> list[Tensor]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]
