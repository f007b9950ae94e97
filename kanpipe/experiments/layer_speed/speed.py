"""Times and memory of every contender in every set-up, with the ratios of those that ran in the same rounds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from kanpipe.evaluation.timing import Work, estimate, interleaved, paired_ratio, peak_bytes, saved_bytes, stopwatch
from kanpipe.experiments.layer_speed.contenders import Setup, exists, input_shape, multiply_adds, network
from kanpipe.experiments.layer_speed.passes import BACKWARD, FORWARD, passes, training_passes
from kanpipe.experiments.layer_speed.precision import PRECISIONS, matmul_tflops, precision
from kanpipe.jobs import keep_freed_memory
from kanpipe.machine import Machine, seeded
from kanpipe.models.counting import parameter_count
from kanpipe.provenance import commit
from kanpipe.runs import FinishedRun

REFERENCES = ("mlp", "floor", "cox_de_boor", "fastkan_published", "fasterkan_published")
PHASES = {"forward": (FORWARD,), "backward": (BACKWARD,), "both": (FORWARD, BACKWARD)}
MEBI = 2**20
Key = tuple[str, str]  # contender, and eager or compiled


@dataclass(frozen=True)
class Piece:
    """A contender made ready: its work, and what is known of it without timing."""

    work: Work
    row: dict[str, Any]


def evaluate(runs: list[FinishedRun], spec: dict[str, Any], machine: Machine) -> dict[str, pd.DataFrame]:
    """`runs`: a row for each contender, mode, set-up and precision; times of one CPU thread, or of the GPU."""
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(False)  # nothing trained here is kept, and the fastest kernels are compared
    made_by = {"experiment": "layer_speed", "seed": 0, "status": "finished", "commit": commit()}
    made_on = {"device": machine.name, "device_type": machine.device.type, "threads": 1}
    rows = []
    for name in PRECISIONS[machine.device.type]:
        with precision(name, machine.device):
            rate = {"precision": name, "device_tflops": matmul_tflops(machine.device, **spec["timing"])}
            rows += [rate | row for setup in spec["setups"] for row in _setup_rows(setup, spec, machine)]
    torch.set_flush_denormal(False)
    return {"runs": pd.DataFrame([made_by | made_on | row for row in rows])}


def _setup_rows(name: str, spec: dict[str, Any], machine: Machine) -> Iterator[dict[str, Any]]:
    """The rows of one set-up; all contenders take turns."""
    setup = spec["setups"][name]
    torch.set_flush_denormal(setup.get("flush_denormals", False))
    torch.compiler.reset()  # else a second shape would be compiled for any shape, which is slower
    pieces = _pieces(setup, spec["contenders"], machine)
    works = {key: piece.work for key, piece in pieces.items()}
    seconds = interleaved(works, stopwatch(machine.device), **spec["timing"])
    times = {key: _phases(found) for key, found in seconds.items()}
    for (contender, mode), piece in pieces.items():
        key = {"setup": name, "variant": contender, "mode": mode, "rounds": spec["timing"]["rounds"]}
        rate = {"tflops": 6 * multiply_adds(contender, setup) / np.median(times[contender, mode]["both"]) / 1e12}
        yield key | _setup_columns(setup) | piece.row | rate | time_columns(times, contender, mode)


def _phases(seconds: np.ndarray) -> dict[str, np.ndarray]:
    """(rounds, phases) -> the seconds of each phase and of both, (rounds,); what the loss took is left out."""
    return {phase: seconds[:, list(parts)].sum(axis=1) for phase, parts in PHASES.items()}


def _setup_columns(setup: Setup) -> dict[str, Any]:
    """What was timed, in the columns of a row."""
    widths = "-".join(map(str, setup["widths"]))
    return {"widths": widths} | {key: value for key, value in setup.items() if key != "widths"}


def _pieces(setup: Setup, contenders: dict[str, list[str]], machine: Machine) -> dict[Key, Piece]:
    modes = [key for name, modes in contenders.items() if exists(name, setup) for key in product([name], modes)]
    return {key: _piece(*key, setup, machine) for key in modes}


def _piece(name: str, mode: str, setup: Setup, machine: Machine) -> Piece:
    with seeded("layer_speed"):
        made = network(name, setup).to(machine.device)
    parameters, held = parameter_count(made), [*made.parameters(), *made.buffers()]
    made = torch.compile(made, fullgraph=True, dynamic=False) if mode == "compiled" else made
    draw = machine.generator("layer_speed", "input")
    x = torch.randn(input_shape(name, setup), generator=draw, device=machine.device)
    work = (training_passes if "loss" in setup else passes)(made, x, draw)
    row = {"parameters": parameters, "saved_mib": saved_bytes(lambda: made(x), [x, *held]) / MEBI}
    if machine.device.type == "cuda":
        row["peak_mib"] = peak_bytes(work, machine.device) / MEBI
    return Piece(work, row)


def time_columns(times: dict[Key, dict[str, np.ndarray]], contender: str, mode: str) -> dict[str, float]:
    """Median and quartiles of each phase in ms, and ratios to the references with their intervals."""
    columns = {}
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
