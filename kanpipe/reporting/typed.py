"""Numbers that are typed in prose by hand, where those that were measured have to be filled in from the tables.

results/reference/typed.yaml says of each page which numbers with a decimal point may be typed, and what they are:
published, settings, or bounds of claims. A p may never be, nor in the quote at the beginning of a page, which says what
to believe, a number of nats, orders of magnitude, times or per cent, be it a word. What stands in code, links and
comments is no prose.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from kanpipe.config import load_yaml

NO_PROSE = re.compile(r"<!-- value: .*?<!-- -->|<!--.*?-->|```.*?```|`[^`]*`|\]\([^)]*\)", re.DOTALL)
P_VALUE = re.compile(r"\bp (?:= |< |of |below )?(?:0?\.\d+|\d(?:\.\d+)?e-\d+)")
DECIMAL = re.compile(r"(?<![\w.:/-])-?\d+\.\d+(?:e-?\d+)?(?![\w/]|\.\d)")
WORDS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|twenty|hundred|thousand"
MEASURE = re.compile(rf"\b(?:\d[\d,]*|{WORDS})(?:[ -]fold| (?:nats|orders|times|%))(?!\w)", re.IGNORECASE)
CONFIDENCE = "95 %"
MARKER = "<!-- value: "


def typed(text: str, allowed: Collection[float] = ()) -> list[str]:
    """The ps that are typed in a page, the measures in its quote, and, if it quotes any number, decimals.

    But for the decimals that are allowed.
    """
    prose = NO_PROSE.sub(" ", text)
    decimals = DECIMAL.findall(prose) if MARKER in text else []
    quote = " ".join(line.removeprefix(">") for line in prose.splitlines() if line.startswith(">"))
    measures = [found for found in MEASURE.findall(quote) if found != CONFIDENCE]
    return P_VALUE.findall(prose) + measures + [number for number in decimals if float(number) not in allowed]


def allowed_numbers(path: Path) -> dict[str, set[float]]:
    """By page, from typed.yaml."""
    return {
        page: {float(number) for kind in kinds.values() for number in kind} for page, kinds in load_yaml(path).items()
    }


def faults(pages: Mapping[str, str], allowed: Mapping[str, Collection[float]]) -> list[str]:
    """A sentence for each number that should not be typed; `pages` are their texts, by the names that `allowed` has."""
    return [
        f"{page} has {number} typed: quote it from numbers.yaml, or say in typed.yaml what it is"
        for page, text in pages.items()
        for number in typed(text, allowed.get(page, ()))
    ]
