"""Forward and backward pass of KAN layers: ours, the published algorithms, and those of the package index.

With `--inference` forward passes alone, without gradients and of small batches, as a trained network is used.

All layers of a set-up take turns in one process, in CPU time of one thread. Peers run as their packages offer and
compiled once more; the fastest way of each with a compiler and without enters the comparison. A peer that is missing
or fails is a row that says why. Writes layers.csv and layers.md (inference.csv and inference.md) beside this file, and
the table into README.md.

    python benchmarks/layers.py [--rounds 21] [--setups linear_784_400_b32 ...] [--inference]
"""

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas as pd
import torch
from peers import PEERS, sheltered
from rendering import render, write
from torch import Tensor, nn

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import blocks, parsed
from kanpipe.evaluation.timing import ProcessorTime, Work, interleaved, saved_bytes
from kanpipe.experiments.layer_speed.contenders import Setup, input_shape, network
from kanpipe.experiments.layer_speed.passes import passes
from kanpipe.jobs import keep_freed_memory
from kanpipe.layers import KANConv2d, kernels
from kanpipe.machine import Machine, seeded
from kanpipe.medians import estimate, paired_ratio

HERE = Path(__file__).parent
ENTRY = effective(load_yaml(HERE.parent / "config.yaml"))["experiments"]["layer_speed"]
SETUPS: dict[str, Setup] = parsed("layer_speed", blocks(ENTRY, "speed")).problem.setups
OURS = ("kan", "kan_recompute", "fastkan", "fasterkan")
ONCE = ("mlp", "floor")  # nothing in them to compile
INFERRED = ("linear_784_400_b32", "linear_256_128_b256")
IN_ONE_PASS, NO_NUMBA = ("kan", "kan_recompute"), "without Numba"


@dataclass
class Row:
    """A layer in a set-up: how it is run, or why it is not."""

    layer: str
    mode: str = ""
    work: Work | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    note: str = ""


MakeWork = Callable[[nn.Module, Tensor, torch.Generator], Work]


def forward(layer: nn.Module, x: Tensor, draw: torch.Generator) -> Work:
    """A forward pass alone, like `passes`."""

    def work(mark: Callable[[], None]) -> None:
        with torch.no_grad():
            layer(x)

    return work


def candidates(setup: Setup, make: MakeWork) -> list[Row]:
    """Every way of running every layer that works in the set-up, and a row for each layer that does not."""
    rows = [_row(name, "eager", _network(name, setup), _input(name, setup), make) for name in ONCE]
    for name in ("cox_de_boor", *OURS):
        rows += _modes(name, "", _network(name, setup), _input(name, setup), make)
    reference = _network("kan", setup)
    for name, ways in PEERS.items():
        try:
            with sheltered():
                found = ways(setup, reference[0])
        except Exception as error:  # whatever a foreign package raises is a row of the table
            rows.append(Row(name, note=_reason(error)))
            continue
        for way, layer in found.items():
            rows += _modes(name, way, layer, _input(name, setup), make, _differences(layer, name, setup))
    return rows


def _network(name: str, setup: Setup) -> nn.Module:
    with seeded("benchmark"):
        return network(name, setup)


def _input(name: str, setup: Setup) -> Tensor:
    return torch.randn(input_shape(name, setup), generator=torch.Generator().manual_seed(0))


def _modes(name: str, way: str, layer: nn.Module, x: Tensor, make: MakeWork, facts: dict | None = None) -> list[Row]:
    """As it is, and compiled."""
    made = {"eager": layer, "compiled": torch.compile(layer, dynamic=False)}
    rows = [_row(name, f"{way} {mode}".strip(), module, x, make, facts) for mode, module in made.items()]
    if name in IN_ONE_PASS:
        plain = _row(name, f"eager, {NO_NUMBA}", layer, x, make, facts)
        rows.append(replace(plain, work=plain.work and _without_kernels(plain.work)))
    return rows


def _without_kernels(work: Work) -> Work:
    """The same work, by operations of torch alone."""

    def plain(tick: Callable[[], None]) -> None:
        kernels.enabled = False
        try:
            work(tick)
        finally:
            kernels.enabled = True

    return plain


def _row(name: str, mode: str, layer: nn.Module, x: Tensor, make: MakeWork, facts: dict | None = None) -> Row:
    try:
        work = make(layer, x, torch.Generator().manual_seed(1))
        work(lambda: None)
        known = [x, *layer.parameters(), *layer.buffers()]
        saved = saved_bytes(lambda: layer(x), known) / 2**20
    except Exception as error:
        return Row(name, mode, note=_reason(error))
    return Row(name, mode, work, (facts or {}) | {"saved_mib": saved})


def _reason(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "not installed"
    return " ".join(str(error).split())[:120] or type(error).__name__


@torch.no_grad()
def _differences(layer: nn.Module, name: str, setup: Setup) -> dict[str, float]:
    """Largest differences from our layer with the same weights, relative to the largest output.

    `difference` is for standard normal inputs, `difference_far` for inputs a hundred times as large, where every
    spline is 0.
    """
    ours = _network("kan", setup)[0]
    if name == "convkan":
        ours = _padding_its_input(ours, setup)
    x, found = _input(name, setup), {}
    for column, scale in (("difference", 1), ("difference_far", 100)):
        expected = ours(scale * x)
        found[column] = float((layer(scale * x) - expected).abs().max() / expected.abs().max())
    return found


def _padding_its_input(ours: KANConv2d, setup: Setup) -> KANConv2d:
    """The same layer with zeros around its input, as convkan has them, and not around its features."""
    grid = {"grid_size": setup.bases - setup.spline_order, "spline_order": setup.spline_order}
    other = KANConv2d(*setup.widths, ours.kernel_size, padding=ours.padding, padding_mode="zeros", scaler=False, **grid)
    other.load_state_dict(ours.state_dict())
    return other


def measure(name: str, setup: Setup, make: MakeWork, rounds: int, block_seconds: float) -> list[dict[str, Any]]:
    """The rows of a set-up: each layer in its fastest way without a compiler, and in its fastest with one."""
    torch.compiler.reset()
    rows = candidates(setup, make)
    running = {(row.layer, row.mode): row for row in rows if row.work}
    first = _times(running, 3, block_seconds)
    kept = {key: row for key, row in running.items() if _fastest(key, first)}
    times = _times(kept, rounds, block_seconds)
    failed = [row for row in rows if not row.work and row.layer not in {layer for layer, _ in kept}]
    return [_columns(name, row, times) for row in [*kept.values(), *failed]]


def _times(rows: dict[tuple[str, str], Row], rounds: int, block_seconds: float) -> dict[tuple[str, str], Any]:
    """Seconds of both passes of each row, (rounds,)."""
    found = interleaved({key: row.work for key, row in rows.items()}, ProcessorTime(), rounds, block_seconds)
    return {key: seconds.sum(axis=1) for key, seconds in found.items()}


def _fastest(key: tuple[str, str], times: dict) -> bool:
    """Whether no other way of the layer is faster that has a compiler and Numba as this one has, or not as this one."""

    def kind(key: tuple[str, str]) -> tuple[str, bool, bool]:
        return key[0], "compiled" in key[1], NO_NUMBA in key[1]

    same = {other: estimate(seconds).median for other, seconds in times.items() if kind(other) == kind(key)}
    return key == min(same, key=same.get)


def _columns(setup: str, row: Row, times: dict) -> dict[str, Any]:
    columns = {"setup": setup, "layer": row.layer, "mode": row.mode, **row.facts, "note": row.note}
    own = times.get((row.layer, row.mode))
    if own is None:
        return columns
    columns |= {"ms": estimate(own).median * 1e3, "rounds": len(own)}
    for reference in ONCE:
        ratio = paired_ratio(own, times[reference, "eager"])
        over = f"over_{reference}"
        columns |= {over: ratio.median, f"{over}_low": ratio.low, f"{over}_high": ratio.high}
    return columns


def small_batches() -> dict[str, Setup]:
    """The set-ups of `--inference`."""
    made = {}
    for name in INFERRED:
        for batch in (1, 8, 64):
            made[f"{name.rpartition('_')[0]}_b{batch}"] = SETUPS[name].model_copy(update={"batch": batch})
    return made


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--block-seconds", type=float, default=0.05)
    layers = [name for name in SETUPS if name.startswith(("linear", "conv"))]
    options.add_argument("--setups", nargs="+", choices=SETUPS, default=layers)
    options.add_argument("--inference", action="store_true", help="forward passes of 1, 8 and 64 inputs")
    options.add_argument("--out", type=Path, default=HERE)
    chosen = options.parse_args()
    setups = {name: SETUPS[name] for name in chosen.setups}
    if chosen.inference:
        setups = small_batches()
    warnings.simplefilter("ignore")
    keep_freed_memory()
    machine = Machine.prepare("cpu", threads=1)
    rows = []
    for name, setup in setups.items():
        print(f"timing {name}", flush=True)
        make = forward if chosen.inference else passes
        rows += measure(name, setup, make, chosen.rounds, chosen.block_seconds)
    table = pd.DataFrame(rows).assign(device=machine.name, torch=torch.__version__)
    print(render(table))
    write(table, chosen.out, "inference" if chosen.inference else "layers")


if __name__ == "__main__":
    main()
