"""The weights of the Inception in whose features FID is measured."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kanpipe.data.sources import SOURCES


def inception_weights(config: Mapping[str, Any]) -> Path:
    """The file to use: the key `inception_weights` of `data`, else the environment's KANPIPE_INCEPTION.

    Where neither is set it is the published one, in the data folder.
    """
    named = config["data"].get("inception_weights") or os.environ.get("KANPIPE_INCEPTION")
    return Path(named).expanduser() if named else Path(config["data_dir"]) / SOURCES["inception"][0].name
