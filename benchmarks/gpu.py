"""What a GPU makes of the two U-Nets and of the layers, in eight minutes, with its clocks and all versions.

First a training step of both published U-Nets at paper scale: eager, compiled, and compiled as one CUDA graph, all in
turns; then the set-ups of the layer table, for as long as there is time. Writes gpu.md, gpu_unets.csv and
gpu_layers.csv beside this file. Where there is no GPU it says so and does nothing.

    python benchmarks/gpu.py [--minutes 8]
"""

import argparse
import math
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import parsed, trained
from kanpipe.evaluation.timing import Work, interleaved, peak_bytes, stopwatch
from kanpipe.evaluation.training_steps import next_step
from kanpipe.experiments import stage
from kanpipe.experiments.cifar10_ddim.datasets import SIDE
from kanpipe.experiments.cifar10_ddim.train import set_up
from kanpipe.experiments.plan import Plan
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.medians import estimate, paired_ratio
from kanpipe.models import parameter_count
from kanpipe.provenance import commit, versions

HERE = Path(__file__).parent
UNETS = ("unet", "kan_unet")
MODES = {  # the options of a step
    "eager": {"compile": False, "cuda_graph": False},
    "compiled": {"compile": True, "cuda_graph": False},
    "captured": {"compile": True, "cuda_graph": True},
}
WARM_UP = 6  # steps: a CUDA graph is captured in one of the first
ASKED = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu"  # of nvidia-smi
SHOWN = ["setup", "variant", "mode", "precision", "forward_ms", "backward_ms", "both_over_mlp", "tflops", "peak_mib"]


def plans() -> dict[str, Plan]:
    """The entries of the configuration at paper scale."""
    entries = effective(load_yaml(HERE.parent / "config.yaml"))["experiments"]
    return {name: Plan(name, entry) for name, entry in entries.items()}


def unet_rows(
    specs: Mapping[str, Any],
    machine: Machine,
    modes: Iterable[str] = MODES,
    rounds: int = 11,
    block_seconds: float = 0.5,
) -> pd.DataFrame:
    """A row for each U-Net and mode: ms of a training step, its ratio to the first row's, and the MiB that it holds."""
    torch.compiler.reset()
    ready = {(name, mode): _prepared(spec, mode, machine) for name, spec in specs.items() for mode in modes}
    works = {key: work for key, (work, _) in ready.items()}
    found = interleaved(works, stopwatch(machine.device), rounds, block_seconds)
    seconds = {key: laps.sum(axis=1) for key, laps in found.items()}
    first = next(iter(seconds.values()))
    rows = [
        {"variant": name, "mode": mode} | ready[name, mode][1] | _times(own, first)
        for (name, mode), own in seconds.items()
    ]
    return pd.DataFrame(rows)


def _prepared(spec: Any, mode: str, machine: Machine) -> tuple[Work, dict[str, Any]]:
    """The next step of a training on random images, compiled and captured, and what is known without timing it."""
    began, made = time.perf_counter(), []
    images = np.random.default_rng(0).integers(0, 256, (spec.recipe.batch_size * 4, SIDE, SIDE, 3), dtype=np.uint8)

    def warm_up(mark: Callable[[], None]) -> None:
        recipe = set_up(spec, 0, images, machine, checkpoint_seconds=math.inf)
        recipe = replace(recipe, settings=replace(recipe.settings, **MODES[mode]))
        made.append((next_step(recipe, 0), parameter_count(recipe.model)))
        for _ in range(WARM_UP):
            made[0][0](mark)

    if machine.device.type == "cuda":
        peak = peak_bytes(warm_up, machine.device) / 2**20
    else:
        warm_up(lambda: None)
        peak = math.nan
    work, parameters = made[0]
    options = {"batch": spec.recipe.batch_size, "precision": spec.recipe.precision}
    return work, options | {"parameters": parameters, "peak_mib": peak, "ready_s": time.perf_counter() - began}


def _times(own: np.ndarray, first: np.ndarray) -> dict[str, float]:
    found, ratio = estimate(1e3 * own), paired_ratio(own, first)
    return {"step_ms": found.median, "low": found.low, "high": found.high, "over_first": ratio.median}


def layer_rows(plan: Plan, machine: Machine, until: float) -> pd.DataFrame:
    """The table of layers, one set-up after the other, as long as the time, by `time.monotonic`, is before `until`."""
    spec = parsed(plan.kind, plan.blocks("speed"))
    frames = []
    for name, setup in spec.problem.setups.items():
        if time.monotonic() < until:
            problem = spec.problem.model_copy(update={"setups": {name: setup}})
            alone = spec.model_copy(update={"problem": problem})
            frames.append(stage(plan.kind, "speed")([], alone, Inputs(), machine))
        else:
            print(f"no time is left for the set-up {name}")
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=SHOWN)


def clocks() -> str:
    """What nvidia-smi says of the GPU at this moment."""
    command = ["nvidia-smi", f"--query-gpu={ASKED}", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return f"nvidia-smi says nothing ({error})"


def page(machine: Machine, before: str, unets: pd.DataFrame, layers: pd.DataFrame) -> str:
    """Both tables, with what they were measured on."""
    made_by = versions() | {"CUDA": torch.version.cuda, "cuDNN": torch.backends.cudnn.version(), "commit": commit()}
    lines = [
        f"# Training steps and layers on {machine.name}",
        ", ".join(f"{name} {value}" for name, value in made_by.items()),
        f"{ASKED}:\nbefore: {before}\nafter: {clocks()}",
        unets.to_markdown(index=False, floatfmt=".4g"),
        layers.reindex(columns=SHOWN).to_markdown(index=False, floatfmt=".4g"),
    ]
    return "\n\n".join(lines) + "\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=8)
    until = time.monotonic() + 60 * options.parse_args().minutes
    if not torch.cuda.is_available():
        return print("torch sees no CUDA device: nothing is measured")
    machine, before, every = Machine.prepare("cuda"), clocks(), plans()
    diffusion = every["cifar10_ddim"]
    blocks = {name: diffusion.blocks("train") | {"variant": diffusion.variant(name)} for name in UNETS}
    unets = unet_rows({name: trained(diffusion.kind, block) for name, block in blocks.items()}, machine)
    unets.to_csv(HERE / "gpu_unets.csv", index=False)
    layers = layer_rows(every["layer_speed"], machine, until)
    layers.to_csv(HERE / "gpu_layers.csv", index=False)
    (HERE / "gpu.md").write_text(page(machine, before, unets, layers))
    print((HERE / "gpu.md").read_text())


if __name__ == "__main__":
    main()
