"""The colours and marks of networks by the family of their layers and their role, the same in every figure."""

import zlib
from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any

MLP, KAN, FASTKAN, FASTERKAN, OTHER = "#009E73", "#C24E00", "#7B5EA7", "#56B4E9", "#8C6D31"
FAMILY_COLOURS = {"mlp": MLP, "kan": KAN, "fastkan": FASTKAN, "fasterkan": FASTERKAN}
FAMILY_COLOURS |= {"chebykan": "#D55FDE", "fourierkan": "#0B3C8C", "relukan": "#4F4F4F"}
FAMILY_COLOURS |= {"waveletkan": "#B5BD00", "rationalkan": "#8B1A4A"}
# Of the colours of a family
SHADES = {"mlp": (MLP, "#00523C", "#6CCFB0", "#8A8F00"), "kan": (KAN, "#F0A202", "#7A3100", "#E59A78")}
FAMILY_MARKS = {"mlp": "s", "kan": "o", "fastkan": "^", "fasterkan": "v"}
FAMILY_MARKS |= {"chebykan": "d", "fourierkan": "p", "relukan": "X", "waveletkan": "h", "rationalkan": "P"}
BROUGHT_COLOURS, BROUGHT_MARKS = (OTHER, "#D4006A", "#007A87"), ("*", "8", "<", ">")
ROLE_COLOURS = {  # where one family has networks of several roles
    ("mlp", "control"): SHADES["mlp"][1],
    ("mlp", "ablation"): SHADES["mlp"][2],
    ("kan", "control"): SHADES["kan"][2],
    ("kan", "ablation"): SHADES["kan"][1],
}
MARKS = ("^", "v", "<", ">", "d", "p", "X", "D", "h", "P", "*", "8")

Look = tuple[str, str]  # colour and mark
Style = dict[str, Any]  # keywords of something that is drawn


def family_look(family: str) -> Look:
    """The colour and mark of a family, in every figure; those of one that is brought follow from its name."""
    if family in FAMILY_COLOURS:
        return FAMILY_COLOURS[family], FAMILY_MARKS[family]
    turn, number = divmod(zlib.crc32(short_name(family).encode()), len(BROUGHT_COLOURS))
    return BROUGHT_COLOURS[number], BROUGHT_MARKS[turn % len(BROUGHT_MARKS)]


def looks(networks: Iterable[tuple[str, str]]) -> list[Look]:
    """The looks of networks by family and role: the published network of a family has the family's own mark, others
    take turns, so that a dozen of one family and role are told apart by their marks. A second dozen has another shade.
    """
    turns: dict[tuple[str, str], count[int]] = {}
    found = []
    for family, role in networks:
        number = next(turns.setdefault((family, role), count()))
        published = role == "published" and number == 0
        hue, own = family_look(family)
        mark = own if published else MARKS[number % len(MARKS)]
        colours = (ROLE_COLOURS.get((family, role), hue), *SHADES.get(family, ())[-1:])
        found.append((colours[number // len(MARKS) % len(colours)], mark))
    return found


def shaded_looks(families: Iterable[str]) -> list[Look]:
    """The looks of a handful of networks by family, whose curves are told apart by shades of the family's colour."""
    seen: Counter[str] = Counter()
    found = []
    for family in families:
        hue, mark = family_look(family)
        shades, number = SHADES.get(family, (hue,)), seen[family]
        seen[family] += 1
        found.append((shades[number % len(shades)], (mark, *MARKS)[number % len(MARKS)]))
    return found


def short_name(family: str) -> str:
    """A family as figures call it: one that is brought as package.module:Family by what stands last."""
    return family.rpartition(":")[2]
