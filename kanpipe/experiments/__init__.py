"""The experiments: one folder each, with a module for each stage that the experiment has.

    models.py    models(spec) -> {variant: model}                for the table of parameters
    train.py     train(run, machine, checkpoint_seconds)         one variant with one seed -> the files of run.folder
    sample.py    sample(finished_run, spec, machine, out)        one finished run -> samples.npz
    evaluate.py  evaluate(runs, spec, machine) -> {name: frame}  all runs -> "runs", a row a run, and others
    speed.py     speed(runs, spec, machine) -> frame             times of steps, measured in a process of its own
    tables.py    tables(frames) -> {name: Table}                 what evaluate found, to be read
    figures.py   figures(runs, frames, spec, out)                what it looks like; both are drawn by one job, publish

An experiment has the stages that it needs: one that times layers only evaluates, one with an optimiser of its own
brings another `train`, one whose sampling is long keeps finished shards beside `out`. A stage depends on what its
module imports and on nothing else, so a changed figure retrains nothing. `problem.py` holds what the stages share.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec


def stage(experiment: str, name: str) -> Callable:
    """The function of one stage, for example `stage("swiss_roll", "train")`."""
    return getattr(import_module(stage_module(experiment, name)), name)


def has_stage(experiment: str, name: str) -> bool:
    """Whether the experiment has a module for the stage."""
    return find_spec(stage_module(experiment, name)) is not None


def stage_module(experiment: str, name: str) -> str:
    """The dotted name of the module that holds a stage."""
    return f"kanpipe.experiments.{experiment}.{name}"
