"""The reference of the layers, docs/layers_reference.md, made from their docstrings.

python -m kanpipe.layers.document
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from kanpipe import layers

FILE = Path(__file__).parents[2] / "docs/layers_reference.md"
INTRODUCTION = """# Reference of the layers

Made by `python -m kanpipe.layers.document` from the docstrings. [The layers by themselves](layers.md) shows their use.
Names of the first section are imported from `kanpipe.layers`, others from the module that heads their section.
"""
# Modules whose functions stand outside the layers.
TOOLS = ("refit", "growing", "pruning", "diagnostics")


def text() -> str:
    """The whole page."""
    found = [INTRODUCTION, "\n## kanpipe.layers\n"]
    found += [_entry(getattr(layers, name)) for name in layers.HOMES]
    for tool in TOOLS:
        module = import_module(f"{layers.__name__}.{tool}")
        found += [f"\n## {module.__name__}\n", f"\n{inspect.getdoc(module)}\n", *map(_entry, _public(module))]
    return "".join(found)


def _public(module: Any) -> Iterator[Any]:
    """What the module defines under a name of its own, in the order of its text."""
    for name, value in vars(module).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__ and inspect.getdoc(value):
            yield value


def _entry(value: Any) -> str:
    """Its name, its arguments a line each, and its docstring."""
    names = [f"    {parameter}," for parameter in _parameters(value)]
    call = "\n".join([f"{value.__name__}(", *names, ")"]) if names else f"{value.__name__}()"
    return f"\n### {value.__name__}\n\n```python\n{call}\n```\n\n```text\n{inspect.getdoc(value)}\n```\n"


def _parameters(value: Any) -> Iterator[str]:
    """As the signature has them, without the types, which the docstring says in words."""
    starred = False
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        bare = parameter.replace(annotation=parameter.empty)
        yield str(bare).replace("'", '"')


def main() -> None:
    FILE.write_text(text())
    print(FILE.relative_to(FILE.parents[1]))


if __name__ == "__main__":
    main()
