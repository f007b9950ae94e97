"""Times of a training step, all nets in turns, as ratios to the first of them."""

import math
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import numpy as np
import torch

from kanpipe.evaluation.flops import training_flops
from kanpipe.evaluation.timing import Work, estimate, interleaved, paired_ratio, peak_bytes, stopwatch
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.train import objective, pieces
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun
from kanpipe.update import Update

PUBLISHED_STEPS = 1563  # an epoch of batches of 32, which the source gives the time of
WARM_UP = 6  # steps: a CUDA graph is captured in one of the first


def speed(
    runs: list[FinishedRun], timing: Mapping[str, Any], images: np.ndarray, machine: Machine
) -> list[dict[str, Any]]:
    """A row for each of `timing["variants"]` among `runs`: its training step on one CPU thread, or on the GPU.

    `timing` has also `rounds` and `block_seconds`. Steps are taken as in the training of the runs, its drawing of the
    batches included; ratios are to the first variant. Memory is that of the device, weights and optimiser included.
    """
    chosen = {name: run for name in timing["variants"] for run in reversed(runs) if run.record["variant"] == name}
    if not chosen:
        return []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.compiler.reset()  # else the second net would be compiled for any batch
    rounds = {name: timing[name] for name in ("rounds", "block_seconds")}
    steps, peaks = _warmed_up(chosen, images, machine)
    seconds = interleaved(steps, stopwatch(machine.device), **rounds)
    torch.set_num_threads(threads)
    first = seconds[next(iter(chosen))]
    place = {"device": machine.name, "threads": 1, **rounds}
    return [
        _settings(name, run)
        | place
        | _times(seconds[name], first, gflop_per_step(run.spec))
        | _memory(run, peaks[name])
        for name, run in chosen.items()
    ]


def gflop_per_step(spec: problem.Spec) -> float:
    """10^9 floating-point operations of the forward and the backward pass on one batch of the training."""
    image = torch.zeros(1, *problem.SHAPE), torch.zeros(1, dtype=torch.int64)
    return problem.recipe(spec)["batch_size"] * training_flops(problem.build(spec), *image) / 1e9


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
    """The next step of a training of the run's net from the start, without records and checkpoints."""
    made, steps = pieces(run.spec, run.seed, images, machine, checkpoint_seconds=math.inf), count()
    update = Update(made.model, made.optimizer, objective, made.settings, made.average)

    def work(mark: Callable[[], None]) -> None:
        step = next(steps)
        made.average.set_step(step)
        update(*made.batch(step))

    return work


def _peak_mib(work: Work, machine: Machine) -> float:
    if machine.device.type == "cuda":
        return peak_bytes(work, machine.device) / 2**20
    work(lambda: None)
    return math.nan


def _settings(name: str, run: FinishedRun) -> dict[str, Any]:
    recipe = problem.recipe(run.spec)
    chosen = {"batch": recipe["batch_size"], "precision": recipe["precision"], "compile": recipe["compile"]}
    return {"variant": name, "parameters": run.record["parameters"]} | chosen


def _times(own: np.ndarray, first: np.ndarray, gflop: float) -> dict[str, float]:
    """The median, the ratio to the first with its interval, and the rate of operations; from seconds (rounds, 1)."""
    ratio, median = paired_ratio(own.sum(axis=1), first.sum(axis=1)), estimate(own.sum(axis=1)).median
    times = {"step_ms": 1e3 * median, "step_ratio": ratio.median, "step_low": ratio.low, "step_high": ratio.high}
    rate = {"gflop_per_step": gflop, "tflop_per_second": gflop / 1e3 / median}
    return times | {f"seconds_{PUBLISHED_STEPS}": PUBLISHED_STEPS * median} | rate


def _memory(run: FinishedRun, peak: float) -> dict[str, float]:
    return {"peak_memory_mib": peak, "peak_memory_run_mib": run.record["peak_memory_mib"]}
