"""Where a result comes from: the code, the commit, the versions.

A workflow engine sees a changed script but not a changed module that the script imports. So every rule carries, as
a parameter, a hash of the source that its stage depends on: the stage's module and whatever of this package it
imports, directly or not; of the layers that are chosen by name, those of the families that a variant names. Comments,
docstrings and layout are left out, and so are the few modules in `NO_NUMBERS`.
"""

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from kanpipe import layers

PACKAGE = Path(__file__).parent
SWITCH = "kanpipe.layers.families"  # imports the layers of a family when it is asked for it
ALL_FAMILIES = tuple(layers.FAMILY_LAYERS)
# Modules that say how a job is run and told of, and cannot change a number. `files` decides how many digits a table
# has, which is part of the format that all stages share: whoever changes it starts from empty results.
# The models of the configuration make none either: what they hold reaches a stage as its parameters.
NO_NUMBERS: tuple[str, ...] = ("kanpipe", "kanpipe.errors", "kanpipe.files", "kanpipe.progress", "kanpipe.provenance")
NO_NUMBERS += ("kanpipe.experiments", "kanpipe.experiments.protocol")
DECLARATIONS = ("kanpipe.config", ".config", ".outputs")  # beginning or ends of the names of modules that only declare
RECORDED = ("torch", "numpy", "scipy", "scikit-learn", "pot", "pandas", "safetensors", "snakemake")


def code_hash(module: str, families: Collection[str] = ALL_FAMILIES) -> str:
    """A hash of `module` (a dotted name in this package) and of the modules of the package that it depends on.

    Of layers that are chosen by the name of their family, those of `families` count.
    """
    digest = hashlib.sha256()
    for name in filter(_makes_numbers, sorted(imported_modules(module, families))):
        digest.update(f"{name}\n{_normal_form(_source(name))}\n".encode())
    return digest.hexdigest()[:16]


def _makes_numbers(module: str) -> bool:
    begins, *ends = DECLARATIONS
    return module not in NO_NUMBERS and not module.startswith(begins) and not module.endswith(tuple(ends))


def named_families(options: Any) -> set[str]:
    """The layer families that the options of a variant name, at any depth."""
    if isinstance(options, dict):
        return set().union(*map(named_families, options.values()))
    return {options} & set(ALL_FAMILIES) if isinstance(options, str) else set()


def imported_modules(module: str, families: Collection[str] = ALL_FAMILIES) -> set[str]:
    """The names of the modules of this package that `module` depends on, itself and the parents included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(_source(name)) | _parents(name)
            waiting += _layers(families) if name == SWITCH else []
    return found


def _layers(families: Collection[str]) -> list[str]:
    """The modules that the switch between families imports when it is asked for these."""
    return [f"{layers.__name__}.{layers.HOMES[layer]}" for name in families for layer in layers.FAMILY_LAYERS[name]]


def _parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts))}


def _source(name: str) -> Path:
    stem = PACKAGE.parent.joinpath(*name.split("."))
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _imports(path: Path) -> frozenset[str]:
    """The modules of this package named in any import statement of the file, at the top or in a function."""
    names = set()
    for node in _executed(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in names if name.split(".")[0] == PACKAGE.name and _source(name).exists())


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, but for those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from _executed(child)


@cache
def _normal_form(path: Path) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
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


def origin(machine: Any, commits: list[str]) -> dict[str, Any]:
    """What a record says of the `kanpipe.machine.Machine` and of the commits, one a sitting, that a run was made by."""
    return {
        "sittings": len(commits),
        "peak_memory_mib": round(machine.peak_memory_mib(), 1),
        "device": machine.name,
        "threads": machine.threads,
        "commit": " ".join(dict.fromkeys(commits)),
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
