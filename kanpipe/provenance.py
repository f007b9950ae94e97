"""Where a result comes from: the code, the commit, the versions.

A workflow engine sees a changed script but not a changed module that the script imports. So every rule carries, as
a parameter, a hash of the source that its stage depends on: the stage's module and whatever of this package it
imports, directly or not, with comments, docstrings and layout left out, and so are the few modules in `NO_NUMBERS`.
"""

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
# Modules that say how a job is run and told of, and cannot change a number.
NO_NUMBERS = {"kanpipe", "kanpipe.errors", "kanpipe.files", "kanpipe.progress", "kanpipe.provenance"}
RECORDED = ("torch", "numpy", "scipy", "scikit-learn", "pot", "pandas", "safetensors", "snakemake")


def code_hash(module: str) -> str:
    """A hash of `module` (a dotted name in this package) and of the modules of the package that it depends on."""
    digest = hashlib.sha256()
    for name in sorted(imported_modules(module) - NO_NUMBERS):
        digest.update(f"{name}\n{_normal_form(_source(name))}\n".encode())
    return digest.hexdigest()[:16]


def imported_modules(module: str) -> set[str]:
    """The names of the modules of this package that `module` depends on, itself and the parents included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(_source(name)) | _parents(name)
    return found


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
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in names if name.split(".")[0] == PACKAGE.name and _source(name).exists())


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
