"""What is said of each variant, and how it looks: all of it follows from the configuration."""

from collections.abc import Iterator, Mapping
from typing import Any

from kanpipe.config.kinds import WORDS
from kanpipe.experiments.cifar10_ddim.config import Experiment
from kanpipe.experiments.overlay import overlaid
from kanpipe.reporting.style import looks

Settings = dict[str, Any]  # of a variant, those of all laid under its own; keys of inner sections joined by dots

WIDTH = {"network.channels", "network.multipliers", "network.groups"}
AMOUNT = {"training.steps", "training.learning_rate"}  # what a variant may have another of and be the same network
UNSAID = {"training.probe_steps", "training.compile", "training.cuda_graph", "training.micro_batches"}
FORMS = {
    "network.channels": "{} channels",
    "network.groups": "groups: {}",
    "training.steps": "{:,} steps",
    "training.batch_size": "batches of {}",
    "training.learning_rate": "learning rate {:g}",
}


def described(spec: Experiment) -> list[dict[str, Any]]:
    """A row a variant, in their order, for `words.Names`."""
    every = {name: settings(spec, name) for name in spec.variants}
    bases, published = _bases(every), _published(spec)
    baseline = next((name for family, name in published.items() if family != "mlp"), None)
    names, layers = _titles(spec, every, bases), {name: _layers(spec, name) for name in every}
    own = [name for name in every if bases[name] == name]
    look = dict(zip(own, looks((layers[name], spec.variants[name].role) for name in own), strict=True))
    return [
        {
            "variant": name,
            "title": names[name],
            "role": spec.variants[name].role,
            "family": variant.family,
            "differs": _differs(every, name, published.get(variant.family, next(iter(published.values()), None))),
            "base": (base := bases[name]),
            "another_rate": _more(every, name, base, "training.learning_rate") != 0,
            "longer": _more(every, name, base, "training.steps") > 0,
            "baseline": baseline is not None and not _differing(every[name], every[baseline], WIDTH | AMOUNT),
            "colour": look[base][0],
            "mark": look[base][1],
        }
        for name, variant in spec.variants.items()
    ]


def settings(spec: Experiment, name: str) -> Settings:
    """All settings of a variant that its numbers depend on."""
    variant = spec.variants[name]
    whole = variant.model_dump(exclude_none=True, exclude=WORDS | {"network", "training"})
    whole["network"] = overlaid(spec.problem.network, variant.network).model_dump(exclude_none=True)
    whole["training"] = overlaid(spec.training, variant.training).model_dump(exclude_none=True)
    return dict(_flat(whole))


def _flat(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield path + key, value


def _differing(one: Settings, other: Settings, but: set[str]) -> list[str]:
    """The keys in which two variants differ, those of `but` left out, what changes no result, and groups of channels
    where there are more or fewer of these.
    """
    keys = [key for key in dict.fromkeys([*one, *other]) if key not in but | UNSAID]
    found = [key for key in keys if one.get(key) != other.get(key)]
    return [key for key in found if key != "network.groups" or "network.channels" not in found]


def _bases(every: dict[str, Settings]) -> dict[str, str]:
    """By variant the first with the same network, which differs in its number of steps and learning rate alone."""
    return {name: next(other for other in every if not _differing(every[name], every[other], AMOUNT)) for name in every}


def _published(spec: Experiment) -> dict[str, str]:
    """The first published variant of each family."""
    found: dict[str, str] = {}
    for name, variant in spec.variants.items():
        if variant.role == "published":
            found.setdefault(variant.family, name)
    return found


def _titles(spec: Experiment, every: dict[str, Settings], bases: dict[str, str]) -> dict[str, str]:
    """Titles as configured, and of names without one; where one would be another's, what differs is added."""
    titles: dict[str, str] = {}
    for name, variant in spec.variants.items():
        title = variant.title or titles.get(bases[name]) or name.replace("_", " ")
        like = next((other for other, known in titles.items() if known == title), None)
        if like:
            title = ", ".join([title, *map(_said, *_changes(every[name], every[like]))])
        titles[name] = title if title not in titles.values() else f"{title} ({name})"
    return titles


def _differs(every: dict[str, Settings], name: str, reference: str | None) -> str:
    """In what a variant differs from the published one of its family, in the words of the configuration."""
    whole = every[name]
    if reference in (name, None):
        return ", ".join(_said(key, value) for key, value in whole.items() if "." not in key)
    return ", ".join(map(_said, *_changes(whole, every[reference])))


def _changes(own: Settings, other: Settings) -> tuple[list[str], list[Any]]:
    keys = _differing(own, other, set())
    return keys, [own.get(key) for key in keys]


def _said(key: str, value: Any) -> str:
    """`spline_order 3`, `no input_norm`, `10,000 steps`, `conv_out conv_norm none`."""
    if key in FORMS and value is not None:
        return FORMS[key].format(value)
    words = key.removeprefix("network.").removeprefix("training.").replace(".", " ")
    if value is None:
        return f"no {words}"
    return f"{words} {_number(value)}"


def _number(value: Any) -> str:
    """A value as it stands in the configuration."""
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _layers(spec: Experiment, name: str) -> str:
    """The family that a variant is there to show: that of its middle, where it has one."""
    variant = spec.variants[name]
    return variant.middle.family if variant.middle else variant.family


def _more(every: dict[str, Settings], name: str, base: str, key: str) -> float:
    return every[name][key] - every[base][key]
