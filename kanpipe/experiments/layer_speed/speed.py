"""Times and memory of every contender in every set-up, with the ratios of those that ran in the same rounds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from kanpipe.evaluation.flops import training_flops
from kanpipe.evaluation.timing import Work, interleaved, peak_bytes, saved_bytes, stopwatch
from kanpipe.experiments.layer_speed.config import Added, Experiment, Problem, Setup
from kanpipe.experiments.layer_speed.contenders import exists, input_shape, network
from kanpipe.experiments.layer_speed.passes import BACKWARD, FORWARD, passes, training_passes
from kanpipe.experiments.layer_speed.precision import PRECISIONS, matmul_tflops, precision
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine, seeded
from kanpipe.medians import estimate, paired_ratio
from kanpipe.models.counting import parameter_count
from kanpipe.provenance import commit
from kanpipe.runs import FINISHED, FinishedRun

REFERENCES = ("mlp", "floor", "cox_de_boor", "fastkan_published", "fasterkan_published")
PHASES = {"forward": (FORWARD,), "backward": (BACKWARD,), "both": (FORWARD, BACKWARD)}
MEBI = 2**20
Key = tuple[str, str]  # contender, and eager or compiled


@dataclass(frozen=True)
class Piece:
    """A contender made ready: its work, and what is known of it without timing."""

    work: Work
    flops: int  # of a forward and a backward pass
    row: dict[str, Any]


def speed(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> pd.DataFrame:
    """A row for each contender, mode, set-up and precision; times of the machine's CPU threads, or of the GPU."""
    made_by = {"seed": 0, "status": FINISHED, "commit": commit()}
    made_on = {"device": machine.name, "device_type": machine.device.type, "threads": machine.threads}
    rows = []
    with _fastest_kernels():
        for name in PRECISIONS[machine.device.type]:
            with precision(name, machine.device):
                rate = {"precision": name, "device_tflops": matmul_tflops(machine.device, **spec.timing.model_dump())}
                rows += [rate | row for setup in spec.problem.setups for row in _setup_rows(setup, spec, machine)]
    return pd.DataFrame([made_by | made_on | row for row in rows])


@contextmanager
def _fastest_kernels() -> Iterator[None]:
    """Allow kernels that round anew each time: nothing computed here is kept, and others compare the fastest."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@contextmanager
def _denormals(flushed: bool) -> Iterator[None]:
    """Whether a CPU takes numbers below 1e-38 for 0."""
    before = _flushes_denormals()
    torch.set_flush_denormal(flushed)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _flushes_denormals() -> bool:
    return (torch.tensor([1e-38]) * 1e-2).item() == 0  # torch can set the mode, but not tell it


def _setup_rows(name: str, spec: Experiment, machine: Machine) -> Iterator[dict[str, Any]]:
    """The rows of one set-up; all contenders take turns."""
    setup = spec.problem.setups[name]
    torch.compiler.reset()  # else a second shape would be compiled for any shape, which is slower
    with _denormals(bool(setup.flush_denormals)):
        pieces = _pieces(setup, spec.problem, machine)
        works = {key: piece.work for key, piece in pieces.items()}
        seconds = interleaved(works, stopwatch(machine.device), **spec.timing.model_dump())
    times = {key: _phases(found) for key, found in seconds.items()}
    for (contender, mode), piece in pieces.items():
        key = {"setup": name, "variant": contender, "mode": mode, "rounds": spec.timing.rounds}
        rate = {"tflops": piece.flops / np.median(times[contender, mode]["both"]) / 1e12}
        yield key | _setup_columns(setup) | piece.row | rate | time_columns(times, contender, mode)


def _phases(seconds: np.ndarray) -> dict[str, np.ndarray]:
    """(rounds, phases) -> the seconds of each phase and of both, (rounds,); what the loss took is left out."""
    return {phase: seconds[:, list(parts)].sum(axis=1) for phase, parts in PHASES.items()}


def _setup_columns(setup: Setup) -> dict[str, Any]:
    """What was timed, in the columns of a row."""
    return setup.model_dump(exclude_none=True) | {"widths": "-".join(map(str, setup.widths))}


def _pieces(setup: Setup, problem: Problem, machine: Machine) -> dict[Key, Piece]:
    added = problem.added
    chosen = problem.contenders.model_dump(exclude_none=True) | {name: one.modes for name, one in added.items()}
    modes = [key for name, modes in chosen.items() if exists(name, setup, added) for key in product([name], modes)]
    return {key: _piece(*key, setup, added, machine) for key in modes}


def _piece(name: str, mode: str, setup: Setup, added: Mapping[str, Added], machine: Machine) -> Piece:
    with seeded("layer_speed"):
        made = network(name, setup, added).to(machine.device)
    parameters, held = parameter_count(made), [*made.parameters(), *made.buffers()]
    draw = machine.generator("layer_speed", "input")
    x = torch.randn(input_shape(name, setup), generator=draw, device=machine.device)
    flops = training_flops(made, x, with_inputs=not setup.loss)  # data want no gradient
    if mode == "compiled":
        made = cast(nn.Module, torch.compile(made, fullgraph=True, dynamic=False))
    work = (training_passes if setup.loss else passes)(made, x, draw)
    row = {"parameters": parameters, "saved_mib": saved_bytes(lambda: made(x), [x, *held]) / MEBI}
    if machine.device.type == "cuda":
        row["peak_mib"] = peak_bytes(work, machine.device) / MEBI
    return Piece(work, flops, row)


def time_columns(times: dict[Key, dict[str, np.ndarray]], contender: str, mode: str) -> dict[str, float]:
    """Median and quartiles of each phase in ms, and ratios to the references with their intervals."""
    columns: dict[str, float] = {}
    for phase, own in times[contender, mode].items():
        found = estimate(own * 1e3)
        columns |= {f"{phase}_ms": found.median}
        columns |= {f"{phase}_ms_q1": found.lower_quartile, f"{phase}_ms_q3": found.upper_quartile}
        for reference in REFERENCES:
            other = times.get((reference, mode), times.get((reference, "eager")))
            if other is not None:
                ratio = paired_ratio(own, other[phase])
                over = f"{phase}_over_{reference}"
                columns |= {over: ratio.median, f"{over}_low": ratio.low, f"{over}_high": ratio.high}
    return columns
