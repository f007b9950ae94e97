"""Settings of all variants and of one of them, laid over each other."""

from typing import Annotated, Any, TypeVar

from pydantic import Field, create_model

from kanpipe.config.models import Section

Common = TypeVar("Common", bound=Section)


def overlaid(common: Common, own: Section | None) -> Common:
    """The settings of all variants with those that one of them has itself, if any, laid over them."""
    given = {} if own is None else {key: value for key, value in own if value is not None}
    return common.model_copy(update=given)


def where_it_differs(common: type[Section], words: str) -> type[Section]:
    """The model `common` with no key required."""
    optional: dict[str, Any] = {
        key: (Annotated[(field.annotation | None, *field.metadata, Field(description=field.description))], None)  # type: ignore[operator]  # a type, not a value
        for key, field in common.model_fields.items()
    }
    name, module = f"Own{common.__name__}", common.__module__
    return create_model(name, __base__=Section, __doc__=words, __module__=module, **optional)
