"""Where the layers of each family are found: a new family is a module of its own and a line of `FAMILIES`.

A family is called by its name here, by the name under which an installed package has registered it, or, wherever it
is, as `package.module:Family`. What stands there is called with the options of the layers and gives a
`kanpipe.layers.families.Family`. This module computes nothing, so no training depends on it, but on the modules that
its own families are found in (`kanpipe.provenance`).
"""

import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any

FAMILIES = {
    "mlp": "kanpipe.layers.families:ordinary",
    "kan": "kanpipe.layers.kan_conv2d:family",
    "fastkan": "kanpipe.layers.fast_kan:family",
    "fasterkan": "kanpipe.layers.faster_kan:family",
    "chebykan": "kanpipe.layers.published_bases:chebykan",
    "fourierkan": "kanpipe.layers.published_bases:fourierkan",
    "relukan": "kanpipe.layers.published_bases:relukan",
    "waveletkan": "kanpipe.layers.published_bases:waveletkan",
    "rationalkan": "kanpipe.layers.rational:family",
}
GROUP = "kanpipe.families"  # the entry points of other packages
DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
PLACE = re.compile(f"{DOTTED}:{DOTTED}")


@cache
def registered() -> dict[str, str]:
    """The families of installed packages, as `module:attribute` by their names; none of them is loaded."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def is_family(name: str) -> bool:
    """Whether the name stands for a family, which need not exist where it is named as `package.module:Family`."""
    return name in FAMILIES or PLACE.fullmatch(name) is not None or name in registered()


def is_brought(name: str) -> bool:
    """Whether the name stands for a family that is none of these."""
    return is_family(name) and name not in FAMILIES


def place(name: str) -> str:
    """Where the family called `name` is found, as `module:attribute`; ValueError when it stands for none."""
    if not is_family(name):
        known = ", ".join([*FAMILIES, *registered()])
        raise ValueError(f"there is no layer family {name!r}; choose one of {known}, or name a package.module:Family")
    return FAMILIES.get(name) or registered().get(name, name)


def maker(name: str) -> Callable[..., Any]:
    """What makes the family called `name` from its options; ValueError, in one sentence, when it cannot be found."""
    where = place(name)
    try:
        found = resolve_name(where)
    except Exception as error:  # whatever a stranger's module may raise
        raise ValueError(f"the layer family {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"{where} is no class or function that makes a layer family")
    return found
