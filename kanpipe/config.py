"""Composition and validation of the configuration, with errors that name the key."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kanpipe.errors import UserError

AROUND = {"linear_norm", "conv_norm", "output_activation"}
ANY_KAN = AROUND | {"grid_range", "base_activation", "scaler", "bias", "init", "recompute", "input_norm"}
FAMILY_OPTIONS = {
    "mlp": AROUND,
    "kan": ANY_KAN | {"grid_size", "spline_order"},
    "fastkan": ANY_KAN | {"centres", "layer_norm"},
    "fasterkan": ANY_KAN | {"centres", "layer_norm", "published_gradient"},
}
LAYER_OPTIONS = set.union(*FAMILY_OPTIONS.values())


def load_yaml(path: Path) -> Any:
    """The content of a YAML file; UserError that names the file and the place when it cannot be read."""
    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror} (working folder: {Path.cwd()})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not valid YAML: it is not a text file") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{path} is not valid YAML{place}: {getattr(error, 'problem', error)}") from error


def preset_file(config: dict[str, Any], presets: Path) -> str:
    """The overlay of the configured preset; UserError for a preset that does not exist."""
    known = sorted(path.stem for path in presets.glob("*.yaml"))
    if config.get("preset") not in known:
        raise UserError(f"preset: there is no preset {config.get('preset')!r}; choose one of {', '.join(known)}")
    return str(presets / f"{config['preset']}.yaml")


def without_nulls(value: Any) -> Any:
    """The configuration without the keys that an overlay has set to null, which is how it leaves something out."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


def check(config: dict[str, Any], schema_file: Path) -> None:
    """Raise UserError, one sentence for the first fault, when the configuration does not fit its schema.

    Snakemake's own `validate` would print the schema beside the fault, and does not know NaN or relations of keys.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend

    # To JSON Schema 4.0 is an integer; to the code that counts with it, it is not.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    schema = load_yaml(schema_file)
    errors = list(extend(Draft202012Validator, type_checker=types)(schema).iter_errors(config))
    # A fault in one of a schema's parts makes all keys of that part unknown as well.
    error = best_match([error for error in errors if error.validator != "unevaluatedProperties"] or errors)
    if error is not None:
        path = ".".join(str(part) for part in error.absolute_path) or "the configuration"
        raise UserError(f"{path}: {_sentence(error, schema['$defs'])}")
    for path, fault in _faults(config):
        raise UserError(f"{path}: {fault}")


def _sentence(error: Any, definitions: dict[str, Any]) -> str:
    """jsonschema's message, in words for somebody who has never seen the schema."""
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        unknown = re.findall(r"'([^']+)'", error.message)
        parts = [definitions[part["$ref"].rsplit("/", 1)[-1]] for part in error.schema.get("allOf", [])]
        known = [key for part in (*parts, error.schema) for key in part.get("properties", ())]
        return f"unknown key {', '.join(unknown)}" + (f"; known here: {', '.join(known)}" if known else "")
    if error.validator == "uniqueItems":
        return f"{error.instance} names something twice"
    return f"{error.message} ({error.schema['description']})" if "description" in error.schema else error.message


def _faults(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a schema cannot say: that numbers are finite, and relations between keys."""
    yield from _not_finite(config)
    for name, experiment in config["experiments"].items():
        path = f"experiments.{name}"
        if unknown := experiment.get("variant_seeds", {}).keys() - experiment.get("variants", {}):
            yield f"{path}.variant_seeds", f"there is no variant {min(unknown)}"
        for variant, options in experiment.get("variants", {}).items():
            yield from _variant_faults(f"{path}.variants.{variant}", options)
            if own := options.get("training"):
                yield from _late(f"{path}.variants.{variant}.training", experiment["training"] | own)
            if network := experiment.get("problem", {}).get("network"):
                yield from _network_faults(f"{path}.variants.{variant}", network | options.get("network", {}))
        yield from _late(f"{path}.training", experiment.get("training", {}))


def _late(path: str, training: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Moments that a training does not reach."""
    for key, end in (("snapshot_epochs", "epochs"), ("probe_steps", "steps")):
        if late := [moment for moment in training.get(key, []) if moment >= training[end]]:
            yield f"{path}.{key}", f"{late} lies at or beyond the end, {training[end]} {end}"


def _network_faults(path: str, network: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if network["channels"] % network["groups"]:
        yield f"{path}.network", f"{network['channels']} channels cannot be cut into {network['groups']} equal groups"


def _not_finite(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(path), f"{value} is not a finite number"
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in parts:
        yield from _not_finite(inner, (*path, str(key)))


def _variant_faults(path: str, options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    name = options["family"]
    extra = options.keys() & LAYER_OPTIONS - FAMILY_OPTIONS[name]
    if extra:
        yield f"{path}.{min(extra)}", f"the family {name} has no such option"
    low, high = options.get("grid_range", (-1, 1))
    if low >= high:
        yield f"{path}.grid_range", f"the first end, {low}, must lie below the second, {high}"
    if middle := options.get("middle"):
        yield from _variant_faults(f"{path}.middle", middle)


def check_writable(folder: Path, key: str = "results_dir") -> None:
    """Raise UserError when nothing can be written into `folder`, the value of `key`, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(
            f"{key}: {folder} cannot be written, since {existing} is not a folder that you may write to; "
            f"give another with --config {key}=PATH"
        )
