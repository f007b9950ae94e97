"""Errors that are told apart, and values as a sentence may have them."""

import errno
from typing import Any

LONGEST = 100  # characters of a value that a sentence quotes whole
FULL = (errno.ENOSPC, errno.EDQUOT)  # of an OSError: the disk, or what the user may have of it


class UserError(Exception):
    """A fault that the user can mend; its text is one sentence naming the file or key and what to do."""


def shown(value: Any) -> str:
    """A value as a sentence may have it: on one line, a text in quotes, the rest of a long one left out."""
    return repr(_cut(value)) if isinstance(value, str) else named(value)


def named(value: Any) -> str:
    """The same without quotes, as for a key."""
    return " ".join(_cut(str(value)).split())


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _cut(text: str) -> str:
    return f"{text[:60]}... ({len(text):,} characters)" if len(text) > LONGEST else text


class NotKept(Exception):
    """A file of a run is asked for of which only the row is kept."""
