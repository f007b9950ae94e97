"""The page, one file that needs no other and has links to what lies beside it, and its first section as tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import FileSystemLoader
from jinja2.sandbox import SandboxedEnvironment

from kanpipe.files import atomic
from kanpipe.reporting.beliefs import belief
from kanpipe.reporting.folders import Results
from kanpipe.reporting.page import contents, forest
from kanpipe.reporting.page.claims import Judged, by_group, by_source, counted, present, verdict_table
from kanpipe.reporting.page.contents import Entry, Experiment
from kanpipe.reporting.tables import Table
from kanpipe.reporting.values import environment


@dataclass(frozen=True)
class Page:
    """All that is shown of some results: what is to believe, experiments and claims in the order of the page."""

    believe: str
    experiments: list[Experiment]
    claims: list[Judged]
    origin: dict[str, Any]
    jinja: SandboxedEnvironment

    @property
    def of_sources(self) -> list[Experiment]:
        """The experiments that a source is about: those that were run, or have claims that were not."""
        return [e for e in self.experiments if not e.is_own and (e.is_run or e.claims)]

    @property
    def of_this_project(self) -> list[Experiment]:
        """Those that were run and are of no source."""
        return [e for e in self.experiments if e.is_own and e.is_run]

    @property
    def not_run(self) -> list[Experiment]:
        """The others."""
        return [e for e in self.experiments if e not in (*self.of_sources, *self.of_this_project)]

    @property
    def sections(self) -> list[Experiment]:
        """All of them in the order of the page."""
        return [*self.of_sources, *self.of_this_project, *self.not_run]

    @cached_property
    def verdict_table(self) -> Table:
        """The numbers of claims and verdicts by source."""
        return verdict_table(self.claims)

    @property
    def verdicts(self) -> list[str]:
        """Those that a claim has."""
        return present(self.claims)

    @property
    def groups(self) -> dict[str, list[Judged]]:
        """The claims below their headings."""
        return by_group(self.claims)

    @property
    def sources(self) -> dict[str, list[Judged]]:
        """The claims of each source."""
        return by_source(self.claims)

    def write(self, out: Path, preset: str = "") -> None:
        """Write the page to `out`, which lies in the folder of the results; `preset`: their scale, if all have one."""
        template = self.jinja.get_template("page.html")
        with atomic(out) as beside:
            beside.write_text(template.render(page=self, preset=preset, counted=counted, forest=forest))

    def tables(self) -> dict[str, Table]:
        """What was claimed and measured, a row an experiment, and the number of claims by source and verdict."""
        headlines = [
            (e.words["title"], e.words["source"], e.words["claimed"], e.measured, e.scale) for e in self.experiments
        ]
        said = pd.DataFrame(headlines, columns=["experiment", "source", "claimed", "measured", "runs"])
        return {"headlines": Table(said, said), "verdicts": self.verdict_table}


def gathered(root: Path, entries: Mapping[str, Entry], workflow: Path) -> Page:
    """The page of the results of some entries below `root`; `workflow` is the folder of sources.yaml and the template.

    Raises UserError for words that are incomplete.
    """
    results = Results(root)
    loader = FileSystemLoader(workflow / "report/page")
    jinja = environment(loader=loader, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    words = contents.load_words(workflow / "sources.yaml")
    said = {name: name if name in words else entry.kind for name, entry in entries.items()}
    names = sorted((name for name in entries if said[name] in words), key=lambda name: list(words).index(said[name]))
    claims = [c for c in contents.all_claims(results) if c.experiment in names]
    claims.sort(key=lambda claim: (claim.rank, names.index(claim.experiment)))
    own = {name: contents.of_entry(name, said[name], words[said[name]]) for name in names}
    experiments = [contents.experiment(name, entries[name], own[name], results, claims, jinja) for name in names]
    return Page(belief(root / "README.md"), experiments, claims, _origin(results), jinja)


def _origin(results: Results) -> dict[str, Any]:
    """The machines, versions and commits of all runs."""
    records = list(results.origins())
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in record["versions"].items():
            versions.setdefault(name, set()).add(version)
    return {
        "runs": len(records),
        "devices": sorted({record["device"] for record in records}),
        "commits": sorted({commit for record in records for commit in record["commit"].split()}),
        "versions": {name: ", ".join(sorted(found)) for name, found in versions.items()},
        "finished": max((record["finished"][:10] for record in records), default=""),
    }
