"""Families of other packages in a configuration: their options, and what is said where they do not fit."""

import json
from pathlib import Path

import pytest
from snakemake.utils import update_config
from torch import nn

from kanpipe.config import composed, load_yaml
from kanpipe.config.kinds import parsed, trained
from kanpipe.config.validation import check
from kanpipe.errors import UserError
from kanpipe.layers import registry
from kanpipe.layers.families import family

PAPER = load_yaml(Path(__file__).parents[1] / "config.yaml")
SOURCE = """
from __future__ import annotations

from torch import nn


class Family:
    def __init__(self, waves: int = 3, ends: tuple[float, float] = (-1.0, 1.0), kind: str | None = None, free=1):
        self.given = waves, ends, kind, free
        if waves > 9:
            raise ValueError("too many waves")

    def linear(self, n, m):
        return nn.Linear(n, m)

    def activation(self):
        return nn.ReLU()


class NeedsWaves(Family):
    def __init__(self, waves: int, module: nn.Module | None = None, *more, **others):
        super().__init__(waves)


class NeedsModule(Family):
    def __init__(self, module: nn.Module):
        pass


class Hidden(Family):
    def __init__(self, hidden: int = 3):
        pass


class Unknown(Family):
    def __init__(self, waves: NoSuchType = 3):
        pass
"""


@pytest.fixture(autouse=True)
def waves(tmp_path, monkeypatch):
    """A module `brought_waves` with families."""
    (tmp_path / "brought_waves.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)


def own(made="Family", **options):
    return {"family": f"brought_waves:{made}", **options}


def variant_of(**settings):
    """A variant of the swiss roll, as a stage is given it."""
    return parsed("swiss_roll", {"variants": {"mine": settings}}).variants["mine"]


def fault(place, value):
    """What is said of a value in the configuration, without its place."""
    config = {"experiments": {}}
    *path, last = place.split(".")
    inner = config["experiments"]
    for key in path:
        inner = inner.setdefault(key, {})
    inner[last] = value
    whole = json.loads(json.dumps(PAPER))
    update_config(whole, config)
    with pytest.raises(UserError) as refusal:
        check(composed(whole))
    sentence = str(refusal.value)
    assert sentence.startswith("experiments." + place) and "\n" not in sentence
    return sentence.removeprefix("experiments." + place)


MINE = "swiss_roll.variants.mine"
UNET = "cifar10_ddim.variants.mine"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (MINE, own(hidden=[4], wave=3), ": unknown key wave; known here: family, role, "),
        (MINE, own(hidden=[4], waves=2.5), ".waves: 2.5 is not of type 'integer' (the option waves of brought_waves:F"),
        (MINE, own(hidden=[4], ends=[1.0]), ".ends: it has too few values"),
        (MINE, own(hidden=[0]), ".hidden.0: 0 is less than the minimum of 1"),
        (MINE, own(), ": 'hidden' is a required property"),
        (MINE, own("NeedsWaves", hidden=[4]), ": 'waves' is a required property"),
        (MINE, own("NeedsWaves", hidden=[4], waves=1, others=2), ": unknown key others"),
        (MINE, own("NeedsModule", hidden=[4]), ".family: brought_waves:NeedsModule cannot be made from a conf"),
        (MINE, own("Hidden", hidden=[4]), ".family: the option hidden of brought_waves:Hidden has the name"),
        (MINE, own("Unknown", hidden=[4]), ".family: name 'NoSuchType' is not defined"),
        (MINE, own("Nothing", hidden=[4]), ".family: the layer family 'brought_waves:Nothing' cannot be imported: "),
        (MINE, {"family": "nowhere.to:Be", "hidden": [4]}, ".family: the layer family 'nowhere.to:Be' cannot be"),
        (MINE, {"family": "no where:Be", "hidden": [4]}, ".family: 'no where:Be' is not one of ['mlp', 'kan', 'fastk"),
        (MINE, own(hidden=[4], waves=10), ".family: the layer family brought_waves:Family does not fit: bro"),
        (UNET, own(), ".family: the layer family brought_waves:Family does not fit: it has no method conv2d"),
        ("cifar10_ddim.variants.ukan.middle", own(waves="x"), ".waves: 'x' is not of type 'integer'"),
        ("mnist_classifiers.variants.mine", {"extractor": "none", "head": "brought_waves:No"}, ".head: the layer fam"),
        ("function_fit.variants.mine", own(target="line", samples=3), ": 'widths' is a required property"),
        ("layer_speed.problem.added.kan", own(modes=["eager"]), ": kan is one of the contenders: give it another name"),
        ("layer_speed.problem.added.mine", own(modes=["slow"]), ".modes.0: 'slow' is not one of ['eager', 'compiled']"),
        ("range_init.variants.mine", own(hidden=[4]), ".family: 'brought_waves:Family' is not one of ['mlp', 'kan', "),
    ],
    ids=str,
)  # fmt: skip
def test_fault_of_a_family_is_one_line_that_names_the_key(place, value, words):
    assert fault(place, value).startswith(words)


def test_options_reach_the_constructor_in_their_types():
    variant = variant_of(**own(hidden=[4], waves=2, ends=[-2, 2]))
    assert variant.options == {"waves": 2, "ends": (-2.0, 2.0)} and variant.role == "ablation"
    assert family(variant.family, **variant.options).given == (2, (-2.0, 2.0), None, 1)


def test_settings_of_a_run_are_what_was_given():
    config = PAPER["experiments"]["swiss_roll"]
    given = own(hidden=[4], ends=[-2.0, 2.0])
    spec = trained("swiss_roll", {"problem": config["problem"], "training": config["training"], "variant": given})
    assert spec.model_dump(mode="json", exclude_unset=True)["variant"] == given


def test_family_of_an_installed_package_is_found_by_its_name(monkeypatch):
    monkeypatch.setattr(registry, "registered", lambda: {"waves": "brought_waves:Family"})
    variant = variant_of(family="waves", hidden=[4], waves=5)
    assert family(variant.family, **variant.options).given[0] == 5


def test_new_family_of_ours_is_typed_by_its_signature(monkeypatch):
    monkeypatch.setitem(registry.FAMILIES, "waves", "brought_waves:Family")
    assert isinstance(family("waves", waves=2).linear(2, 3), nn.Linear)
    assert fault(MINE, {"family": "waves", "hidden": [4], "waves": "two"}).startswith(".waves: 'two' is not of type")


def test_nothing_is_imported_that_is_not_named(monkeypatch):
    monkeypatch.setattr(registry, "registered", lambda: {"waves": "no_such_module:Family"})
    check(composed(PAPER))
