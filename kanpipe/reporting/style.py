"""The colours and marks of networks by the family of their layers and their role, the same in every figure."""

from collections.abc import Iterable
from itertools import count

MLP, KAN, FASTKAN, FASTERKAN, OTHER = "#009E73", "#C24E00", "#7B5EA7", "#56B4E9", "#8C6D31"
FAMILY_COLOURS = {"mlp": MLP, "kan": KAN, "fastkan": FASTKAN, "fasterkan": FASTERKAN}
FAMILY_MARKS = {"mlp": "s", "kan": "o", "fastkan": "^", "fasterkan": "v"}
ROLE_COLOURS = {  # where one family has networks of several roles
    ("mlp", "control"): "#00523C",
    ("mlp", "ablation"): "#6CCFB0",
    ("kan", "control"): "#7A3100",
    ("kan", "ablation"): "#F0A202",
}
MARKS = ("^", "v", "<", ">", "d", "p", "X", "D", "h", "P", "*", "8")

Look = tuple[str, str]  # colour and mark


def looks(networks: Iterable[tuple[str, str]]) -> list[Look]:
    """The looks of networks by family and role: the published network of a family has the family's own mark, others
    take turns, so that a dozen of one family and role are told apart by their marks.
    """
    turns = {}
    found = []
    for family, role in networks:
        number = next(turns.setdefault((family, role), count()))
        published = role == "published" and number == 0
        mark = FAMILY_MARKS.get(family, "P") if published else MARKS[number % len(MARKS)]
        found.append((ROLE_COLOURS.get((family, role), FAMILY_COLOURS.get(family, OTHER)), mark))
    return found
