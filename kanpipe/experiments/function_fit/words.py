"""What tables call networks."""

import re

from kanpipe.reporting.plots import label

TARGETS = {"pi": "formula with π", "plane": "plane", "line": "line"}  # how names begin; without one: as printed
NAME = re.compile(rf"(?P<target>{'|'.join(TARGETS)})_(?P<network>\w+?)(?:_(?P<points>\d{{3,}}))?")


def title(name: str) -> str:
    """`plane_deep_kan_300` is a deep KAN, plane, 300 points; the words of any other name."""
    found = NAME.fullmatch(name)
    if not found:
        return label(name)
    points = f", {int(found['points']):,} points" if found["points"] else ""
    return f"{label(found['network'])}, {TARGETS[found['target']]}{points}"
