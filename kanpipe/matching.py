"""Networks of equal size: the width at which one has as many parameters or operations as another, or takes as long.

    from kanpipe.layers import family
    from kanpipe.matching import match_parameters
    from kanpipe.models import FullyConnected

    kan = FullyConnected(family("kan"), [784, 64, 10])
    found = match_parameters(lambda width: FullyConnected(family("mlp"), [784, width, 10]), kan)  # width 639

`build` makes the network of a width; all that is asked of it is that a wider network is larger. What is counted is
counted on the meta device, without memory for weights and without computing.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from kanpipe.evaluation.flops import multiplications
from kanpipe.models.counting import parameter_count

Build = Callable[[int], nn.Module]
MOST = 2**24  # a width beyond which nobody looks for a network
GROWTH = 16  # of the widths that are tried until one is too wide
FINE = 0.05  # of a width: two that differ by less are not told apart by their times


@dataclass(frozen=True)
class Match:
    """The width that comes nearest, what its network has, and what was wanted: parameters, operations or seconds."""

    width: int
    value: float
    target: float

    @property
    def excess(self) -> float:
        """By what share of the target the network has too much; below 0 too little."""
        return self.value / self.target - 1


def match_parameters(build: Build, like: nn.Module | int) -> Match:
    """The width whose network has as many trainable parameters as `like`, or as that number, as near as can be."""
    target = like if isinstance(like, int) else parameter_count(like)
    return _nearest(lambda width: parameter_count(without_memory(lambda: build(width))), target)


def match_operations(build: Build, like: nn.Module | int, *inputs: Tensor) -> Match:
    """The width whose network has as many operations as `like`, or as that number, in a forward pass on the inputs.

    Counted are multiplications in products of matrices and in convolutions; what is done element by element, such as
    making bases, is not. Of the inputs shape and type matter alone.
    """
    batch = [x.to("meta") for x in inputs]

    def operations(model: nn.Module) -> int:
        return multiplications(model.to("meta"), *batch)

    target = like if isinstance(like, int) else operations(_copied_to_meta(like))
    return _nearest(lambda width: operations(without_memory(lambda: build(width))), target)


def match_step_time(
    build: Build, like: nn.Module, *inputs: Tensor, rounds: int = 11, block_seconds: float = 0.02
) -> Match:
    """The width whose network takes as long as `like` for a forward and a backward pass, where the inputs lie.

    Both take turns in every round, so that what else runs on the machine slows both. The value is the median of the
    rounds' ratios times the target, the median time of `like`. As measured: the width is good to some 5 % at best, and
    no width is tried twice. Needs what `kanpipe[workflow]` installs.
    """
    from kanpipe.evaluation.timing import interleaved, stopwatch

    device = inputs[0].device
    own = _step(like.to(device), inputs)
    seconds: list[float] = []

    def ratio(width: int) -> float:
        pieces = {"other": _step(build(width).to(device), inputs), "own": own}
        times = interleaved(pieces, stopwatch(device), rounds, block_seconds)
        seconds.append(torch.tensor(times["own"]).median().item())
        return torch.tensor(times["other"] / times["own"]).median().item()

    found = _nearest(ratio, 1.0, FINE)
    target = sorted(seconds)[len(seconds) // 2]
    return Match(found.width, found.value * target, target)


def _step(model: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[Callable[[], None]], None]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def work(mark: Callable[[], None]) -> None:
        torch.autograd.grad(model(*inputs).sum(), trained)

    return work


def without_memory(make: Callable[[], nn.Module]) -> nn.Module:
    """What `make` makes, on the meta device; for real where it reads its own tensors, which have no values there."""
    try:
        with torch.device("meta"):
            return make()
    except RuntimeError:
        return make()


def _copied_to_meta(model: nn.Module) -> nn.Module:
    """Another network of the same shape; the one that was given stays as it is."""
    return deepcopy(model).to("meta")


def _nearest(size: Callable[[int], float], target: float, fine: float = 0.0) -> Match:
    """The width of the size nearest to the target; ValueError where no width is large enough."""
    known = cache(size)
    low, high = 1, 1
    while known(high) < target:
        low, high = high, GROWTH * high
        if low >= MOST:
            raise ValueError(f"even at a width of {low:,} the size is {known(low):,.6g}, below {target:,.6g}")
    tries = 0
    while high - low > max(1, fine * low):
        tries += 1
        # Sizes are nearly powers of the width, so a few tries do; halving every third time bounds them where not.
        middle = (low + high) // 2 if tries % 3 == 0 else _guess(low, high, known(low), known(high), target)
        low, high = (middle, high) if known(middle) < target else (low, middle)
    width = min((low, high), key=lambda width: abs(known(width) - target))
    return Match(width, known(width), target)


def _guess(low: int, high: int, size_low: float, size_high: float, target: float) -> int:
    """A width between two, where a power of the width through their sizes meets the target."""
    if not 0 < size_low < size_high:
        return (low + high) // 2
    share = math.log(target / size_low) / math.log(size_high / size_low)
    return min(max(int(low * (high / low) ** share), low + 1), high - 1)
