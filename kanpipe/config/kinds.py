"""The kinds of experiments, and what each of their stages is given of an entry of the configuration."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter

import kanpipe.experiments
from kanpipe.config.models import Entry, Section

# The blocks of an entry that a stage depends on, of those that the kind has. Changed, they repeat the stage.
BLOCKS = {
    "models": ("problem", "variants"),
    "train": ("problem", "training"),
    "sample": ("sampling",),
    "evaluate": ("problem", "sampling", "evaluation"),
    "derived": ("training", "variants", "evaluation"),
    "speed": ("problem", "variants", "timing"),
    "figures": ("problem", "training", "variants", "evaluation", "figures"),
}
WORDS = {"role", "title", "match"}  # of a variant: what is said of it, on which no number depends


@cache
def kinds() -> list[str]:
    """The kinds that there are: the folders of kanpipe/experiments with a config.py."""
    names = [module.name for module in iter_modules(kanpipe.experiments.__path__) if module.ispkg]
    return [name for name in names if find_spec(f"kanpipe.experiments.{name}.config")]


def with_kinds(entries: Any) -> Any:
    """The entries below `experiments`, each with its kind: that of its own name, where it names none."""
    if not isinstance(entries, dict):
        return entries
    return {name: {"kind": name} | entry if isinstance(entry, dict) else entry for name, entry in entries.items()}


def config_module(kind: str) -> ModuleType:
    """The module with the models of a kind: `Experiment`, and `Trained` where it trains."""
    return import_module(f"kanpipe.experiments.{kind}.config")


def blocks(entry: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """What a stage depends on of a plain entry of the configuration.

    Of the variants, `speed` is given those that it times, and figures alone what is said of them.
    """
    found = {name: entry[name] for name in BLOCKS[stage] if name in entry}
    if "variants" in found and stage != "figures":
        timed = entry.get("timing", {}).get("variants", ()) if stage == "speed" else found["variants"]
        found["variants"] = {name: without_words(found["variants"][name]) for name in timed}
    return found


def without_words(variant: Mapping[str, Any]) -> dict[str, Any]:
    """What the numbers of a variant depend on."""
    return {key: value for key, value in variant.items() if key not in WORDS}


def parsed(kind: str, values: Mapping[str, Any]) -> Entry:
    """Blocks of an entry as its kind's `Experiment`, which has no other blocks: to read one is an AttributeError."""
    model = config_module(kind).Experiment
    found = {name: _adapter(model, name).validate_python(value) for name, value in values.items()}
    return model.model_construct(**found)


@cache
def _adapter(model: type[Entry], name: str) -> TypeAdapter:
    field = model.model_fields[name]
    return TypeAdapter(field.rebuild_annotation())


def trained(kind: str, values: Mapping[str, Any]) -> Section:
    """What a training depends on, as the kind's `Trained`."""
    return config_module(kind).Trained.model_validate(values)
