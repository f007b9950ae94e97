"""YAML files of the configuration and folders that it names, with errors that name the file or the key."""

import os
from pathlib import Path
from typing import Any

import yaml

from kanpipe.errors import UserError

# As safe as SafeLoader, and several times as fast where PyYAML was built with libyaml.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(path: Path) -> Any:
    """The content of a YAML file; UserError that names the file and the place when it cannot be read."""
    try:
        return yaml.load(path.read_text(), Loader=LOADER)  # noqa: S506
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


def check_writable(folder: Path, key: str = "results_dir") -> None:
    """Raise UserError when nothing can be written into `folder`, the value of `key`, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(
            f"{key}: {folder} cannot be written, since {existing} is not a folder that you may write to; "
            f"give another with --config {key}=PATH"
        )
