"""Settings of all variants and of one of them, laid over each other."""

from typing import TypeVar

from kanpipe.config.models import Section

Common = TypeVar("Common", bound=Section)


def overlaid(common: Common, own: Section | None) -> Common:
    """The settings of all variants with those that one of them has itself, if any, laid over them."""
    given = {} if own is None else {key: value for key, value in own if value is not None}
    return common.model_copy(update=given)
