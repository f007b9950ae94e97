"""The files that describe the configuration, made from its models.

    python -m kanpipe.config.document

writes workflow/schemas/config.schema.json, for editors, and config/README.md, for people.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kanpipe.config.schema import Schema
from kanpipe.config.validation import configuration

ROOT = Path(__file__).parents[2]
SCHEMA_FILE = ROOT / "workflow/schemas/config.schema.json"
TABLE_FILE = ROOT / "config/README.md"
INTRODUCTION = """# The configuration

[config.yaml](../config.yaml) has the experiments at the scale at which they were published. A preset of
[workflow/presets](../workflow/presets) is laid over it, and what `--configfile` and `--config` set over both. `only`
lists what an experiment keeps of its variants, samplers, extractors or set-ups; `--config roles=published` keeps the
variants that the sources published.

kanpipe is run from a clone. A workflow of your own can load it as a module, with a configuration of its own:

    module kanpipe:
        snakefile: "/path/to/the/clone/workflow/Snakefile"
        config: config

    use rule * from kanpipe

In a module the preset is laid over that configuration, so what you change of it belongs to `preset: paper`. What
`snakedeploy deploy-workflow` makes of a local clone works so too, once the path of the clone stands in its Snakefile.
Nothing else than a clone has the package `kanpipe` beside the rules: a module that Snakemake loads from a remote
repository, as by `github(...)`, does not find it unless the package is installed.

The tables below are made from the models of the configuration by `python -m kanpipe.config.document`, and so is
[workflow/schemas/config.schema.json](../workflow/schemas/config.schema.json), which editors complete keys with.
`<name>` stands for a name of your choice. An entry below `experiments` is run by the code of its `kind`; where it names
none, by that of its own name. So one kind can serve several entries, each with its own results, tables and figures:

    experiments:
      mnist_ddim: {kind: cifar10_ddim, problem: {dataset: mnist, ...}, ...}
"""


def schema_text() -> str:
    """The JSON schema of a whole configuration."""
    schema = Schema(configuration().model_json_schema())
    entries = schema.root["properties"]["experiments"]
    kinds = next(schema.anonymous(entries))["discriminator"]["mapping"]
    entries["properties"] = {kind: {"$ref": reference} for kind, reference in kinds.items()}
    return json.dumps(schema.root, indent=2) + "\n"


def table_text() -> str:
    """A table of every key with its type, default and meaning for each experiment, and one for what they share."""
    schema = Schema(configuration().model_json_schema())
    entries = schema.members(next(schema.anonymous(schema.root["properties"]["experiments"])))
    shared = {"properties": {k: v for k, v in schema.root["properties"].items() if k != "experiments"}}
    sections = [("Shared by all", "", shared | {"required": schema.root.get("required", [])})]
    sections += [(f"`{name}`", f"experiments.{name}.", node) for name, node in entries.items()]
    return "\n".join([INTRODUCTION, *(_section(schema, *section) for section in sections)])


def _section(schema: Schema, title: str, prefix: str, node: dict[str, Any]) -> str:
    rows = "\n".join(f"| {' | '.join(row)} |" for row in _rows(schema, node, ""))
    place = f"\nBelow `{prefix.removesuffix('.')}`:\n" if prefix else ""
    return f"## {title}\n{place}\n| key | type | default | meaning |\n|:--|:--|:--|:--|\n{rows}\n"


def _rows(schema: Schema, node: dict[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    """A row for every key below a node; a key that not all members of a union have names those that have it."""
    union = schema.members(node)
    members, tag = union or {"": node}, node.get("discriminator", {}).get("propertyName")
    owners: dict[str, list[str]] = {}
    for family, member in members.items():
        for key in member.get("properties", {}):
            owners.setdefault(key, []).append(family)
    for key, own in owners.items():
        member = members[own[0]]
        written = member["properties"][key]
        inner = schema.resolved(written)
        default = "required" if key in member.get("required", []) else f"`{json.dumps(written.get('default'))}`"
        meaning = inner.get("description", "").replace("|", "\\|")
        limits = f" ({', '.join(own)})" if len(own) < len(members) else ""
        kind = _choices(node, union) if key == tag else _type(schema, inner)
        yield f"`{path}{key}`", kind, default, meaning + limits
        yield from _below(schema, inner, f"{path}{key}.")


def _choices(node: dict[str, Any], union: Iterable[str]) -> str:
    """The names that the key may have by which the members of a union are told apart."""
    names = [f"`{name}`" for name in union]
    if any("required" in member for member in node["oneOf"]):  # what is brought, which has no section of its own
        names.append("[`module:Family`](../docs/bring_your_own_layer.md)")
    return " or ".join(names)


def _below(schema: Schema, node: dict[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    yield from _rows(schema, node, path)
    for child in schema.anonymous(node):
        step = "<name>" if node.get("type") == "object" else "<item>"
        yield from _rows(schema, schema.resolved(child), f"{path}{step}.")


def _type(schema: Schema, node: dict[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return " or ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        items = schema.resolved(node["items"]) if isinstance(node.get("items"), dict) else {}
        return f"list of {_type(schema, items)}" if items else "list"
    return {"object": "keys"}.get(node.get("type", ""), node.get("type", "keys"))


def main() -> None:
    for path, text in ((SCHEMA_FILE, schema_text()), (TABLE_FILE, table_text())):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
