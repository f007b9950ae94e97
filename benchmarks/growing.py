"""What it is worth to change grids in place while a network trains (kanpipe/layers/growing.py).

A KAN 2-5-1 of cubic splines is fitted to exp(sin(pi x) + y^2), full batch, with Adam. `refine`: from 3 intervals to
24 in three doublings, with the optimizer's memory carried or with a new optimizer after each, against 24 or 3 intervals
from the start. `range`: the same network on inputs three times as wide as its grid, which is looked at every 50 steps
and widened when more than a share of a layer's inputs lies outside. Writes growing.csv beside this file, and the
tables into docs/growing.md.

    python benchmarks/growing.py [--seeds 10] [--steps 400]
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rendering import between_marks
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from kanpipe.files import write_table
from kanpipe.layers import KANLinear
from kanpipe.layers.diagnostics import observe_inputs
from kanpipe.layers.growing import refine_, update_range_

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "growing.md"
COARSE, DOUBLINGS = 3, 3
RATES, CHECKED_EVERY, WIDE = (1e-2, 1e-1), 50, 3.0
HIDDEN = 4.0  # half width of the second layer's range in `refine`: what lies outside changes with the grid
THRESHOLDS = (math.inf, 0.5, 0.2, 0.05, 0.0)  # of update_range_; at infinity it is never called

Trained = tuple[nn.Module, list[float], float]  # the network, the loss before each step, seconds


def target(x: Tensor) -> Tensor:
    """(n, 2) -> (n, 1)"""
    return torch.exp(torch.sin(math.pi * x[:, :1]) + x[:, 1:] ** 2)


def points(seed: int, width: float = 1.0) -> Tensor:
    """1000 points of the square, spread over `width` times it for a network to be scaled back by."""
    draw = torch.Generator().manual_seed(seed)
    return width * (2 * torch.rand(1000, 2, generator=draw) - 1)


def network(seed: int, grid_size: int, hidden_range: float = 1.0) -> nn.Sequential:
    """2-5-1 on the grid [-1, 1], its second layer on one of that half width."""
    hidden = {"grid_range": (-hidden_range, hidden_range)}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(KANLinear(2, 5, grid_size=grid_size), KANLinear(5, 1, grid_size=grid_size, **hidden))


def train(
    model: nn.Module, x: Tensor, y: Tensor, steps: int, rate: float, before: Callable[[int, Adam], Adam]
) -> Trained:
    """Adam on the whole batch; `before` each step may change the model, and gives the optimizer to go on with."""
    optimizer, losses, start = Adam(model.parameters(), lr=rate), [], time.process_time()
    for step in range(steps):
        optimizer = before(step, optimizer)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses, time.process_time() - start


def refined(model: nn.Module, every: int, rate: float, carried: bool) -> Callable[[int, Adam], Adam]:
    def before(step: int, optimizer: Adam) -> Adam:
        if step == 0 or step % every:
            return optimizer
        refine_(model, optimizer=optimizer if carried else None)
        return optimizer if carried else Adam(model.parameters(), lr=rate)

    return before


def refinements(seed: int, steps: int) -> Iterator[dict[str, Any]]:
    """A row for each way to 24 intervals, and for staying at 3."""
    x, test = points(seed), points(1000 + seed)
    stages = DOUBLINGS + 1
    ways = {
        "refined, memory carried": (COARSE, True),
        "refined, new optimizer": (COARSE, False),
        "24 intervals from the start": (COARSE * 2**DOUBLINGS, None),
        "3 intervals": (COARSE, None),
    }
    for rate, (way, (grid_size, carried)) in product(RATES, ways.items()):
        model = network(seed, grid_size, HIDDEN)
        before = refined(model, steps, rate, carried) if carried is not None else lambda step, optimizer: optimizer
        model, losses, seconds = train(model, x, target(x), stages * steps, rate, before)
        jumps = [max(losses[i * steps : i * steps + 20]) / losses[i * steps - 1] for i in range(1, stages)]
        lost = [_recovery(losses, i * steps) for i in range(1, stages)]
        known = carried is not None
        yield {
            "way": f"{way}, rate {rate:g}",
            "seed": seed,
            "test_rmse": _error(model, test, target(test)),
            "seconds": seconds,
            "jump": max(jumps) if known else math.nan,
            "steps_lost": sum(lost) / len(lost) if known else math.nan,
        }


def _recovery(losses: list[float], start: int) -> int:
    """Steps after `start` until the loss is below that before it for good, within the stage."""
    later = losses[start : start + len(losses) // (DOUBLINGS + 1)]
    above = [i for i, loss in enumerate(later) if loss > losses[start - 1]]
    return above[-1] + 1 if above else 0


@torch.no_grad()
def _error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return math.sqrt(F.mse_loss(model(x), y).item())


def ranges(seed: int, steps: int) -> Iterator[dict[str, Any]]:
    """A row for each threshold."""
    x, test = points(seed, WIDE), points(1000 + seed, WIDE)
    for outside in THRESHOLDS:
        model, changes = network(seed, 8), []

        def before(step: int, optimizer: Adam, model=model, outside=outside, changes=changes) -> Adam:
            if step % CHECKED_EVERY == 0 and outside < math.inf:
                inputs: dict[nn.Module, Tensor] = {}
                with (
                    observe_inputs(model, lambda name, layer, u, inputs=inputs: inputs.update({layer: u})),
                    torch.no_grad(),
                ):
                    model(x)
                changes.extend(
                    update_range_(layer, u, outside=outside, optimizer=optimizer) for layer, u in inputs.items()
                )
            return optimizer

        model, _, seconds = train(model, x, target(x / WIDE), 4 * steps, RATES[0], before)
        yield {
            "outside": outside,
            "seed": seed,
            "test_rmse": _error(model, test, target(test / WIDE)),
            "seconds": seconds,
            "changes": sum(changes),
        }


def table(rows: pd.DataFrame, by: str) -> str:
    """Markdown: medians over the seeds, with the quartiles of the error."""
    found = []
    for name, runs in rows.groupby(by, sort=False):
        low, middle, high = runs["test_rmse"].quantile([0.25, 0.5, 0.75])
        cells = {
            by: name,
            "test RMSE": f"{middle:.2g} [{low:.2g}, {high:.2g}]",
            "CPU s": f"{runs['seconds'].median():.1f}",
        }
        others = runs.drop(columns=[by, "seed", "test_rmse", "seconds"]).median()
        found.append(cells | {key.replace("_", " "): "" if math.isnan(v) else f"{v:.3g}" for key, v in others.items()})
    return pd.DataFrame(found).to_markdown(index=False, disable_numparse=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--steps", type=int, default=400, help="steps on each grid")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    frames = {}
    for name, by, rows in (("refine", "way", refinements), ("range", "outside", ranges)):
        found = [row for seed in range(chosen.seeds) for row in rows(seed, chosen.steps)]
        frames[name] = pd.DataFrame(found)
        between_marks(PAGE, f"growing.{name}", table(frames[name], by))
        print(table(frames[name], by), flush=True)
    write_table(HERE / "growing.csv", pd.concat(frames, names=["study"]).reset_index("study"))


if __name__ == "__main__":
    main()
