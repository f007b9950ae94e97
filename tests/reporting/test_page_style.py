"""The style of the page: colours that can be told apart, and a focus that is seen."""

import re
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "workflow/report/page"
STYLE = (FOLDER / "page.css").read_text()
LIGHT, DARK = (dict(re.findall(r"--(\w+): (#[0-9a-f]+)", part)) for part in STYLE.split("@media")[:2])


def luminance(colour: str) -> float:
    """Relative luminance as WCAG has it, of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = np.array([int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_words_and_badges_can_be_told_from_what_is_below_them(colours, ground):
    below = luminance(colours[ground])
    for name in ("ink", "muted", "link", "for", "against", "open", "silent"):
        above = luminance(colours[name])
        assert (max(above, below) + 0.05) / (min(above, below) + 0.05) >= 4.5, name


def test_print_has_no_type_below_seven_and_a_half_points():
    printed = STYLE.partition("@media print {")[2]
    points = [float(size) for size in re.findall(r"font-size: ([\d.]+)pt", printed)]
    relative = [float(size) for size in re.findall(r"font(?:-size)?: ([\d.]+)rem", STYLE)]
    assert min(points) >= 7.5 and 12 * min(relative) >= 7.5  # a rem is 12 points


def test_what_has_the_focus_is_outlined():
    (outlined,) = re.findall(r"^(.*) \{ outline: 3px", STYLE, re.MULTILINE)
    page = (FOLDER / "page.html").read_text()
    focused = {tag for tag in ("a", "summary", "select", "button", "input", "textarea") if f"<{tag}" in page}
    assert set(outlined.split(", ")) == {f"{tag}:focus-visible" for tag in focused} | {".scroll:focus-visible"}
