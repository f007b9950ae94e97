"""Public names of a package, imported from their home modules when they are asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def names_from(package: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose name `key` lies in its module `homes[key]`.

    So nothing that imports one module of the package depends on the others.
    """

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return __getattr__
