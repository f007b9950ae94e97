"""Operations of forward passes and of training steps, as they are carried out."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def training_flops(model: nn.Module, *batch: Tensor, with_inputs: bool = False) -> int:
    """What the forward and the backward pass of `model` take on a batch, a multiplication and an addition being two.

    Counted are the products, of matrices and in convolutions, as they are carried out, once, on the device of the
    model; what is done element by element, such as evaluating bases, does not count. The gradients are those of the
    parameters, and `with_inputs` of the batch as well. No gradient is left behind.
    """
    leaves = [part.detach().requires_grad_() for part in batch] if with_inputs else []
    seen = [leaf.clone() for leaf in leaves] or batch  # the counter takes no leaf of which a gradient is asked
    with FlopCounterMode(display=False) as counter:
        torch.autograd.grad(model(*seen).sum(), [*leaves, *model.parameters()], allow_unused=True)
    return counter.get_total_flops()


@torch.no_grad()
def multiplications(model: nn.Module, *batch: Tensor) -> int:
    """Those of the forward pass of `model` on a batch, in products of matrices and in convolutions alone.

    What is done element by element, such as norms and evaluating bases, does not count. The model is called in the
    mode that it is in; in training mode its batch norms see the batch.
    """
    with FlopCounterMode(display=False) as counter:
        model(*batch)
    return counter.get_total_flops() // 2  # an addition goes with every multiplication
