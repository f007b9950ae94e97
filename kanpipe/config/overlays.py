"""The files that a command line lays over the configuration, looked at before Snakemake reads them.

    python -m kanpipe.config.overlays [the arguments of Snakemake]

Snakemake reads them before it reads the Snakefile, and tells what is wrong with them in its own words, which name no
file. So the profiles ask here first. The status is 2, with one sentence, when a file cannot be used.
"""

import json
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from kanpipe.config.files import load_section
from kanpipe.errors import UserError

OPTIONS = ("--configfile", "--configfiles")
USABLE, UNUSABLE = 0, 2


def check_overlays(arguments: list[str]) -> None:
    """Raise UserError when a file that `--configfile` names among the arguments cannot be laid over others."""
    for file, is_first in _named(arguments):
        path = Path(file)
        if not path.exists() and not is_first:
            raise UserError(
                f"--configfile: there is no file {file} (working folder: {Path.cwd()}); a target stands before the "
                f"options, as in: snakemake {file} --configfile FILE"
            )
        if path.suffix == ".json":
            _check_json(path)
        else:
            load_section(path)


def _named(arguments: list[str]) -> Iterator[tuple[str, bool]]:
    """Every file, and whether it is the first after its option: the option takes all that follow."""
    for place, argument in enumerate(arguments):
        option, is_joined, file = argument.partition("=")
        if option in OPTIONS:
            files = takewhile(lambda word: not word.startswith("-"), arguments[place + 1 :])
            yield from [(file, True)] if is_joined else ((word, n == 0) for n, word in enumerate(files))


def _check_json(path: Path) -> None:
    """As `load_section`; JSON may be indented by tabs, which YAML may not."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror} (working folder: {Path.cwd()})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__} where keys with values should stand")


def main(arguments: list[str]) -> int:
    """The status to end with."""
    try:
        check_overlays(arguments)
    except UserError as error:
        print(f"kanpipe: {error}", file=sys.stderr)
        return UNUSABLE
    return USABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
