"""All that changes while a run trains, as it is saved in a checkpoint."""

import contextlib
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from kanpipe.training.recipe import Recipe
from kanpipe.training.validation import Validated

PROGRESS = ("step", "commits", "devices", "block_seconds", "snapshots")  # what is loaded as it was saved


@dataclass
class State:
    """How far a training is: the parts of its recipe that change, and what was recorded."""

    recipe: Recipe
    step: int = 0  # the number of steps taken
    commits: list[str] = field(default_factory=list)  # of the source, one for each sitting
    devices: list[str] = field(default_factory=list)  # models of CPU or GPU, one for each sitting
    block_seconds: list[float] = field(default_factory=list)
    history: dict[str, Tensor] = field(default_factory=dict)  # name -> one value a step, on the device
    snapshots: dict[str, Tensor] = field(default_factory=dict)  # "step/name" -> what was kept
    validated: Validated = field(default_factory=Validated)

    def state_dict(self) -> dict[str, Any]:
        recipe = self.recipe
        progress = {key: getattr(self, key) for key in (*PROGRESS, "history")}
        schedule = {"schedule": recipe.schedule.scheduler.state_dict()} if recipe.schedule else {}
        average = {"average": recipe.average.weights} if recipe.average else {}
        validated = {"validated": vars(self.validated)} if recipe.validation else {}
        trained = {"model": recipe.model.state_dict(), "optimizer": recipe.optimizer.state_dict()}
        return progress | trained | schedule | average | validated

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        recipe = self.recipe
        recipe.model.load_state_dict(saved["model"])
        recipe.optimizer.load_state_dict(saved["optimizer"])
        if recipe.schedule:
            recipe.schedule.scheduler.load_state_dict(saved["schedule"])
        if recipe.average:
            recipe.average.load_state_dict(saved["average"])
        if recipe.validation:
            self.validated = Validated(**saved["validated"])
        device = next(recipe.model.parameters()).device
        for group in recipe.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"] = group["lr"].to(device)  # where a CUDA graph reads it
        self.history = {name: values.to(device) for name, values in saved["history"].items()}
        for key in PROGRESS:
            setattr(self, key, saved[key])

    def advance(self, scalars: dict[str, Tensor]) -> None:
        """Count a step of which the objective said `scalars`, and do what is due after it."""
        for name, value in scalars.items():  # without waiting for the device
            if name not in self.history:
                self.history[name] = torch.full((self.recipe.settings.steps,), math.nan, device=value.device)
            self.history[name][self.step] = value.detach()
        self.step += 1
        self._validate()
        self._end_epoch()

    def _end_epoch(self) -> None:
        """At the end of an epoch, tell the scheduler how it went; this waits for the device."""
        schedule = self.recipe.schedule
        if schedule is None or self.step % schedule.steps_per_epoch:
            return
        if schedule.score is None:
            epoch = self.history["loss"][self.step - schedule.steps_per_epoch : self.step]
            schedule.scheduler.step(epoch.mean().item())
        elif self.diverged_at() is None:
            schedule.scheduler.step(self.validated.rows[-1][schedule.score])

    def _validate(self) -> None:
        """Score the model where a score is due; one that has diverged is not scored any more."""
        validation, average = self.recipe.validation, self.recipe.average
        if validation and self.step % validation.every == 0 and self.diverged_at() is None:
            with average.in_model() if average else contextlib.nullcontext():
                scores = validation.scores(self.recipe.model)
            self.validated.add(self.step, scores, validation, self._trained_weights())

    def take_snapshot(self) -> None:
        """Keep the snapshot of the model at the start of the step that comes."""
        for name, value in self.recipe.snapshot(self.recipe.model).items():
            self.snapshots[f"{self.step}/{name}"] = value.detach().cpu().clone()

    def weights(self) -> dict[str, Tensor]:
        """What the training is for: the best weights where they are scored, else the last, averaged if they are."""
        return self._trained_weights() if self.validated.best_step is None else self.validated.weights

    def _trained_weights(self) -> dict[str, Tensor]:
        average = self.recipe.average
        weights = average.weights if average else self.recipe.model.state_dict()
        return {name: value.detach().cpu().contiguous() for name, value in weights.items()}

    @property
    def stopped(self) -> bool:
        """Whether the scores have not become better for too long."""
        validation = self.recipe.validation
        return validation is not None and self.validated.exhausted(validation.patience)

    @property
    def ended(self) -> bool:
        """Whether no step is left to be taken; this waits for the device."""
        return self.step >= self.recipe.settings.steps or self.stopped or self.diverged_at() is not None

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
