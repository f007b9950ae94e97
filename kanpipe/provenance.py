"""Where a result comes from: the code, the commit, the versions.

A workflow engine sees a changed script but not a changed module that the script imports. So every rule carries, as
a parameter, a hash of the source that its stage depends on: the stage's module and whatever of this package it
imports, directly or not; of the layers that are chosen by name, those of the families that a variant names, with what
they import of the package that they are from. Comments, docstrings and layout are left out, and so are the few modules
in `NO_NUMBERS`.
"""

import ast
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kanpipe.errors import UserError
from kanpipe.layers.registry import FAMILIES, is_family, place

PACKAGE = Path(__file__).parent
SWITCH = "kanpipe.layers.families"  # imports the layers of a family when it is asked for it
ALL_FAMILIES = tuple(FAMILIES)
# Modules that say how a job is run and told of, and cannot change a number. `files` decides how many digits a table
# has, which is part of the format that all stages share: whoever changes it starts from empty results.
# The models of the configuration make none either: what they hold reaches a stage as its parameters.
NO_NUMBERS: tuple[str, ...] = ("kanpipe", "kanpipe.errors", "kanpipe.files", "kanpipe.progress", "kanpipe.provenance")
NO_NUMBERS += ("kanpipe.digests", "kanpipe.gpus", "kanpipe.experiments", "kanpipe.experiments.protocol")
NO_NUMBERS += ("kanpipe.layers", "kanpipe.layers.registry")  # they say where the layers are
CONFIGURATION = "kanpipe.config"
DECLARATIONS = (CONFIGURATION, ".config", ".outputs")  # beginning or ends of the names of modules that only declare
STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)  # what statements may lie in
RECORDED = ("torch", "numpy", "scipy", "scikit-learn", "pot", "pandas", "safetensors", "snakemake", "numba")


def code_hash(module: str, families: Collection[str] = ALL_FAMILIES) -> str:
    """A hash of `module` (a dotted name in this package) and of the modules of the package that it depends on.

    Of layers that are chosen by the name of their family, those of `families` count.
    """
    digest, found = hashlib.sha256(), imported_modules(module, families)
    if SWITCH in found:
        digest.update("\n".join(sorted(place(name) for name in families)).encode())
    for name in filter(_makes_numbers, sorted(found)):
        digest.update(f"{name}\n{_normal_form(_source(name))}\n".encode())
    return digest.hexdigest()[:16]


def _makes_numbers(module: str) -> bool:
    begins, *ends = DECLARATIONS
    return module not in NO_NUMBERS and not module.startswith(begins) and not module.endswith(tuple(ends))


def named_families(options: Any) -> set[str]:
    """The layer families that the options of a variant name, at any depth."""
    if isinstance(options, dict):
        return set().union(*map(named_families, options.values()))
    return {options} if isinstance(options, str) and is_family(options) else set()


def imported_modules(module: str, families: Collection[str] = ALL_FAMILIES) -> set[str]:
    """The names of the modules of its own package that `module` depends on, itself and the parents included.

    Where it chooses layers by the name of their family, the modules of `families` and what they import of this package
    and of the one that they are from.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            # What checks a configuration, and looks for the widths in it, has done so before a stage begins.
            waiting += (
                _parents(name) if name.startswith(CONFIGURATION) else _imports(name, _source(name)) | _parents(name)
            )
            waiting += map(_module_of, families) if name == SWITCH else []
    return found


def _module_of(family: str) -> str:
    """The module that a family is found in; UserError when it has no source that could be recorded."""
    module = place(family).partition(":")[0]
    if not _source(module).exists():
        raise UserError(f"the layer family {family} has no source in Python: there is no module {module} to be found")
    return module


def brought(options: Any) -> dict[str, dict[str, str]]:
    """Where the families that options name and that are not of this package come from, by their names.

    The module, the package and version that it was installed as, none for a file alone, and the SHA-256 of its source.
    """
    named = {name: _module_of(name) for name in sorted(named_families(options))}
    return {name: _origin_of(module) for name, module in named.items() if module.split(".")[0] != PACKAGE.name}


def _origin_of(module: str) -> dict[str, str]:
    distributions = importlib.metadata.packages_distributions().get(module.split(".")[0], [])
    installed = " ".join(f"{name} {importlib.metadata.version(name)}" for name in dict.fromkeys(distributions))
    content = _source(module).read_bytes()
    return {"module": module, "package": installed or "none", "sha256": hashlib.sha256(content).hexdigest()}


def _parents(name: str) -> set[str]:
    """The packages that a module lies in, but for those that are folders alone."""
    parts = name.split(".")
    return {parent for n in range(1, len(parts)) if _source(parent := ".".join(parts[:n])).exists()}


def _source(name: str) -> Path:
    """Where the file of a module is, if there is one; nothing is imported to find it."""
    package, *parts = name.split(".")
    stem = _folder(package).joinpath(package, *parts)
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def _folder(package: str) -> Path:
    """The folder that a package, or a module that is in none, lies in; one that cannot be where there is none."""
    if package == PACKAGE.name:
        return PACKAGE.parent
    found = find_spec(package)
    places = list(found.submodule_search_locations or ()) if found else []
    if found and found.has_location and found.origin:
        places.append(found.origin)
    return Path(places[0]).parent if places else Path(os.devnull)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _imports(name: str, path: Path) -> frozenset[str]:
    """The modules of its own package, and of this one, named in any import of a module, at its top or in a function."""
    names: set[str] = set()
    for node in _executed(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = _home(name, path, node)
            names |= {home} | {f"{home}.{alias.name}" for alias in node.names}
    followed = (PACKAGE.name, name.split(".")[0])
    return frozenset(found for found in names if found.split(".")[0] in followed and _source(found).exists())


def _home(name: str, path: Path, node: ast.ImportFrom) -> str:
    """The module that is imported from, which may be named from where the importing one is."""
    if not node.level:
        return node.module or ""
    own = name.split(".")
    steps = node.level - 1 if path.name == "__init__.py" else node.level
    return ".".join([*own[: len(own) - steps], *filter(None, [node.module])])


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node, but for those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, STATEMENTS) and not (
            isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        ):
            yield child
            yield from _executed(child)


@cache
def _normal_form(path: Path) -> str:
    tree = _tree(path)  # which loses its docstrings: they import nothing
    for node in [tree, *_executed(tree)]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def commit() -> str:
    """The git commit of the source, `-dirty` when files differ from it, `unknown` outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that numbers depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in RECORDED}


def origin(machine: Any, commits: list[str], devices: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """What a record says of the `kanpipe.machine.Machine`, and of the commits and devices, one a sitting each.

    And of the families of layers that the settings of the run bring from elsewhere.
    """
    return {
        "sittings": len(commits),
        "peak_memory_mib": round(machine.peak_memory_mib(), 1),
        "device": machine.name,
        "earlier_devices": [name for name in dict.fromkeys(devices) if name != machine.name],
        "threads": machine.threads,
        "commit": " ".join(dict.fromkeys(commits)),
        "versions": versions(),
        "families": brought(settings),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
