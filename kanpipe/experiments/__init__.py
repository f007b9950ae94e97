"""The kinds of experiments: one folder each, as `kanpipe.experiments.protocol` describes it."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kanpipe.experiments.protocol import Outputs


MODULES = {"models": "problem"}  # where a stage stands in the module of another name


def stage(kind: str, name: str) -> Callable:
    """The function of one stage, for example `stage("swiss_roll", "train")`."""
    return getattr(import_module(stage_module(kind, name)), name)


def has_stage(kind: str, name: str) -> bool:
    """Whether the kind has a module for the stage."""
    return find_spec(stage_module(kind, name)) is not None


def outputs(kind: str) -> "Outputs":
    """What the stages of a kind leave."""
    return import_module(f"kanpipe.experiments.{kind}.outputs").OUTPUTS


def stage_module(kind: str, name: str) -> str:
    """The dotted name of the module that holds a stage."""
    return f"kanpipe.experiments.{kind}.{MODULES.get(name, name)}"
