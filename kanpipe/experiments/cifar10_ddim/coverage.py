"""Where the inputs of a U-Net's KAN layers lie while it trains, and what became of its PReLUs.

A probe is a handful of numbers a layer, small enough to be kept at many steps of a run.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from kanpipe.diffusion.schedules import Schedule
from kanpipe.layers.diagnostics import observe_inputs, outside_counts
from kanpipe.layers.families import FinishedLayer
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun

MEASURES = ("outside_grid", "outside_support", "low", "high", "slope")
TAILS = (0.01, 0.99)  # the quantiles `low` and `high`
QUANTILE_VALUES = 2**16  # so many of a layer's inputs at most are sorted


def probe_batch(x0: Tensor, schedule: Schedule, machine: Machine, seed: int, images: int = 64) -> tuple[Tensor, Tensor]:
    """Noisy images (images, ...) and their times, 0 ... steps - 1: always the same ones for a seed and images x0."""
    draw = machine.generator(seed, "probe")
    rows = torch.randint(len(x0), (images,), generator=draw, device=machine.device)
    t = torch.randint(schedule.steps, (images,), generator=draw, device=machine.device)
    epsilon = torch.randn((images, *x0.shape[1:]), generator=draw, device=machine.device)
    return schedule.diffuse(x0[rows], t + 1, epsilon), t


@torch.no_grad()
def probe(model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """What the layers of `model` get from a batch: float32 scalars "<layer>/<measure>", and "<layer>/place".

    Of KAN layers the shares of what their bases see `outside_grid` and `outside_support`, and its quantiles of 1 % and
    99 %, `low` and `high`; of layers with a PReLU its `slope`, the mean over its channels. `place` counts the layers,
    ordinary ones too. The model is run once, without dropout; nothing waits for the device.
    """
    layers, found = list(_layers(model)), {}
    names = {layer.inner: layer.name for layer in layers}

    def see(inner: str, layer: KANLayer, x: Tensor) -> None:
        found.update({f"{names[inner]}/{measure}": value for measure, value in _inputs(layer, x).items()})

    if any(layer.is_kan for layer in layers):
        training = model.training
        try:
            with observe_inputs(model.eval(), see):
                model(*batch)
        finally:
            model.train(training)
    for layer in layers:
        if layer.slope is not None:
            found[f"{layer.name}/slope"] = layer.slope.mean()
        if layer.is_kan or layer.slope is not None:
            found[f"{layer.name}/place"] = torch.tensor(float(layer.place))
    return found


def coverage_frame(run: FinishedRun) -> list[dict[str, Any]]:
    """What the probes of a run found: a row a step and layer, in the order of the net; NaN where there is nothing."""
    rows = []
    for step, found in run.snapshots().items():
        layers: dict[str, dict[str, float]] = {}
        for key, value in found.items():
            layer, measure = key.rsplit("/", 1)
            layers.setdefault(layer, {})[measure] = value.item()
        for layer, values in sorted(layers.items(), key=lambda item: item[1]["place"]):
            place = {"step": step, "layer": layer, "place": int(values["place"])}
            measured = {measure: values.get(measure, math.nan) for measure in MEASURES}
            rows.append({"variant": run.variant, "seed": run.seed} | place | measured)
    return rows


class _Layer(NamedTuple):
    name: str  # of the layer with its norm and activation
    inner: str  # of the layer alone
    place: int  # among all layers with weights, in the order of the net
    is_kan: bool
    slope: Tensor | None  # of the PReLU behind it


def _layers(model: nn.Module) -> Iterator[_Layer]:
    weighted = (KANLayer, nn.Linear, nn.Conv2d)
    layers = ((name, module) for name, module in model.named_modules() if isinstance(module, weighted))
    for place, (inner, module) in enumerate(layers):
        parent = inner.rpartition(".")[0]
        around = model.get_submodule(parent)
        last = around[-1] if isinstance(around, FinishedLayer) else None
        slope = last.weight if isinstance(last, nn.PReLU) else None
        yield _Layer(inner if last is None else parent, inner, place, isinstance(module, KANLayer), slope)


def _inputs(layer: KANLayer, x: Tensor) -> dict[str, Tensor]:
    """Where the input x of a layer lies."""
    u = layer.basis_input(x).float()
    grid, support = outside_counts(layer, u) / u.numel()
    stride = u.numel() // QUANTILE_VALUES | 1  # odd, so that it does not pick the same pixels of every channel
    low, high = torch.quantile(u.flatten()[::stride], torch.tensor(TAILS, device=u.device))
    return {"outside_grid": grid, "outside_support": support, "low": low, "high": high}
