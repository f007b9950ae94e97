"""The configuration: how it is composed, the models that it is checked with, and the files that describe it."""

from kanpipe.config.compose import composed, effective, left_out, plain, without_nulls
from kanpipe.config.files import check_writable, load_section, load_yaml, preset_file
from kanpipe.config.validation import check

__all__ = [
    "check",
    "check_writable",
    "composed",
    "effective",
    "left_out",
    "load_section",
    "load_yaml",
    "plain",
    "preset_file",
    "without_nulls",
]
