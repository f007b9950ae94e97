"""Configurations that differ from one of the project in a few places, mostly by values that are valid as well."""

import copy
import datetime
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from snakemake.utils import update_config

from kanpipe.config import effective, load_section
from kanpipe.config.kinds import BLOCKS, parsed
from kanpipe.config.schema import Schema
from kanpipe.config.validation import configuration
from kanpipe.errors import UserError
from kanpipe.experiments import stage
from kanpipe.experiments.plan import Plan

ROOT = Path(__file__).parents[1]
LONGEST = 2500  # characters of a sentence: one may list all variants

JUNK = [None, True, -1, 0, 1.5, "", "no", "a" * 300, "{x}", "a\nb", [], {}, [[]], [None], {"a": 1}, math.nan, 10**400]
JUNK += [10**30, datetime.date(2026, 1, 1), b"x", {True: 1}, {None: {}}]
NAMES = ["new", "y", "a" * 100, "z9_", "mlp", "kan", "unet", "quad_20", "inf", "none"]
ODD_NAMES = [True, None, 1, 1.5, datetime.date(2026, 1, 1), (1,)]
ODD_NAMES += ["Upper", "1e3", "a" * 101, "evil\n", "a b", "../a", ""]
OPTIONAL = 0.3  # share of the optional keys that a section made anew has
ODD = 0.1  # share of the changes that are junk


class Mutations:
    """Changes of configurations, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.schema = Schema(configuration().model_json_schema())

    def changed(self, config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """A copy with one to three changes, and what they are."""
        config = copy.deepcopy(config)
        said = []
        for _ in range(self.draw.choice([1, 1, 2, 3])):
            entries = config["experiments"]
            names = list(entries) if isinstance(entries, dict) else []
            within = ["experiments", self.draw.choice(names)] if names and self.draw.random() < 0.9 else []
            everywhere = self._places(config, self.schema.root, [])
            places = [(path, node) for path, node in everywhere if path[: len(within)] == within]
            if places:
                said.append(self._change(config, *self.draw.choice(places)))
        return config, said

    def _places(self, value: Any, node: dict[str, Any], path: list) -> Iterator[tuple[list, dict[str, Any]]]:
        """Every place in a value whose schema is known: its path, and its schema."""
        node = self._resolved(node, value)
        yield path, node
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in inner:
            if child := self._child(node, key):
                yield from self._places(part, child, [*path, key])

    def _resolved(self, node: dict[str, Any], value: Any) -> dict[str, Any]:
        node = self.schema.resolved(node)
        if members := self.schema.members(node):
            tag = node["discriminator"]["propertyName"]
            chosen = value.get(tag) if isinstance(value, dict) else None
            return members[chosen if chosen in list(members) else self.draw.choice(list(members))]
        return node

    def _child(self, node: dict[str, Any], key: Any) -> dict[str, Any] | None:
        if key in node.get("properties", {}):
            return node["properties"][key]
        return next(self.schema.anonymous(node), None)

    def _change(self, config: dict[str, Any], path: list, node: dict[str, Any]) -> str:
        """Change what lies at a path; the words for it."""
        *parents, last = path or ["experiments"]
        holder = config
        for key in parents:
            holder = holder[key]
        if self.draw.random() < ODD:
            holder[last] = self.draw.choice(JUNK)
        elif isinstance(holder[last], dict) and "properties" in node:
            self._change_section(holder[last], node)
        elif isinstance(holder[last], dict):
            self._change_names(holder[last], node)
        else:
            holder[last] = self._value(node, holder[last])
        return f"{'.'.join(map(str, path))} = {str(holder[last])[:300]}"

    def _change_section(self, section: dict[str, Any], node: dict[str, Any]) -> None:
        """Give a section an optional key, or take one."""
        optional = [key for key in node["properties"] if key not in node.get("required", ()) and key != "kind"]
        if optional:
            key = self.draw.choice(optional)
            section[key] = self._value(node["properties"][key], section.get(key))

    def _change_names(self, section: dict[str, Any], node: dict[str, Any]) -> None:
        """Add a name to a dictionary, or take one out."""
        if section and self.draw.random() < 0.4:
            section.pop(self.draw.choice(list(section)))
        else:
            name = self.draw.choice(ODD_NAMES if self.draw.random() < ODD else NAMES)
            section[name] = self._value(next(self.schema.anonymous(node), {}))

    def _value(self, node: dict[str, Any], old: Any = None) -> Any:
        """A value that fits a schema by itself, near an old one where there is one."""
        node = self._resolved(node, old)
        if choices := node.get("enum") or ([node["const"]] if "const" in node else None):
            return self.draw.choice(choices)
        match node.get("type"):
            case "boolean":
                return self.draw.random() < 0.5
            case "integer" | "number" as kind:
                return self._number(node, old, kind == "integer")
            case "string":
                return self.draw.choice(NAMES)
            case "array":
                return self._list(node, old)
            case "object" if "properties" in node:
                return self._section(node)
        return {}

    def _number(self, node: dict[str, Any], old: Any, whole: bool) -> Any:
        least = node.get("minimum", node.get("exclusiveMinimum", 0))
        most = node.get("maximum", node.get("exclusiveMaximum", 1000))
        near = old if isinstance(old, int | float) and math.isfinite(old) and abs(old) < 1e30 else least + 1
        step = node.get("multipleOf", 1)
        choices = [least, least + step, 2 * near, near // 2, near + step, self.draw.randint(0, 40)]
        choices += [most] if self.draw.random() < 0.2 else []
        choices += [] if whole else [near / 3, (least + min(most, least + 2)) / 2, 1e-9, float(least)]
        chosen = self.draw.choice(choices)
        return int(chosen) // step * step if whole else chosen

    def _list(self, node: dict[str, Any], old: Any) -> list:
        items = list(old) if isinstance(old, list) else []
        item = next(self.schema.anonymous(node), {})
        while len(items) < node.get("minItems", 0) or self.draw.random() < 0.3:
            items.append(self._value(item, self.draw.choice(items) if items else None))
        if items and self.draw.random() < 0.4:
            items.pop(self.draw.randrange(len(items)))
        return items

    def _section(self, node: dict[str, Any]) -> dict[str, Any]:
        wanted = [key for key in node["properties"] if key in node.get("required", ()) or self.draw.random() < OPTIONAL]
        return {key: self._value(node["properties"][key]) for key in wanted if key != "kind"}


def preset(name: str) -> dict[str, Any]:
    """The effective configuration of a preset."""
    config = load_section(ROOT / "config.yaml")
    update_config(config, load_section(ROOT / f"workflow/presets/{name}.yaml"))
    return effective(config | {"preset": name})


def accepted(config: dict[str, Any], said: list[str]) -> dict[str, Any] | None:
    """The effective configuration, all entries that `said` names planned and their networks built; None if refused.

    Anything but one clear sentence is an error of the test.
    """
    try:
        found = effective(config)
    except UserError as error:
        sentence = str(error)
        assert ": " in sentence and "\n" not in sentence and len(sentence) < LONGEST, sentence
        return None
    for name, entry in found["experiments"].items():
        if any(words.startswith((f"experiments.{name}", "experiments =")) for words in said):
            _plan_and_build(Plan(name, entry), " ".join(said))
    return found


def _plan_and_build(plan: Plan, said: str) -> None:
    """Ask for all that the rules ask a plan for, and build two networks and those that are spoken of.

    They are built without memory where they can be.
    """
    assert plan.tables and plan.benchmarks is not None and plan.figures is not None
    for name in BLOCKS:
        plan.blocks(name)
    if plan.has("train"):
        assert all(plan.training_code(variant) for variant, _ in plan.runs)
    if plan.has("models"):
        blocks = plan.blocks("models")
        named = [name for place, name in enumerate(blocks["variants"]) if place < 2 or f".{name}" in said]
        spec = parsed(plan.kind, blocks | {"variants": {name: blocks["variants"][name] for name in named}})
        with torch.device("cpu" if plan.kind == "function_fit" else "meta"):  # whose grids look at their values
            assert len(stage(plan.kind, "models")(spec)) == len(named)
