"""What the rules of one entry of the configuration need to know of it; without torch, since Snakemake reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any

from kanpipe.config.kinds import blocks, parsed, without_words
from kanpipe.experiments import has_stage, outputs, stage_module
from kanpipe.experiments.protocol import Outputs, table_name
from kanpipe.layers.registry import is_brought
from kanpipe.provenance import code_hash, named_families

RUN = "{variant}/seed{seed}"  # the folder of a run below that of its experiment


@dataclass(frozen=True)
class Plan:
    """One entry: its name, and its settings as the effective configuration has them."""

    name: str
    settings: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return self.settings["kind"]

    @cached_property
    def outputs(self) -> Outputs:
        """What the stages leave."""
        return outputs(self.kind)

    @property
    def dataset(self) -> str | None:
        """The name of the dataset that the entry is about, where it is about one."""
        return self.settings.get("problem", {}).get("dataset")

    @property
    def extractors(self) -> Mapping[str, Any]:
        """The feature extractors that images are scored with."""
        return self.settings.get("evaluation", {}).get("extractors", {})

    @cached_property
    def figures(self) -> list[str]:
        """The names of the figures."""
        variants = {"variants": self.settings["variants"]} if "variants" in self.settings else {}
        return self.outputs.figures(getattr(parsed(self.kind, variants), "variants", {}))

    @property
    def pictured(self) -> list[str]:
        """The variants that figures show which have no room for all."""
        return self.settings.get("figures", {}).get("variants", [])

    @property
    def brought(self) -> list[str]:
        """The variants with layers of other packages."""
        return [
            name
            for name in self.settings.get("variants", {})
            if any(map(is_brought, named_families(self.variant(name))))
        ]

    @property
    def on_page(self) -> dict[str, Any]:
        """What the page needs to know of the entry, as `kanpipe.reporting.page.contents.Entry` takes it."""
        return {"kind": self.kind, "pictured": self.pictured, "brought": self.brought}

    @cached_property
    def tables(self) -> list[str]:
        """The names of the tables."""
        return [table_name(self.name, suffix) for suffix in self.outputs.tables]

    @cached_property
    def runs(self) -> list[tuple[str, int]]:
        """The variant and the seed of every training."""
        seeds = dict.fromkeys(self.settings.get("variants", {}), self.settings.get("seeds", []))
        seeds |= self.settings.get("variant_seeds", {})
        return [run for variant, numbers in seeds.items() for run in product([variant], numbers)]

    @property
    def matched(self) -> dict[str, str]:
        """By variant the other one that it was made as large as."""
        variants = self.settings.get("variants", {})
        return {name: own["match"]["variant"] for name, own in variants.items() if "match" in own}

    @cached_property
    def benchmarks(self) -> list[str]:
        """The benchmark files of all jobs, below the folder of benchmarks."""
        each = "{stage}_{variant}_seed{seed}.tsv"
        jobs = {"train": each, "sample": "{stage}.tsv" if self.outputs.sampled_together else each}
        stages = [stage for stage in ("train", "sample", "evaluate", "speed") if self.has(stage)] + ["publish"]
        patterns = [jobs.get(stage, "{stage}.tsv").replace("{stage}", stage) for stage in stages]
        return [f"{self.name}/{path}" for pattern in patterns for path in self.of_every_run(pattern)]

    def has(self, stage: str) -> bool:
        """Whether the kind has the stage."""
        return has_stage(self.kind, stage)

    def of_every_run(self, pattern: str) -> list[str]:
        """The pattern with the variant and the seed of every run, where it names them; itself otherwise."""
        if "{variant}" not in pattern:
            return [pattern]
        return [pattern.replace("{variant}", variant).replace("{seed}", str(seed)) for variant, seed in self.runs]

    def blocks(self, stage: str) -> dict[str, Any]:
        """What the stage depends on of the entry."""
        return blocks(self.settings, stage)

    def variant(self, name: str) -> dict[str, Any]:
        """What the training of a variant depends on of the variant."""
        return without_words(self.settings["variants"][name])

    def code(self, *stages: str) -> list[str]:
        """Hashes of the source that stages depend on: when one changes, they run again."""
        variants = {name: self.variant(name) for name in self.settings.get("variants", {})}
        families = frozenset(named_families(dict(self.settings) | {"variants": variants}))
        return [_hash(stage_module(self.kind, stage), families) for stage in stages]

    def training_code(self, variant: str) -> str:
        """The hash for a variant's training: of the layers, it knows the variant's own."""
        families = named_families(self.variant(variant))
        return _hash(stage_module(self.kind, "train"), frozenset(families))


@cache
def _hash(module: str, families: frozenset[str]) -> str:
    return code_hash(module, families)
