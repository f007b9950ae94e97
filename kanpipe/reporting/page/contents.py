"""What the page shows: the claims, and of each experiment its words, table and figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2.sandbox import SandboxedEnvironment

from kanpipe.claims.model import OWN
from kanpipe.claims.rows import ASSUMED, CLAIMED
from kanpipe.config import load_yaml
from kanpipe.errors import UserError
from kanpipe.files import read_table
from kanpipe.reporting.beliefs import belief
from kanpipe.reporting.folders import Link, Results
from kanpipe.reporting.page.captions import Caption, preset, seed_counts
from kanpipe.reporting.page.claims import COLUMNS, NUMBERS, Judged, judged
from kanpipe.reporting.page.headline import Headline, headline
from kanpipe.reporting.page.pictures import Picture, embedded
from kanpipe.reporting.tables import NOT_RUN
from kanpipe.reporting.values import METHODS, Values

SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
OTHER_SCALE = re.compile(rf"(\w+) ([^;]*), ({CLAIMED}|{ASSUMED}) ([^;]*)")  # of why a claim is not comparable
KEYS = {"title", "source", "url", "question", "claimed", "measured", "table", "figures", "hard", "left_out"}


@dataclass(frozen=True)
class Figure:
    """A picture, what there is to see on it, and of which runs it is."""

    picture: Picture
    see: str
    shown: str
    file: Link


@dataclass(frozen=True)
class Entry:
    """What the page needs to know of an entry of the configuration.

    Its kind, the variants that figures show which have no room for all, and those with layers of other packages.
    """

    kind: str
    pictured: Sequence[str] = ()
    brought: Sequence[str] = ()


@dataclass(frozen=True)
class Experiment:
    """One experiment as it is shown; `words` are its own or those of its kind in sources.yaml."""

    name: str
    words: Mapping[str, Any]
    measured: str
    scale: str
    partial: str
    claims: list[Judged]
    headline: Headline | None
    figures: list[Figure]
    readme: Link | None
    believe: str

    @property
    def is_own(self) -> bool:
        """Whether no source is about it."""
        return self.words["source"] == OWN

    @property
    def is_run(self) -> bool:
        return self.scale != NOT_RUN

    def with_verdict(self, *tones: str) -> list[Judged]:
        """Its claims, counts left out, whose verdicts say one of these."""
        return [claim for claim in self.claims if claim.tone in tones and claim.group != "count"]


def load_words(path: Path) -> dict[str, dict[str, Any]]:
    """What sources.yaml says of each kind; UserError where something is missing."""
    words = load_yaml(path)
    for kind, said in words.items():
        if missing := KEYS - said.keys():
            raise UserError(f"{path}: {kind} lacks {', '.join(sorted(missing))}")
    return words


def of_entry(name: str, said_of: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
    """The words for an entry: where they are those of its kind they speak of another problem than the entry's."""
    if name == said_of:
        return words
    other = "Nothing of this: it is the code of the same kind on another problem."
    own = {"title": f"{words['title']}: {name}", "source": OWN, "url": ""}
    return {**words, **own, "claimed": other, "hard": [], "left_out": []}


def all_claims(results: Results) -> list[Judged]:
    """The judged claims of a run, or of all that is kept."""
    place = "*/tables/claims.csv" if results.kept else "tables/claims.csv"
    tables = [read_table(path) for path in sorted(results.root.glob(place))]
    return judged(_complete(pd.concat(tables, ignore_index=True)), results) if tables else []


def _complete(table: pd.DataFrame) -> pd.DataFrame:
    names = [
        "id",
        "source",
        "statement",
        "group",
        "primary",
        "verdict",
        "lost_to_holm",
        "effect_of",
        *COLUMNS,
        *NUMBERS,
    ]
    return table.reindex(columns=list(dict.fromkeys(name for name in names if name not in ("interval", "bounds"))))


def experiment(
    name: str,
    entry: Entry,
    words: Mapping[str, Any],
    results: Results,
    claims: list[Judged],
    jinja: SandboxedEnvironment,
) -> Experiment:
    """The section of one experiment."""
    values = Values(results.root / name, results.tables(name))
    readme = results.root / name / "README.md"
    runs = results.runs(name)
    names = {key: getattr(values, key) for key in METHODS}
    own = [claim for claim in claims if claim.experiment == name]
    device = runs["device_type"].iloc[0] if "device_type" in runs and len(runs) else ""
    return Experiment(
        name=name,
        words=words,
        measured=_measured(words["measured"], jinja, names | {"device_type": device}),
        scale=_scale(runs, results.kept, at_published_scale(own)),
        partial=_partial(own),
        claims=own,
        headline=headline(results, name, entry.kind, words["table"], entry.brought),
        figures=_figures(results, name, words["figures"], entry.pictured, at_published_scale(own)),
        readme=Link("the page of this experiment", f"{name}/README.md") if readme.exists() else None,
        believe=belief(readme),
    )


def _measured(template: str, jinja: SandboxedEnvironment, names: Mapping[str, Any]) -> str:
    """What is said of the measurements, without the sentences of whose numbers none was run."""
    said = []
    for sentence in SENTENCE.split(template):
        words = jinja.from_string(sentence).render(names)
        if not words.count(NOT_RUN) == sentence.count("{{") > 0:
            said.append(words)
    if not said:
        return "None of the networks that this is about was run."
    return " ".join(said if len(said) == len(SENTENCE.split(template)) else [*said, "The rest was not run."])


def at_published_scale(claims: list[Judged]) -> bool:
    """Whether the runs of an experiment have the scale that its reported claims are about, where one is named."""
    reported = [claim for claim in claims if claim.group == "reported"]
    return any(claim.scale for claim in reported) and all(claim.verdict != "not comparable" for claim in reported)


def _scale(runs: pd.DataFrame, kept: bool, published: bool) -> str:
    """How many runs there are, of how many training seeds each network, and at which preset, where rows say so."""
    if runs.empty:
        return NOT_RUN
    if "config_hash" not in runs:  # nothing was trained
        return f"{len(runs)} rows of times; no trainings{preset(runs, kept, published)}"
    seeds = runs.groupby("variant")["seed"].nunique()
    networks = f"{len(seeds)} network{'s' if len(seeds) > 1 else ''}"
    return f"{len(runs)} trainings of {networks}, {seed_counts(seeds)} each{preset(runs, kept, published)}"


def _partial(claims: list[Judged]) -> str:
    """In what the runs differ from what claims are about: "channels 12, 32 (claimed for 128)"."""
    found: dict[tuple[str, str], set[str]] = {}
    for claim in claims:
        for name, value, asked, number in OTHER_SCALE.findall(claim.why if claim.verdict == "not comparable" else ""):
            found.setdefault((name.replace("_", " "), f"{asked} {_thousands(number)}"), set()).add(_thousands(value))
    return "; ".join(f"{name} {' or '.join(sorted(values))} ({asked})" for (name, asked), values in found.items())


def _thousands(words: str) -> str:
    """A list with the thousands of its whole numbers apart; names that have a number stay as they are."""
    return ", ".join(f"{int(word):,}" if word.isdigit() else word for word in words.split(", "))


def _figures(
    results: Results, name: str, words: Mapping[str, Any], pictured: Sequence[str], published: bool
) -> list[Figure]:
    found = []
    for stem, said in words.items():
        caption, path = Caption.read(said, f"sources.yaml: {name}: {stem}"), results.figure(name, stem)
        if path.exists():
            shown = caption.shown(results.runs(name, caption.frame), pictured, results.kept, published)
            link = Link(path.stem, str(path.relative_to(results.root)))
            found.append(Figure(embedded(path), caption.see, shown, link))
    return found
