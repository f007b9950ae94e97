"""Times of a training step, all nets in turns, as ratios to the first of them."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from kanpipe.config.models import ChosenTiming
from kanpipe.evaluation.timing import Work, interleaved, peak_bytes, stopwatch
from kanpipe.evaluation.training_steps import next_step, timed_runs
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import Experiment, Trained
from kanpipe.experiments.cifar10_ddim.operations import gflop_per_step
from kanpipe.experiments.cifar10_ddim.train import set_up
from kanpipe.experiments.layer_speed.precision import matmul_tflops, precision
from kanpipe.experiments.layer_speed.published import WITH_PUBLISHED
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.medians import estimate, paired_ratio
from kanpipe.runs import FinishedRun

PUBLISHED_STEPS = 1563  # an epoch of batches of 32, which the source gives the time of
PUBLISHED_LAYERS = "kanpipe.experiments.layer_speed.published_layers:torch_conv_kan"
AS_PUBLISHED = {"grid_range": [-1, 1], "scaler": False}  # options that those layers cannot have otherwise
ONLY_OURS = {"init", "input_norm", "bias", "recompute", *AS_PUBLISHED}  # names that they do not know
WARM_UP = 6  # steps: a CUDA graph is captured in one of the first

COLUMNS = ["variant", "parameters", "batch", "precision", "compile", "device", "threads", "rounds", "block_seconds"]
COLUMNS += ["step_ms", "step_ratio", "step_low", "step_high", "seconds_1563", "gflop_per_step", "tflop_per_second"]
COLUMNS += ["device_tflops", "peak_memory_mib", "peak_memory_run_mib"]


@dataclass(frozen=True)
class Contender:
    """A network whose training step is timed, and the run that it comes from."""

    run: FinishedRun
    spec: Trained


Contenders = Mapping[str, Contender]  # by the name in the row


def speed(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> pd.DataFrame:
    """A row for each of the timed variants among `runs`: its training step.

    A variant of the layers of torch-conv-kan has a second row, with that package's own algorithm. Ratios are to the
    first row. Steps are taken as in the training of the runs, the drawing of the batches included. Their TFLOP/s are
    read against `device_tflops`, those of one large product of matrices in the precision of the first. Memory is that
    of the device, weights and optimiser included.
    """
    images = problem.images(inputs.data, problem.dataset(spec.problem))
    chosen = timed_runs(runs, spec.timing.variants)
    contenders = dict(_contenders(chosen))
    return pd.DataFrame(_rows(contenders, spec.timing, images, machine) if chosen else [], columns=COLUMNS)


def _contenders(chosen: Mapping[str, FinishedRun]) -> Iterator[tuple[str, Contender]]:
    for name, run in chosen.items():
        yield name, Contender(run, run.spec)
        if published := with_published_layers(run.spec):
            yield name + WITH_PUBLISHED, Contender(run, published)


def with_published_layers(spec: Trained) -> Trained | None:
    """The same network of torch-conv-kan's own layers; None where the variant has others, or what they cannot have."""
    options = spec.variant.options
    if options.get("init") != "torch_conv_kan" or not options.items() >= AS_PUBLISHED.items():
        return None
    if options.get("input_norm", "none") != "none" or options.get("bias"):
        return None
    whole = spec.model_dump(exclude_unset=True)
    variant = {key: value for key, value in whole["variant"].items() if key not in ONLY_OURS}
    try:
        return Trained.model_validate(whole | {"variant": variant | {"family": PUBLISHED_LAYERS}})
    except ValidationError:  # options of one place, or an activation, that they do not have
        return None


def _rows(contenders: Contenders, timing: ChosenTiming, images: np.ndarray, machine: Machine) -> list[dict[str, Any]]:
    rounds = timing.model_dump(include={"rounds", "block_seconds"})
    steps, peaks = _warmed_up(contenders, images, machine)
    seconds = interleaved(steps, stopwatch(machine.device), **rounds)
    first = seconds[next(iter(contenders))]
    with precision(next(iter(contenders.values())).run.spec.recipe.precision, machine.device):
        most = matmul_tflops(machine.device, **rounds)
    place = {"device": machine.name, "threads": machine.threads, "device_tflops": most, **rounds}
    return [
        _settings(name, one.run)
        | place
        | _times(seconds[name], first, gflop_per_step(one.spec))
        | _memory(one, peaks[name])
        for name, one in contenders.items()
    ]


def _warmed_up(
    contenders: Contenders, images: np.ndarray, machine: Machine
) -> tuple[dict[str, Work], dict[str, float]]:
    """The steps, compiled and captured, and the most MiB that each has held of a GPU; NaN on a CPU."""
    steps: dict[str, Work] = {}

    def prepared(name: str) -> Work:
        def work(mark: Callable[[], None]) -> None:
            steps[name] = _training_step(contenders[name], images, machine)
            for _ in range(WARM_UP):
                steps[name](mark)

        return work

    peaks = {name: _peak_mib(prepared(name), machine) for name in contenders}
    return steps, peaks


def _training_step(one: Contender, images: np.ndarray, machine: Machine) -> Work:
    """The next step of a training of the network from the start, with the seed of its run."""
    return next_step(set_up(one.spec, one.run.seed, images, machine, checkpoint_seconds=math.inf), one.run.seed)


def _peak_mib(work: Work, machine: Machine) -> float:
    if machine.device.type == "cuda":
        return peak_bytes(work, machine.device) / 2**20
    work(lambda: None)
    return math.nan


def _settings(name: str, run: FinishedRun) -> dict[str, Any]:
    recipe = run.spec.recipe
    chosen = {"batch": recipe.batch_size, "precision": recipe.precision, "compile": recipe.compile}
    return {"variant": name, "parameters": run.record.parameters} | chosen


def _times(own: np.ndarray, first: np.ndarray, gflop: float) -> dict[str, float]:
    """The median, the ratio to the first with its interval, and the rate of operations; from seconds (rounds, 1)."""
    ratio, median = paired_ratio(own.sum(axis=1), first.sum(axis=1)), estimate(own.sum(axis=1)).median
    times = {"step_ms": 1e3 * median, "step_ratio": ratio.median, "step_low": ratio.low, "step_high": ratio.high}
    rate = {"gflop_per_step": gflop, "tflop_per_second": gflop / 1e3 / median}
    return times | {f"seconds_{PUBLISHED_STEPS}": PUBLISHED_STEPS * median} | rate


def _memory(one: Contender, peak: float) -> dict[str, float]:
    """Of the device here, and in the run, which was of our layers."""
    of_run = one.run.record.peak_memory_mib if one.spec is one.run.spec else math.nan
    return {"peak_memory_mib": peak, "peak_memory_run_mib": of_run}
