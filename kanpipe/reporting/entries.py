"""The entries of the configuration, outside of the workflow."""

import copy
from functools import cache
from typing import Any

from snakemake.utils import update_config

from kanpipe.config import effective, load_yaml
from kanpipe.reporting.folders import SOURCE

KEPT = "cpu"  # the preset by which kept networks are called


def entries_of(preset: str) -> dict[str, Any]:
    """The experiments of config.yaml as a preset has them, by their names."""
    return copy.deepcopy(_entries(preset))


@cache
def _entries(preset: str) -> dict[str, Any]:
    config: dict[str, Any] = {}  # into which mappings that share an anchor are copied each for itself
    for path in ("config.yaml", f"workflow/presets/{preset}.yaml"):
        update_config(config, load_yaml(SOURCE / path))
    return effective(config)["experiments"]
