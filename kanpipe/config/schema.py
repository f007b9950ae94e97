"""Finding one's way in the JSON schema of the configuration."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Place:
    """A place in the configuration: its path, its schema and that of the section it lies in.

    `of_others` are keys that other members of the section's union have; `tag` is the key that tells them apart.
    """

    path: list
    node: dict[str, Any]
    parent: dict[str, Any] = field(default_factory=dict)
    of_others: frozenset[str] = frozenset()
    tag: str = ""


class Schema:
    """A JSON schema as pydantic writes it: references, an alternative of null, and unions by a key."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """The schema that a node refers to, or that stands beside null; the node's own description wins."""
        own = {key: node[key] for key in ("description", "default") if key in node}
        if "$ref" in node:
            return self.resolved(self.root["$defs"][node["$ref"].rsplit("/", 1)[-1]]) | own
        if "anyOf" in node:
            return self.resolved(next(part for part in node["anyOf"] if part.get("type") != "null")) | own
        return node

    def members(self, node: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The members of a union by their family or kind; none where the node is not a union."""
        mapping = node.get("discriminator", {}).get("mapping", {})
        return {tag: self.resolved({"$ref": reference}) for tag, reference in mapping.items()}

    def at(self, location: tuple) -> Place:
        """The place that pydantic gives by keys, positions, families of unions and `[key]` for a key itself."""
        place = Place([], self.root)
        for part in location:
            place = self._into(place, part)
        return place

    def _into(self, place: Place, part: Any) -> Place:
        node = place.node
        if part == "[key]":
            return Place(place.path[:-1], place.parent.get("propertyNames", {}))
        if part in (members := self.members(node)):
            others = frozenset(key for member in members.values() for key in member["properties"])
            return Place(place.path, members[part], of_others=others, tag=node["discriminator"]["propertyName"])
        others = frozenset() if part in node.get("properties", {}) else place.of_others
        return Place([*place.path, part], self.child(node, part), node, others, place.tag)

    def child(self, node: dict[str, Any], part: Any) -> dict[str, Any]:
        """The schema of what lies at a key or a position; an empty one where nothing is known."""
        if part in node.get("properties", {}):
            return self.resolved(node["properties"][part])
        return next((self.resolved(inner) for inner in self.anonymous(node)), {})

    def anonymous(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The schemas of items, and of values whose keys are free."""
        yield from node.get("patternProperties", {}).values()
        yield from (node[key] for key in ("items", "additionalProperties") if isinstance(node.get(key), dict))
