"""Training steps to be timed: those that `kanpipe.training.loop.fit` takes."""

import itertools
from collections.abc import Callable, Iterable

from kanpipe.evaluation.timing import Work
from kanpipe.runs import FinishedRun
from kanpipe.training.recipe import Recipe
from kanpipe.training.stepper import Stepper


def timed_runs(runs: list[FinishedRun], variants: Iterable[str]) -> dict[str, FinishedRun]:
    """The run of each of these variants by which its time is taken: the first, where it has any."""
    return {name: run for name in variants for run in reversed(runs) if run.variant == name}


def next_step(recipe: Recipe, seed: int) -> Work:
    """The next step of a training with each call, from the first on, the drawing of its batch included.

    What is done after a step in a training is left out: to record it, and at times to save, to score, to end an epoch.
    """
    take_step, steps = Stepper(recipe, seed), itertools.count()

    def work(mark: Callable[[], None]) -> None:
        take_step(next(steps))

    return work
