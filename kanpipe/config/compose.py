"""From the configuration as it is written, presets laid over it, to what the rules and stages see of it."""

import copy
from typing import Any

from kanpipe.config.kinds import with_kinds
from kanpipe.config.matched import with_widths
from kanpipe.config.validation import check
from kanpipe.errors import UserError, named

PLACES_OF_VARIANTS = (  # which name variants: in a list, in pairs, or in the lists below other keys
    ("figures", "variants"),
    ("timing", "variants"),
    ("evaluation", "tsne_variants"),
    ("evaluation", "pairs"),
    ("evaluation", "extractors", "inception", "only"),
    ("evaluation", "extractors", "efficientnet_lite0", "only"),
)


def effective(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration composed, checked and reduced to what rules and stages read; UserError for the first fault."""
    chosen = composed(config)
    check(chosen)
    return plain(with_widths(chosen, without_nulls(config)))


def composed(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without what `only`, `roles` or a null leaves out; UserError for an unknown name in `only`.

    An entry that names no kind is of the kind of its own name.

    What has not the form of a configuration stays as it is, for `check` to find.
    """
    config = copy.deepcopy(config)
    entries = _dictionary(config, "experiments")
    for name, entry in list(entries.items()):
        if isinstance(entry, dict) and not _choose(entry, f"experiments.{name}", config.get("roles", "all")):
            del entries[name]
    config = without_nulls(config)
    return config | {"experiments": with_kinds(config["experiments"])} if "experiments" in config else config


def left_out(config: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """A sentence for each variant that was added to the `known` configuration, and that its `only` does not name.

    Who writes a list `only` of their own has chosen what it leaves out, and is told nothing.
    """
    said = []
    for name, entry in _dictionary(config, "experiments").items():
        before = _dictionary(_dictionary(known, "experiments"), name)
        names = _dictionary(entry, "only").get("variants") if isinstance(entry, dict) else None
        if not isinstance(names, list) or names != _dictionary(before, "only").get("variants"):
            continue
        added = [
            variant for variant in _dictionary(entry, "variants") if variant not in _dictionary(before, "variants")
        ]
        place = f"experiments.{name}"
        said += [
            f"{named(f'{place}.variants.{variant}')} is left out: the preset trains what {place}.only.variants names; "
            f"to train it, list it there with those that it is to be compared with"
            for variant in added
            if variant not in names
        ]
    return said


def without_nulls(value: Any) -> Any:
    """The configuration without the keys that an overlay has set to null, which is how a user leaves something out."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A valid configuration without the keys that have chosen what it keeps."""
    entries = config["experiments"].items()
    plain_entries = {name: {key: part for key, part in entry.items() if key != "only"} for name, entry in entries}
    return config | {"experiments": plain_entries}


def _choose(entry: dict[str, Any], path: str, roles: str) -> bool:
    """Take out of an entry what it is not to have; whether it has anything to run then."""
    before = set(_dictionary(entry, "variants"))
    for place, names in _dictionary(entry, "only").items():
        if isinstance(place, str) and isinstance(names, list) and all(isinstance(name, str) for name in names):
            _keep(entry, place, names, f"{path}.only.{place}")
    variants = _dictionary(entry, "variants")
    for name, variant in list(variants.items()):
        if variant is None or (roles == "published" and _role(variant) != "published"):
            del variants[name]
    _forget(entry, before - set(variants))
    return roles == "all" or not before or bool(variants)


def _keep(entry: dict[str, Any], place: str, names: list[str], path: str) -> None:
    """Keep of what lies at `place`, its keys joined by dots, the names in `names`."""
    *parents, last = place.split(".")
    holder = entry
    for parent in parents:
        holder = _dictionary(holder, parent)
    present = _dictionary(holder, last)
    if unknown := [name for name in names if name not in present]:
        known = f"choose from {', '.join(present)}" if present else f"there is no {named(place)}"
        raise UserError(f"{named(path)}: there is no {named(unknown[0])}; {known}")
    if present:
        holder[last] = {name: value for name, value in present.items() if name in names}


def _forget(entry: dict[str, Any], gone: set[str]) -> None:
    """Take variants out of the places that name them."""
    for *parents, last in PLACES_OF_VARIANTS:
        holder = entry
        for parent in parents:
            holder = _dictionary(holder, parent)
        if last in holder:
            holder[last] = _without(holder[last], gone)
    own = _dictionary(entry, "variant_seeds")
    for name in gone & own.keys():
        del own[name]


def _without(names: Any, gone: set[str]) -> Any:
    """A list without the names in `gone`, or without the pairs that have one; such lists below keys."""
    if isinstance(names, dict):
        return {key: _without(inner, gone) for key, inner in names.items()}
    return [name for name in names if not _names_any(name, gone)] if isinstance(names, list) else names


def _names_any(name: Any, gone: set[str]) -> bool:
    return name in gone if isinstance(name, str) else isinstance(name, list) and any(_names_any(n, gone) for n in name)


def _role(variant: Any) -> Any:
    return variant.get("role") if isinstance(variant, dict) else None


def _dictionary(holder: dict[str, Any], key: str) -> dict[str, Any]:
    """The dictionary below a key; an empty one where something else stands."""
    found = holder.get(key)
    return found if isinstance(found, dict) else {}
