"""The training loop that most experiments share, with exact resume.

Every random number of a run is a function of its seed and the step, drawn by `batch(step)` outside the compiled
objective. So the state of a run is its weights, its optimiser and its step; a run that is killed anywhere and run
again ends with the same bytes as an undisturbed one on the same device, thread count and compile mode.
"""

import logging
import time
from dataclasses import fields
from typing import Any

from kanpipe import provenance
from kanpipe.machine import Machine
from kanpipe.progress import Progress
from kanpipe.runs import Run
from kanpipe.training.checkpoint import Checkpoint
from kanpipe.training.kept import place
from kanpipe.training.pace import Pace
from kanpipe.training.recipe import Recipe
from kanpipe.training.results import write_results
from kanpipe.training.state import State
from kanpipe.training.step import StepOptions
from kanpipe.training.stepper import Stepper

log = logging.getLogger("kanpipe")

MEMORY_ADVICE = (
    "set `recompute: true` for the KAN layers of the variant, or a larger `micro_batches` in the training settings, "
    "and run again; last digits depend on both, so that a checkpoint made without them is refused then, and named"
)


def fit(run: Run, recipe: Recipe, machine: Machine) -> None:
    """Train the model of `recipe` and write the results into `run.folder`.

    weights.safetensors    the last weights, of their average where one is kept; the best where there is a validation
    snapshots.safetensors  the snapshot of the model at the start of `settings.snapshot_steps`, named "<step>/<name>"
    history.csv            what the objective said, a row a step
    validation.csv         the scores, a row for each `validation.every` steps; without a validation none
    run.json               the `kanpipe.runs.Record`

    A run that has ended before with the same settings, code, data and machine is not trained again: its results, of
    which the folder keeps second names, are put in their place. A loss that is not finite ends the run as `diverged`.
    Raises UserError for a checkpoint that is damaged, in use by another process, or of another run, machine or way of
    taking steps, and where a GPU has not enough memory.
    """
    identity = _identity(run, recipe, machine)
    with Checkpoint(run.folder, identity, run.resumes_elsewhere).held() as checkpoint:
        if checkpoint.finished():
            return
        state = State(recipe)
        if (saved := checkpoint.load()) is not None:
            state.load_state_dict(saved)
            log.info("%s: resumed at step %d", run.label, state.step)
        state.commits.append(provenance.commit())
        state.devices.append(machine.name)
        with machine.enough_memory(MEMORY_ADVICE):
            _train(run, state, checkpoint)
        if (step := state.diverged_at()) is not None:
            log.warning("%s: diverged: the loss of step %d is not finite", run.label, step)
        with checkpoint.results() as folder:
            write_results(run, state, machine, folder)


def _identity(run: Run, recipe: Recipe, machine: Machine) -> dict[str, Any]:
    """What must be the same for a resumed run to end with the same bytes."""
    options = {entry.name: getattr(recipe.settings, entry.name) for entry in fields(StepOptions)}
    validation = {"validation": recipe.validation.identity()} if recipe.validation else {}
    return run.identity() | place(machine) | options | validation


def _train(run: Run, state: State, checkpoint: Checkpoint) -> None:
    """Take all steps that are left; after a block of them the state is saved when it is time."""
    settings, take_step = state.recipe.settings, Stepper(state.recipe, run.seed)
    pace = Pace(lambda: checkpoint.save(state.state_dict()), settings.checkpoint_seconds)
    with Progress(run.label, settings.steps, state.step) as progress:
        while not state.ended:
            _train_block(state, take_step, progress)
            if state.step < settings.steps:
                pace.save_if_due()


def _train_block(state: State, take_step: Stepper, progress: Progress) -> None:
    """Train up to the next multiple of `check_every`, or to where the validation ends the run."""
    started, settings = time.perf_counter(), state.recipe.settings
    end = min(settings.steps, (state.step // settings.check_every + 1) * settings.check_every)
    while state.step < end and not state.stopped:
        if state.step in settings.snapshot_steps:
            state.take_snapshot()
        state.advance(take_step(state.step))
        progress.advance()
    loss = state.history["loss"][state.step - 1].item()  # waits for the device
    progress.note = f"loss {loss:.5g}"
    state.block_seconds.append(time.perf_counter() - started)
