"""Training of one network: restarts, of which the best goes on, then a stage for every grid, by LBFGS in float64.

A KAN begins `restarts` times on its coarsest grid, with pykan's penalty on edges in use and then without it, on a
part of the points. That with the least error on the training points goes on, grid by grid: its functions are
carried over to the next grid, so that a stage begins where the last one ended. An MLP has the same restarts and as
many steps, without penalty and grids.
"""

import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save_file
from torch import Tensor, nn

from kanpipe import digests, provenance
from kanpipe.experiments.function_fit import problem
from kanpipe.experiments.function_fit.grids import extend
from kanpipe.experiments.function_fit.lbfgs import Stage, rmse
from kanpipe.experiments.function_fit.networks import KAN
from kanpipe.files import atomic, write_table
from kanpipe.machine import Machine
from kanpipe.models.counting import parameter_count
from kanpipe.progress import Progress
from kanpipe.runs import DIVERGED, FINISHED, Record, Run
from kanpipe.training.checkpoint import Checkpoint
from kanpipe.training.kept import place
from kanpipe.training.pace import Pace

log = logging.getLogger("kanpipe")


@dataclass
class Outcome:
    """All that a run has after a stage, and that the next one goes on from."""

    done: int = 0  # restarts and stages
    weights: dict[str, Tensor] = field(default_factory=dict)  # of the best restart, then of the last stage
    grid_size: int | None = None  # of these weights
    best: float = math.inf  # error of the best restart on all training points
    restarts: list[dict[str, Any]] = field(default_factory=list)  # a row each
    stages: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)  # a row for every step
    kept: dict[str, Tensor] = field(default_factory=dict)  # "<stage>/<parameter>", the weights after every stage
    seconds: list[float] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    @property
    def diverged(self) -> bool:
        return bool(self.history) and not math.isfinite(self.history[-1]["train_rmse"]) and bool(self.stages)


class Fitting:
    """The restarts and stages of one run, each from `Outcome` to `Outcome`."""

    def __init__(self, run: Run, state: Outcome) -> None:
        self.run, self.state = run, state
        self.variant, self.options = run.spec.variant, run.spec.recipe
        self.data = problem.training_set(self.variant, run.seed)
        self.test = problem.test_set(run.spec.problem, self.variant)
        self.grids = problem.grid_sizes(self.variant)

    @property
    def total(self) -> int:
        return self.options.restarts + len(self.grids)

    def advance(self) -> None:
        """The next restart or stage."""
        started, done = time.perf_counter(), self.state.done
        if done < self.options.restarts:
            self._restart(done)
        else:
            self._stage(done - self.options.restarts)
        self.state.done += 1
        self.state.seconds.append(time.perf_counter() - started)

    def _restart(self, number: int) -> None:
        """Short training from a start of its own, on a part of the points."""
        network = problem.build(self.variant, self.grids[0], self.run.seed, number)
        points, targets = (values[: self.options.restart_points] for values in self.data)
        row: dict[str, Any] = {"restart": number}
        phases = (("sparse", self.options.sparse_steps, True), ("free", self.options.free_steps, False))
        for name, steps, penalised in phases:
            stage = Stage(network, (points, targets), steps, self.options, penalised)
            self._run(stage, f"restart {number}", self.grids[0])
            row[f"{name}_rmse"] = rmse(network, self.data)
        self.state.restarts.append(row)
        if row["free_rmse"] < self.state.best or not self.state.weights:
            error = row["free_rmse"]
            self.state.best = error if math.isfinite(error) else math.inf
            self._keep(network)

    def _stage(self, number: int) -> None:
        """All steps on one grid, from where the last stage ended.

        Weights that are not finite, as where no restart ended well, have no curves to carry over: the first step shows
        that the run has diverged.
        """
        grid_size = self.grids[number]
        network = problem.restore(self.variant, self.state.grid_size, self.state.weights)
        row: dict[str, Any] = {"stage": number, "grid_size": grid_size, "rmse_before": rmse(network, self.data)}
        if isinstance(network, KAN) and grid_size is not None:
            row["extension_jump"] = extend(network, grid_size) if math.isfinite(row["rmse_before"]) else math.nan
        row["rmse_extended"] = rmse(network, self.data)
        stage = Stage(network, self.data, self.options.steps, self.options)
        self._run(stage, "stage", grid_size)
        errors = {"train_rmse": rmse(network, self.data), "test_rmse": rmse(network, self.test)}
        counts = {"evaluations": stage.evaluations, "moves": stage.moves, "move_jump": stage.move_jump}
        self.state.stages.append(row | {"parameters": parameter_count(network)} | errors | counts)
        self._keep(network)
        self.state.kept |= {f"{number}/{name}": value for name, value in self.state.weights.items()}

    def _run(self, stage: Stage, phase: str, grid_size: int | None) -> None:
        for _ in stage:
            errors = {"train_rmse": rmse(stage.network, self.data), "test_rmse": rmse(stage.network, self.test)}
            place = {"step": len(self.state.history), "phase": phase, "grid_size": grid_size}
            self.state.history.append(place | {"penalised": stage.penalised} | errors)
            if not math.isfinite(errors["train_rmse"]):
                return

    def _keep(self, network: nn.Module) -> None:
        self.state.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.state.grid_size = network.grid_size if isinstance(network, KAN) else None


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed and write the results into its folder.

    weights.safetensors  after the last stage
    stages.safetensors   after every stage, named "<stage>/<parameter>"
    history.csv          errors after every LBFGS step: of all restarts, then of the stages
    restarts.csv, stages.csv, run.json

    The state is saved after a restart or stage when the `Pace` says so; all that is random is a
    function of the seed and the number of the restart, so that a resumed run ends with the same bytes.
    """
    with Checkpoint(run.folder, run.identity() | place(machine), run.resumes_elsewhere).held() as checkpoint:
        if checkpoint.finished():
            return
        saved = checkpoint.load()
        state = Outcome(**saved) if saved else Outcome()
        state.commits.append(provenance.commit())
        state.devices.append(machine.name)
        fitting, pace = Fitting(run, state), Pace(lambda: checkpoint.save(vars(state)), checkpoint_seconds)
        with Progress(run.label, fitting.total, state.done, unit="stage") as progress:
            while state.done < fitting.total and not state.diverged:
                fitting.advance()
                progress.advance()
                pace.save_if_due()
        with checkpoint.results() as folder:
            _write(run, state, machine, folder)


def _write(run: Run, state: Outcome, machine: Machine, folder: Path) -> None:
    for name, tensors in (("weights", state.weights), ("stages", state.kept)):
        with atomic(folder / f"{name}.safetensors") as beside:
            save_file({key: value.contiguous() for key, value in tensors.items()}, beside)
    for name in ("history", "restarts", "stages"):
        write_table(folder / f"{name}.csv", pd.DataFrame(getattr(state, name)))
    _record(run, state, machine, digests.of_files(folder)).write(folder)


def _record(run: Run, state: Outcome, machine: Machine, files: dict[str, str]) -> Record:
    """What the run says of itself."""
    steps, seconds = len(state.history), sum(state.seconds)
    return Record(
        **run.identity(),
        **provenance.origin(machine, state.commits, state.devices, run.identity()["spec"]),
        files=files,
        status=DIVERGED if state.diverged else FINISHED,
        diverged_at_step=steps - 1 if state.diverged else None,
        steps=steps,
        parameters=parameter_count(problem.restore(run.spec.variant, state.grid_size, state.weights)),
        compile=False,
        settings={},
        seconds=round(seconds, 3),
        steps_per_second=round(steps / max(seconds, 1e-9), 3),
    )
