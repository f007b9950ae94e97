"""What is wrong with a configuration, told in one sentence that names the key."""

from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from kanpipe.config.schema import Schema
from kanpipe.errors import named, shown
from kanpipe.layers.registry import is_family

TYPES = {
    "int_type": "integer",
    "float_type": "number",
    "bool_type": "boolean",
    "string_type": "string",
    "list_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
BOUNDS = {
    "greater_than_equal": ("ge", "less than the minimum of"),
    "greater_than": ("gt", "less than or equal to the minimum of"),
    "less_than_equal": ("le", "greater than the maximum of"),
    "less_than": ("lt", "greater than or equal to the maximum of"),
    "multiple_of": ("multiple_of", "not a multiple of"),
}
NOT_TEXT = (
    "the key {} is not text: YAML takes yes, no, on, off, numbers and dates for values of their own; "
    "write it in quotes or choose another"
)


def told(fault: ValidationError, schema: Schema) -> tuple[list, str]:
    """The path of the first of pydantic's errors, and a sentence for somebody who has never seen the models."""
    errors: list[dict[str, Any]] = list(map(dict, fault.errors(include_url=False)))
    error = _most_telling(errors)
    place, context, value = schema.at(error["loc"]), error.get("ctx", {}), error["input"]
    match error["type"]:
        case "fault":
            return [*place.path, *context["path"]], context["words"]
        case "missing" if isinstance(place.path[-1], int):
            return place.path[:-1], "it has too few values"
        case "missing":
            return place.path[:-1], f"{place.path[-1]!r} is a required property"
        case "union_tag_not_found":
            return place.path, f"{context['discriminator']} is a required property"
        case "union_tag_invalid":
            tag = context["discriminator"].strip("'")
            brought = tag == "kind" or is_family(context["tag"])  # from another package, which cannot be everywhere
            more = "" if brought else ", and names no family as package.module:Family"
            return [*place.path, tag], f"{context['tag']!r} is not one of [{context['expected_tags']}]{more}"
        case "invalid_key":
            return place.path[:-1], NOT_TEXT.format(shown(value))
        case "string_type" if error["loc"][-1] == "[key]":
            return place.path, NOT_TEXT.format(shown(value))
        case "extra_forbidden" if place.path[-1] in place.of_others:
            return place.path, f"the {place.tag} {error['loc'][-2]} has no such key"
        case "extra_forbidden":
            return place.path[:-1], _unknown(errors, place.parent)
    return place.path, _wrong(error["type"], value, context, place.node)


def _most_telling(errors: list[dict[str, Any]]) -> dict[str, Any]:
    """The first error; of a key that is missing where an unknown one stands, which is its misspelling, the latter."""
    first = errors[0]
    if first["type"] != "missing":
        return first
    beside = (e for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == first["loc"][:-1])
    return next(beside, first)


def _unknown(errors: list[dict[str, Any]], parent: dict[str, Any]) -> str:
    place = _most_telling(errors)["loc"][:-1]
    keys = [named(e["loc"][-1]) for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == place]
    return f"unknown key {', '.join(keys)}; known here: {', '.join(parent.get('properties', ()))}"


def _as_number(kind: str, value: Any) -> str:
    """How to write a number that YAML has taken for text, as it does 1e-3."""
    if kind not in ("float_type", "int_type") or not isinstance(value, str):
        return ""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return ""
    return f": YAML takes it for text; write {number:f}" if number.is_finite() else ""


def _wrong(kind: str, value: Any, context: dict[str, Any], node: dict[str, Any]) -> str:
    """What is wrong with a single value, with what the schema says of it."""
    if kind in TYPES:
        words = f"{shown(value)} is not of type {TYPES[kind]!r}{_as_number(kind, value)}"
    elif kind in BOUNDS:
        bound, relation = BOUNDS[kind]
        words = f"{shown(value)} is {relation} {str(context[bound]).removesuffix('.0')}"
    elif kind == "finite_number":
        words = f"{shown(value)} is not a finite number"
    elif kind == "literal_error":
        words = f"{shown(value)} is not one of {node.get('enum', [node.get('const')])}"
    elif kind == "string_pattern_mismatch":
        words = f"{shown(value)} does not match {context['pattern']!r}"
    elif kind in ("too_short", "string_too_short"):
        words = f"{shown(value)} should be non-empty" if context["min_length"] == 1 else f"{shown(value)} is too short"
    elif kind in ("too_long", "string_too_long"):
        words = f"{shown(value)} is too long"
    else:
        words = f"{shown(value)} does not fit"
    return f"{words} ({node['description']})" if "description" in node else words
