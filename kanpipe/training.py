"""The training loop that most experiments share, with exact resume.

Every random number of a run is a function of its seed and the step, drawn by `batch(step)` outside the compiled
objective. So the state of a run is its weights, its optimiser and its step; a run that is killed anywhere and run
again ends with the same bytes as an undisturbed one on the same device, thread count and compile mode.
"""

import contextlib
import logging
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from kanpipe import provenance
from kanpipe.checkpoint import Checkpoint
from kanpipe.files import atomic
from kanpipe.machine import Machine, seeded
from kanpipe.models.counting import parameter_count
from kanpipe.progress import Progress
from kanpipe.runs import DIVERGED, FINISHED, Record, Run
from kanpipe.update import MovingAverage, Objective, StepOptions, Update

log = logging.getLogger("kanpipe")

Batch = Callable[[int], tuple[Tensor, ...]]  # step -> the tensors that the objective takes
Snapshot = Callable[[nn.Module], dict[str, Tensor]]  # what is kept of a model, by name

MEMORY_ADVICE = (
    "set `recompute: true` for the KAN layers of the variant, or a larger `micro_batches` in the training settings, "
    "and run again: the checkpoint is kept"
)


@dataclass(frozen=True)
class Settings(StepOptions):
    """How long to train and how."""

    steps: int = field(kw_only=True)
    snapshot_steps: tuple[int, ...] = ()  # keep the weights, or what else is asked for, at the start of these steps
    check_every: int = 100  # steps between two looks at the loss: where a run may end as diverged, or be saved
    checkpoint_seconds: float = 60.0  # the least time between two checkpoints

    @classmethod
    def of_epochs(cls, recipe: dict[str, Any], steps_per_epoch: int, checkpoint_seconds: float) -> "Settings":
        """From a recipe that counts in epochs: its `epochs`, `snapshot_epochs` and `compile`."""
        return cls(
            steps=recipe["epochs"] * steps_per_epoch,
            compile=recipe["compile"],
            snapshot_steps=tuple(epoch * steps_per_epoch for epoch in recipe["snapshot_epochs"]),
            checkpoint_seconds=checkpoint_seconds,
        )


@dataclass(frozen=True)
class EpochSchedule:
    """A scheduler of the learning rate that is told the mean loss of every epoch at the epoch's end."""

    scheduler: torch.optim.lr_scheduler.ReduceLROnPlateau
    steps_per_epoch: int


@dataclass
class State:
    """All that changes while a run trains."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: EpochSchedule | None = None
    average: MovingAverage | None = None
    step: int = 0
    commits: list[str] = field(default_factory=list)  # of the source, one for each sitting
    block_seconds: list[float] = field(default_factory=list)
    history: dict[str, Tensor] = field(default_factory=dict)  # name -> one value a step, on the device
    snapshots: dict[str, Tensor] = field(default_factory=dict)  # "step/parameter" -> weights

    def state_dict(self) -> dict[str, Any]:
        progress = {k: getattr(self, k) for k in ("step", "commits", "block_seconds", "history", "snapshots")}
        schedule = {"schedule": self.schedule.scheduler.state_dict()} if self.schedule else {}
        average = {"average": self.average.weights} if self.average else {}
        trained = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        return progress | trained | schedule | average

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.schedule:
            self.schedule.scheduler.load_state_dict(saved["schedule"])
        if self.average:
            self.average.load_state_dict(saved["average"])
        device = next(self.model.parameters()).device
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"] = group["lr"].to(device)  # where a CUDA graph reads it
        self.history = {name: values.to(device) for name, values in saved["history"].items()}
        for key in ("step", "commits", "block_seconds", "snapshots"):
            setattr(self, key, saved[key])

    def record(self, scalars: dict[str, Tensor], steps: int) -> None:
        """Keep what the objective said of this step, without waiting for the device."""
        for name, value in scalars.items():
            if name not in self.history:
                self.history[name] = torch.full((steps,), math.nan, device=value.device)
            self.history[name][self.step] = value.detach()

    def end_epoch(self) -> None:
        """At the end of an epoch, tell the scheduler the epoch's mean loss; this waits for the device."""
        if self.schedule and self.step % self.schedule.steps_per_epoch == 0:
            epoch = self.history["loss"][self.step - self.schedule.steps_per_epoch : self.step]
            self.schedule.scheduler.step(epoch.mean().item())

    def take_snapshot(self, snapshot: Snapshot) -> None:
        for name, value in snapshot(self.model).items():
            self.snapshots[f"{self.step}/{name}"] = value.detach().cpu().clone()

    def weights(self) -> dict[str, Tensor]:
        """What the training is for: the averaged weights, where an average is kept."""
        weights = self.average.weights if self.average else self.model.state_dict()
        return {name: value.detach().cpu().contiguous() for name, value in weights.items()}

    def diverged_at(self) -> int | None:
        """The first step whose loss is NaN or infinite."""
        if self.step == 0:
            return None
        bad = (~torch.isfinite(self.history["loss"][: self.step])).nonzero()
        return int(bad[0]) if len(bad) else None

    def steps_kept(self) -> int:
        """The steps done, up to and with the one that diverged."""
        diverged_at = self.diverged_at()
        return self.step if diverged_at is None else diverged_at + 1


@dataclass(frozen=True)
class Pieces:
    """What a training consists of, for those who have other uses for it than to train to the end."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batch: Batch
    settings: Settings
    schedule: EpochSchedule | None = None
    average: MovingAverage | None = None


def fit(
    run: Run,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    batch: Batch,
    machine: Machine,
    settings: Settings,
    *,
    schedule: EpochSchedule | None = None,
    rate: Callable[[int], float] | None = None,
    average: MovingAverage | None = None,
    snapshot: Snapshot = nn.Module.state_dict,
) -> None:
    """Train `model` and write weights, snapshots, history.csv and run.json into `run.folder`.

    `rate` gives the learning rate of a step. weights.safetensors has the `average` of the weights where one is kept;
    snapshots.safetensors has the `snapshot` of the model at the start of `settings.snapshot_steps`, named
    "<step>/<name>". A loss that is not finite ends the run as `diverged`. Raises UserError for a checkpoint that is
    damaged, in use by another process, or of another run, machine or way of taking steps, and where a GPU has not
    enough memory.
    """
    with Checkpoint(run.folder, _identity(run, machine, settings)).held() as checkpoint:
        state = State(model, optimizer, schedule, average)
        if (saved := checkpoint.load()) is not None:
            state.load_state_dict(saved)
            log.info("%s: resumed at step %d", run.label, state.step)
        state.commits.append(provenance.commit())
        update = Update(model, optimizer, objective, settings, average)
        with machine.enough_memory(MEMORY_ADVICE):
            _train(Training(run, state, update, batch, settings, rate, snapshot), checkpoint)
        _write_results(run, state, machine, settings)
        checkpoint.remove()


def _identity(run: Run, machine: Machine, settings: Settings) -> dict[str, Any]:
    """What must be the same for a resumed run to end with the same bytes."""
    place = {"device": machine.name, "threads": machine.threads, "torch": str(torch.__version__)}
    options = {entry.name: getattr(settings, entry.name) for entry in fields(StepOptions)}
    return run.identity() | place | options


@dataclass(frozen=True)
class Training:
    """What a training does, beside the state that it changes."""

    run: Run
    state: State
    update: Update
    batch: Batch
    settings: Settings
    rate: Callable[[int], float] | None
    snapshot: Snapshot

    def take_step(self) -> None:
        """One step, and what is recorded of it, without waiting for the device."""
        state = self.state
        if state.step in self.settings.snapshot_steps:
            state.take_snapshot(self.snapshot)
        if self.rate:
            _set_learning_rate(state.optimizer, self.rate(state.step))
        if state.average:
            state.average.set_step(state.step)
        tensors = self.batch(state.step)
        # Dropout takes no generator, so the default one is seeded for the step.
        with seeded(self.run.seed, "dropout", state.step) if self._draws else contextlib.nullcontext():
            scalars = self.update(*tensors)
        state.record(scalars, self.settings.steps)
        state.step += 1
        state.end_epoch()

    @cached_property
    def _draws(self) -> bool:
        return any(isinstance(module, nn.Dropout) and module.p > 0 for module in self.state.model.modules())


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _train(training: Training, checkpoint: Checkpoint) -> None:
    saved, state, settings = time.monotonic(), training.state, training.settings
    with Progress(training.run.label, settings.steps, state.step) as progress:
        while state.step < settings.steps and state.diverged_at() is None:
            _train_block(training, progress)
            if time.monotonic() - saved >= settings.checkpoint_seconds and state.step < settings.steps:
                checkpoint.save(state.state_dict())
                saved = time.monotonic()


def _train_block(training: Training, progress: Progress) -> None:
    """Train up to the next multiple of `check_every`."""
    started, state, settings = time.perf_counter(), training.state, training.settings
    end = min(settings.steps, (state.step // settings.check_every + 1) * settings.check_every)
    while state.step < end:
        training.take_step()
        progress.advance()
    loss = state.history["loss"][end - 1].item()  # waits for the device
    progress.note = f"loss {loss:.5g}"
    state.block_seconds.append(time.perf_counter() - started)


def _write_results(run: Run, state: State, machine: Machine, settings: Settings) -> None:
    for name, tensors in (("weights", state.weights()), ("snapshots", state.snapshots)):
        with atomic(run.folder / f"{name}.safetensors") as beside:
            save_file(tensors, beside)
    _write_history(run, state)
    _record(run, state, machine, settings).write(run.folder)


def _write_history(run: Run, state: State) -> None:
    """One row a step; nine digits give back every float32."""
    columns = [values[: state.steps_kept()].cpu().tolist() for values in state.history.values()]
    rows = [f"{step}," + ",".join(f"{v:.9g}" for v in values) for step, values in enumerate(zip(*columns, strict=True))]
    with atomic(run.folder / "history.csv") as beside:
        beside.write_text("\n".join([",".join(["step", *state.history]), *rows]) + "\n")


def _record(run: Run, state: State, machine: Machine, settings: Settings) -> Record:
    """What the run says of itself."""
    diverged_at = state.diverged_at()
    whole_blocks = state.block_seconds[: max(state.step // settings.check_every, 1)]  # the last may be shorter
    speed = min(settings.check_every, state.step) / statistics.median(whole_blocks)
    return Record(
        **run.identity(),
        **provenance.origin(machine, state.commits),
        status=FINISHED if diverged_at is None else DIVERGED,
        diverged_at_step=diverged_at,
        steps=state.steps_kept(),
        parameters=parameter_count(state.model),
        compile=settings.compile,
        settings=asdict(settings),
        last_learning_rate=float(state.optimizer.param_groups[0]["lr"]),
        seconds=round(sum(state.block_seconds), 3),
        steps_per_second=round(speed, 3),
    )
