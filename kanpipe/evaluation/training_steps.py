"""Training steps to be timed: those that `kanpipe.training.fit` takes."""

from collections.abc import Callable
from dataclasses import replace

from kanpipe.evaluation.timing import Work
from kanpipe.runs import FinishedRun
from kanpipe.training import Pieces, State, Training
from kanpipe.update import Objective, Update

MANY = 10**6  # steps, for which there is room in the history


def next_step(run: FinishedRun, made: Pieces, objective: Objective) -> Work:
    """The next step of a training with each call, its batch and what is recorded of it included.

    Checkpoints, snapshots and the ends of epochs, which the other steps wait for in a training, are left out.
    """
    settings = replace(made.settings, steps=MANY, snapshot_steps=())
    update = Update(made.model, made.optimizer, objective, settings, made.average)
    state = State(made.model, made.optimizer, average=made.average)
    training = Training(run, state, update, made.batch, settings, rate=None, snapshot=dict)

    def work(mark: Callable[[], None]) -> None:
        training.take_step()

    return work
