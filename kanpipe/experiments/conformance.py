"""Whether a kind of experiments keeps to the protocol.

    python -m kanpipe.experiments.conformance [KIND ...]

says of every kind, or of those that are named, what does not fit.
"""

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from kanpipe.config.kinds import BLOCKS, config_module, kinds
from kanpipe.config.models import Entry, Section, TrainedEntry
from kanpipe.experiments import has_stage, stage, stage_module
from kanpipe.experiments.protocol import STAGES, Outputs

NEEDED = ("tables", "figures")  # of every kind, and one of SOURCES
SOURCES = ("evaluate", "speed")


def faults(kind: str) -> list[str]:
    """What does not fit the protocol in a kind, a sentence each; none where all does."""
    return [*_configuration_faults(kind), *_outputs_faults(kind), *_stages_faults(kind)]


def _configuration_faults(kind: str) -> Iterator[str]:
    module = config_module(kind)
    if not issubclass(getattr(module, "Experiment", object), Entry):
        yield f"{module.__name__} has no model Experiment of an entry"
        return
    if not has_stage(kind, "train"):
        return
    if not issubclass(module.Experiment, TrainedEntry):
        yield f"{module.__name__}.Experiment is no TrainedEntry, but the kind trains"
    wanted = {*BLOCKS["train"], "variant"}
    if not issubclass(getattr(module, "Trained", object), Section) or set(module.Trained.model_fields) != wanted:
        yield f"{module.__name__} has no model Trained of {', '.join(sorted(wanted))}"


def _outputs_faults(kind: str) -> Iterator[str]:
    name = f"kanpipe.experiments.{kind}.outputs"
    try:
        outputs = import_module(name).OUTPUTS
    except (ImportError, AttributeError):
        yield f"{name} has no OUTPUTS"
        return
    if not isinstance(outputs, Outputs):
        yield f"{name}.OUTPUTS is no Outputs"
    elif "runs" not in (*outputs.frames, outputs.timed):
        yield f"{name}.OUTPUTS has no frame `runs`, which claims are read from"
    elif not outputs.tables or outputs.tables[0]:
        yield f'{name}.OUTPUTS has no first table "", which has the name of the experiment'


def _stages_faults(kind: str) -> Iterator[str]:
    for name in NEEDED:
        if not has_stage(kind, name):
            yield f"{stage_module(kind, name)} is missing"
    if not any(has_stage(kind, name) for name in SOURCES):
        yield f"{stage_module(kind, SOURCES[0])} is missing, and so is {SOURCES[1]}"
    for name, protocol in STAGES.items():
        if has_stage(kind, name):
            yield from _signature_faults(kind, name, protocol)


def _signature_faults(kind: str, name: str, protocol: type) -> Iterator[str]:
    module = stage_module(kind, name)
    try:
        found = inspect.signature(stage(kind, name)).parameters
    except AttributeError:
        yield f"{module} has no function {name}"
        return
    wanted = [key for key in inspect.signature(protocol.__call__).parameters if key != "self"]
    if list(found) != wanted:
        yield f"{module}.{name} takes {', '.join(found)} instead of {', '.join(wanted)}"
    elif "spec" in found and not _is(found["spec"].annotation, config_module(kind).Experiment):
        yield f"{module}.{name} takes another spec than the Experiment of its kind"


def _is(annotation: Any, model: type) -> bool:
    return annotation in (model, model.__name__)


def main() -> None:
    found = [f"{kind}: {fault}" for kind in sys.argv[1:] or kinds() for fault in faults(kind)]
    print("\n".join(found) if found else "all kinds keep to the protocol")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
