"""Times of a training step, all nets in turns, as ratios to the first of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from kanpipe.config.models import ChosenTiming
from kanpipe.evaluation.timing import Work, estimate, interleaved, paired_ratio, peak_bytes, stopwatch
from kanpipe.evaluation.training_steps import next_step
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import Experiment
from kanpipe.experiments.cifar10_ddim.operations import gflop_per_step
from kanpipe.experiments.cifar10_ddim.train import set_up
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun

PUBLISHED_STEPS = 1563  # an epoch of batches of 32, which the source gives the time of
WARM_UP = 6  # steps: a CUDA graph is captured in one of the first

COLUMNS = ["variant", "parameters", "batch", "precision", "compile", "device", "threads", "rounds", "block_seconds"]
COLUMNS += ["step_ms", "step_ratio", "step_low", "step_high", "seconds_1563", "gflop_per_step", "tflop_per_second"]
COLUMNS += ["peak_memory_mib", "peak_memory_run_mib"]


def speed(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> pd.DataFrame:
    """A row for each of the timed variants among `runs`: its training step.

    Ratios are to the first. Steps are taken as in the training of the runs, the drawing of the batches included. Memory
    is that of the device, weights and optimiser included.
    """
    images = problem.images(inputs.data, problem.dataset(spec.problem))
    chosen = {name: run for name in spec.timing.variants for run in reversed(runs) if run.variant == name}
    return pd.DataFrame(_rows(chosen, spec.timing, images, machine) if chosen else [], columns=COLUMNS)


def _rows(
    chosen: dict[str, FinishedRun], timing: ChosenTiming, images: np.ndarray, machine: Machine
) -> list[dict[str, Any]]:
    rounds = timing.model_dump(include={"rounds", "block_seconds"})
    steps, peaks = _warmed_up(chosen, images, machine)
    seconds = interleaved(steps, stopwatch(machine.device), **rounds)
    first = seconds[next(iter(chosen))]
    place = {"device": machine.name, "threads": machine.threads, **rounds}
    return [
        _settings(name, run)
        | place
        | _times(seconds[name], first, gflop_per_step(run.spec))
        | _memory(run, peaks[name])
        for name, run in chosen.items()
    ]


def _warmed_up(
    chosen: dict[str, FinishedRun], images: np.ndarray, machine: Machine
) -> tuple[dict[str, Work], dict[str, float]]:
    """The steps, compiled and captured, and the most MiB that each has held of a GPU; NaN on a CPU."""
    steps: dict[str, Work] = {}

    def prepared(name: str) -> Work:
        def work(mark: Callable[[], None]) -> None:
            steps[name] = _training_step(chosen[name], images, machine)
            for _ in range(WARM_UP):
                steps[name](mark)

        return work

    peaks = {name: _peak_mib(prepared(name), machine) for name in chosen}
    return steps, peaks


def _training_step(run: FinishedRun, images: np.ndarray, machine: Machine) -> Work:
    """The next step of a training of the run's net from the start."""
    return next_step(set_up(run.spec, run.seed, images, machine, checkpoint_seconds=math.inf), run.seed)


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


def _memory(run: FinishedRun, peak: float) -> dict[str, float]:
    return {"peak_memory_mib": peak, "peak_memory_run_mib": run.record.peak_memory_mib}
