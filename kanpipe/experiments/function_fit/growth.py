"""How time and operations grow with width N, depth L and grid size G."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor, nn

from kanpipe.evaluation.flops import multiplications
from kanpipe.evaluation.timing import ProcessorTime, Work, interleaved
from kanpipe.experiments.function_fit.config import Growth
from kanpipe.layers.kan_linear import KANLinear


def growth(settings: Growth) -> pd.DataFrame:
    """A row for every network, axis, value and round: `seconds` of CPU time for forward and backward pass.

    `operations` are the counted multiplications of the forward pass, in products of matrices, the same in every round.
    One thing is varied at a time, the others stand at the second value of their lists.
    """
    varied = {"width": settings.widths, "depth": settings.depths, "grid_size": settings.grid_sizes}
    fixed = {axis: values[1] for axis, values in varied.items()}
    sizes = {
        (kind, axis, value): fixed | {axis: value}
        for kind in ("kan", "mlp")
        for axis, values in varied.items()
        for value in values
        if (kind, axis) != ("mlp", "grid_size")
    }
    pieces = {"/".join(map(str, key)): _work(key[0], size, settings.batch) for key, size in sizes.items()}
    times = interleaved(pieces, ProcessorTime(), settings.rounds, settings.block_seconds)
    counts = {key: multiplications(*_network(key[0], size, settings.batch)) for key, size in sizes.items()}
    rows = [
        {"kind": kind, "axis": axis, "value": value, "round": turn, "seconds": seconds}
        | {"operations": counts[kind, axis, value]}
        for (kind, axis, value), found in zip(sizes, times.values(), strict=True)
        for turn, seconds in enumerate(found[:, 0])
    ]
    return pd.DataFrame(rows)


def _work(kind: str, size: dict[str, int], batch: int) -> Work:
    """Forward and backward pass of a square network of `depth` layers."""
    network, x = _network(kind, size, batch)

    def work(mark: Callable[[], None]) -> None:
        network(x).sum().backward()

    return work


def _network(kind: str, size: dict[str, int], batch: int) -> tuple[nn.Module, Tensor]:
    """A square network of `depth` layers, and a batch for it."""
    width = size["width"]
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        layers = [_layer(kind, width, size["grid_size"]) for _ in range(size["depth"])]
        x = torch.randn(batch, width)
    return nn.Sequential(*layers), x


def _layer(kind: str, width: int, grid_size: int) -> nn.Module:
    if kind == "kan":
        return KANLinear(width, width, grid_size=grid_size, scaler=False)
    return nn.Sequential(nn.Linear(width, width), nn.SiLU())
