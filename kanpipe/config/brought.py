"""Families of layers that have no model here: those of other packages, and new ones of this one.

Their options are those that the signature of what makes the family names, of the types that it gives. The family is
imported and tried when a configuration names it, and not before.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import Field, SerializationInfo, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import CoreSchema, core_schema

from kanpipe.config.models import Section, fault
from kanpipe.config.schema import Schema
from kanpipe.config.sentences import told
from kanpipe.layers.registry import is_family, maker

Parameter = inspect.Parameter


class Brought(Section):
    """The options of layers whose family is brought."""

    own: ClassVar[tuple[str, ...]] = ()  # their names

    @property
    def options(self) -> dict[str, Any]:
        """The options of the layers that are given, as `kanpipe.layers.families.family` takes them."""
        return {key: getattr(self, key) for key in self.own if key in self.model_fields_set}


@dataclass(frozen=True)
class OrBrought:
    """Annotates a union of sections: its `tag` may also name a family that is brought, in a section of `extra`.

    `known` are the names that the union's own members have.
    """

    extra: type[Section]
    known: frozenset[str]
    tag: str = "family"

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        union = handler(source)
        dumped = core_schema.wrap_serializer_function_ser_schema(_dumped, info_arg=True, schema=union)
        return core_schema.no_info_wrap_validator_function(self._validated, union, serialization=dumped)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Callable[[Any], dict]) -> dict[str, Any]:
        """For editors; what the keys beside the family may be, no schema can know."""
        said = handler(schema)
        words = "a family of another package, as package.module:Family, with the options of its own"
        node = {"type": "string", "pattern": ":", "description": words}
        return said | {
            "oneOf": [*said["oneOf"], {"type": "object", "properties": {self.tag: node}, "required": [self.tag]}]
        }

    def _validated(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        name = value.get(self.tag) if isinstance(value, Mapping) else None
        if not isinstance(name, str) or name in self.known or not is_family(name):
            return handler(value)
        model = section(self.extra, name, self.tag)
        try:
            # As JSON, in which a list may stand for a tuple.
            found = model.model_validate_json(json.dumps(value, default=str))
        except ValidationError as error:
            path, sentence = told(error, Schema(model.model_json_schema()))
            raise fault(sentence, *map(str, path)) from None
        _try(name, found, self.tag)
        return found


def _dumped(value: Section, handler: Callable[[Any], Any], info: SerializationInfo) -> Any:
    """A section that is brought is no member of the union, so it dumps itself."""
    if not isinstance(value, Brought):
        return handler(value)
    return value.model_dump(mode=info.mode, exclude_unset=info.exclude_unset, exclude_none=info.exclude_none)


@cache
def section(extra: type[Section], name: str, tag: str) -> Any:
    """The model of a section of `extra` with the options of the family called `name`; a fault where none can be."""
    options = {key: _field(name, parameter, tag) for key, parameter in _parameters(name, tag).items()}
    fields: dict[str, Any] = {key: field for key, field in options.items() if field is not None}
    if taken := sorted(set(fields) & set(extra.model_fields)):
        words = f"the option {taken[0]} of {name} has the name of a key of the configuration: give it another name"
        raise fault(words, tag)
    fields[tag] = (Literal[name], Field(description=extra.model_fields[tag].description))
    made: Any = create_model(f"{extra.__name__}Brought", __base__=(Brought, extra), __doc__=extra.__doc__, **fields)
    made.own = tuple(key for key in fields if key != tag)
    return made


def _parameters(name: str, tag: str) -> Mapping[str, Parameter]:
    try:
        return inspect.signature(maker(name), eval_str=True).parameters
    except (ValueError, TypeError, NameError) as error:
        raise fault(str(error), tag) from None


def _field(name: str, parameter: Parameter, tag: str) -> tuple[Any, Any] | None:
    """The type of an option, and that it may be left out; None for what a configuration cannot give and need not."""
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        return None
    required = parameter.default is Parameter.empty
    if parameter.kind is not Parameter.POSITIONAL_ONLY:
        kind = Any if parameter.annotation is Parameter.empty else parameter.annotation
        description = f"the option {parameter.name} of {name}"
        try:
            TypeAdapter(kind)
        except PydanticUserError:
            pass
        else:
            return kind, Field(... if required else parameter.default, description=description)
    if required:
        words = f"{name} cannot be made from a configuration, which has nothing of the type of its {parameter.name}"
        raise fault(words, tag)
    return None


def _try(name: str, found: Any, tag: str) -> None:
    """Raise the faults of the family that a section names, made with the options there."""
    from kanpipe.layers.conformance import faults  # with torch, which a configuration is read without otherwise

    if said := faults(name, found.options, found.needs):
        raise fault(f"the layer family {name} does not fit: {'; '.join(said)}", tag)
