"""No colour has two meanings."""

from kanpipe.experiments.mnist_classifiers.figures.style import LOOKS
from kanpipe.layers.registry import FAMILIES
from kanpipe.reporting import plots, style


def test_colours_of_data_and_of_contrasts_are_those_of_no_network():
    networks = {
        *style.FAMILY_COLOURS.values(),
        *(hue for shades in style.SHADES.values() for hue in shades),
        style.OTHER,
    }
    others = [plots.DATA, plots.GENERATED, plots.MUTED, *plots.CONTRAST]
    assert len(set(others)) == len(others) and not networks & set(others)


def test_families_differ_in_colour_and_mark():
    assert style.FAMILY_COLOURS.keys() == style.FAMILY_MARKS.keys()
    for looks in (style.FAMILY_COLOURS, style.FAMILY_MARKS):
        assert len(set(looks.values())) == len(looks)


def test_families_of_others_have_a_look_of_their_own_the_same_everywhere():
    mine, yours = style.family_look("package.module:Mine"), style.family_look("package.module:Yours")
    assert mine != yours and mine == style.family_look("Mine")
    known = {(hue, style.FAMILY_MARKS[family]) for family, hue in style.FAMILY_COLOURS.items()}
    assert not known & {mine, yours}


def test_every_family_that_layers_have_has_a_look():
    assert style.FAMILY_COLOURS.keys() == set(FAMILIES)


def test_heads_of_classifiers_look_like_their_families():
    for family, hue in style.FAMILY_COLOURS.items():
        assert LOOKS[family] == (hue, style.FAMILY_MARKS[family])
    assert len(set(LOOKS.values())) == len(LOOKS)
