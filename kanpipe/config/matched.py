"""The widths of variants that are to be as large as others, found before anything is run.

The networks are made without memory, by the stage `models` of their kind; torch is imported where a variant asks.
"""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kanpipe.config.kinds import BLOCKS, parsed, without_words
from kanpipe.errors import UserError
from kanpipe.experiments import stage

Settings = dict[str, Any]
FAR = 0.5  # share of the parameters by which no network may miss those that it is to have


def with_widths(config: Settings, written: Mapping[str, Any]) -> Settings:
    """The valid configuration, in it the widths of all variants with a `match`; UserError where there can be none.

    `written` is the configuration before any variant was left out, so that one can be matched that is not trained.
    """
    for name, entry in config["experiments"].items():
        for variant, settings in entry.get("variants", {}).items():
            if "match" in settings:
                place = f"experiments.{name}.variants.{variant}.match"
                every = {**written["experiments"][name]["variants"], **entry["variants"]}
                entry["variants"][variant] = _widened(place, entry, settings, every)
    return config


def _widened(place: str, entry: Settings, settings: Settings, every: Mapping[str, Any]) -> Settings:
    from kanpipe.matching import match_parameters, without_memory
    from kanpipe.models.counting import parameter_count

    like = settings["match"]["variant"]
    if not isinstance(every.get(like), dict):
        raise UserError(f"{place}.variant: there is no variant {like}; choose one of {', '.join(every)}")
    if "match" in every[like]:
        raise UserError(f"{place}.variant: {like} is itself as large as another; name that one")
    try:
        wanted = parameter_count(without_memory(lambda: _network(entry, every[like])))
        found = match_parameters(lambda width: _network(entry, _of_width(settings, width, entry)), wanted)
    except KeyError:
        raise UserError(f"{place}: {settings.get('family', 'it')} has no widths here that could be chosen") from None
    except (ValidationError, ValueError) as error:
        raise UserError(f"{place}: no width fits ({' '.join(str(error).split())})") from error
    if abs(found.excess) > FAR:
        words = f"no width fits: the nearest has {found.value:,.0f} parameters in the place of {wanted:,}"
        raise UserError(f"{place}: {words}; write smaller proportions")
    return _of_width(settings, found.width, entry)


def _network(entry: Settings, settings: Mapping[str, Any]) -> Any:
    """The network of a variant of the entry."""
    blocks = {name: entry[name] for name in BLOCKS["models"] if name in entry}
    blocks["variants"] = {"one": without_words(settings)}
    return stage(entry["kind"], "models")(parsed(entry["kind"], blocks))["one"]


def _of_width(settings: Settings, width: int, entry: Settings) -> Settings:
    """The variant with its hidden widths so many times as large; a U-Net with so many groups of channels."""
    if "hidden" in settings:
        return settings | {"hidden": [width * part for part in settings["hidden"]]}
    if "widths" in settings:
        first, *inner, last = settings["widths"]
        return settings | {"widths": [first, *(width * part for part in inner), last]}
    network = entry["problem"]["network"] | settings.get("network", {})
    step = math.lcm(2, network["groups"])
    channels = step * (width + (step < 4))  # a U-Net has 4 at least
    return settings | {"network": settings.get("network", {}) | {"channels": channels}}
