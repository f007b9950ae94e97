"""The files that a training leaves in the folder of its run."""

import statistics
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from safetensors.torch import save_file

from kanpipe import digests, provenance
from kanpipe.files import atomic, write_table
from kanpipe.machine import Machine
from kanpipe.models.counting import parameter_count
from kanpipe.runs import DIVERGED, FINISHED, Record, Run
from kanpipe.training.state import State


def write_results(run: Run, state: State, machine: Machine, folder: Path) -> None:
    """Write weights, snapshots, history and scores into the folder, and the record, which has their digests."""
    for name, tensors in (("weights", state.weights()), ("snapshots", state.snapshots)):
        with atomic(folder / f"{name}.safetensors") as beside:
            save_file(tensors, beside)
    _write_history(state, folder)
    rows, validation = state.validated.rows, state.recipe.validation
    columns = ["step", *([validation.metric] if validation else [])]
    write_table(folder / "validation.csv", pd.DataFrame(rows, columns=None if rows else columns))
    _record(run, state, machine, digests.of_files(folder)).write(folder)


def _write_history(state: State, folder: Path) -> None:
    """One row a step; nine digits give back every float32."""
    columns = [values[: state.steps_kept()].cpu().tolist() for values in state.history.values()]
    rows = [f"{step}," + ",".join(f"{v:.9g}" for v in values) for step, values in enumerate(zip(*columns, strict=True))]
    with atomic(folder / "history.csv") as beside:
        beside.write_text("\n".join([",".join(["step", *state.history]), *rows]) + "\n")


def _record(run: Run, state: State, machine: Machine, files: dict[str, str]) -> Record:
    """What the run says of itself."""
    diverged_at, settings = state.diverged_at(), state.recipe.settings
    return Record(
        **run.identity(),
        **provenance.origin(machine, state.commits, state.devices, run.identity()["spec"]),
        files=files,
        status=FINISHED if diverged_at is None else DIVERGED,
        diverged_at_step=diverged_at,
        stopped_at_step=state.step if state.stopped and diverged_at is None else None,
        best_step=state.validated.best_step,
        steps=state.steps_kept(),
        parameters=parameter_count(state.recipe.model),
        compile=settings.compile,
        settings=asdict(settings),
        last_learning_rate=float(state.recipe.optimizer.param_groups[0]["lr"]),
        seconds=round(sum(state.block_seconds), 3),
        steps_per_second=round(_speed(state), 3),
    )


def _speed(state: State) -> float:
    """Steps in a second, the median over the blocks."""
    check_every = state.recipe.settings.check_every
    whole_blocks = state.block_seconds[: max(state.step // check_every, 1)]  # the last may be shorter
    return min(check_every, state.step) / statistics.median(whole_blocks)
