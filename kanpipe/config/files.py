"""YAML files of the configuration and folders that it names, with errors that name the file or the key."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kanpipe.errors import UserError, named

# As safe as SafeLoader, and several times as fast where PyYAML was built with libyaml.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MERGE = "<<"  # in the place of a key: the keys of another mapping
DEEPEST, MOST = 30, 100_000  # levels and values of a file; config.yaml has 8 and some 3,000


def load_yaml(path: Path) -> Any:
    """The content of a YAML file; UserError that names the file and the place when it cannot be read.

    A file that nests without end, stands for endless values by its anchors, or has a key twice, is refused as well.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _check_events(text, path)
        content = yaml.load(text, Loader=LOADER)  # noqa: S506
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror} (working folder: {Path.cwd()})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not valid YAML: it is not a text file") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML{place}: {problem}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # of the 13th month, of `!!int x`, and so on
        raise UserError(f"{path} has a value that cannot be read: {error}") from error
    _check_size(content, path)
    return content


def load_section(path: Path) -> dict[Any, Any]:
    """The keys of a YAML file of the configuration; UserError as of `load_yaml`, and when it has no keys."""
    content = load_yaml(path)
    if not isinstance(content, dict):
        found = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise UserError(f"{path} {found} where keys with values should stand, such as `preset: quick`")
    if "__use_yte__" in content:
        raise UserError(f"{path} has the key __use_yte__, by which Snakemake would run code from it; take it out")
    return content


@dataclass
class _Collection:
    """A list or mapping that is being read; the keys that it has, if it is a mapping."""

    keys: set[str] | None
    at_key: bool = True


def _check_events(text: str, path: Path) -> None:
    """Look before loading: libyaml's loader overflows the stack of the process, and of equal keys it takes the last."""
    within: list[_Collection] = []
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.CollectionEndEvent):
            within.pop()
        elif isinstance(event, yaml.NodeEvent):
            if within and within[-1].keys is not None:
                _check_key(within[-1], event, path)
            if isinstance(event, yaml.CollectionStartEvent):
                within.append(_Collection(set() if isinstance(event, yaml.MappingStartEvent) else None))
        if len(within) > DEEPEST:
            raise UserError(f"{path} nests deeper than {DEEPEST} levels at line {line}")


def _check_key(mapping: _Collection, event: yaml.NodeEvent, path: Path) -> None:
    assert mapping.keys is not None
    if mapping.at_key and isinstance(event, yaml.ScalarEvent) and event.value != MERGE:
        if event.value in mapping.keys:
            line = event.start_mark.line + 1
            raise UserError(f"{path} has the key {named(event.value)} twice in one place, again at line {line}")
        mapping.keys.add(event.value)
    mapping.at_key = not mapping.at_key


def _check_size(content: Any, path: Path) -> None:
    """Count what the content stands for when every anchor is written out, as Snakemake does."""
    waiting, count = [(content, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if depth > DEEPEST:
            raise UserError(f"{path} nests deeper than {DEEPEST} levels: has it an anchor that contains itself?")
        if count > MOST:
            raise UserError(f"{path} stands for more than {MOST:,} values, its anchors written out; make it smaller")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
        waiting.extend((part, depth + 1) for part in inner)


def preset_file(config: dict[str, Any], presets: Path) -> str:
    """The overlay of the configured preset; UserError for a preset that does not exist."""
    known = sorted(path.stem for path in presets.glob("*.yaml"))
    if config.get("preset") not in known:
        raise UserError(f"preset: there is no preset {config.get('preset')!r}; choose one of {', '.join(known)}")
    return str(presets / f"{config['preset']}.yaml")


def check_writable(folder: Path, key: str = "results_dir") -> None:
    """Raise UserError when nothing can be written into `folder`, the value of `key`, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(
            f"{key}: {folder} cannot be written, since {existing} is not a folder that you may write to; "
            f"give another with --config {key}=PATH"
        )
