"""Claims and their verdicts as the page shows them."""

import math
from dataclasses import dataclass

import pandas as pd

from kanpipe.claims.words import ASKS, GROUPS, marked
from kanpipe.reporting.folders import Link, Results
from kanpipe.reporting.page.forest import Mark, mark
from kanpipe.reporting.tables import Table

COLUMNS = {  # of the table of claims that a reader can unfold: its words
    "reported": "Reported",
    "measured": "Measured",
    "kind": "Test",
    "effect": "Effect",
    "interval": "95 % interval",
    "bounds": "Holds where the effect is",
    "n": "Number",
    "p": "p",
    "p_holm": "p after Holm's correction",
    "scale": "Scale",
    "bound_because": "Why these bounds",
    "why": "Why this verdict",
    "place": "Place in the source",
    "rests_on": "Rests on",
}
NUMBERS = ("effect", "low", "high", "bound_low", "bound_high")
TONES = {  # of a verdict: what it says, for colours and marks
    "reproduced": "for",
    "supported": "for",
    "agrees": "for",
    "not reproduced": "against",
    "refuted": "against",
    "differs": "against",
    "within noise": "open",
    "undecided": "open",
    "diverged": "open",
    "borderline": "open",
    "preliminary": "open",
}  # and "silent", where nothing was measured that speaks to the claim
JUDGED = tuple(marked(verdict, lost) for verdict in TONES for lost in (False, True))
VERDICTS = (*JUDGED, "not comparable", "undecidable", "not run")  # in the order in which they are counted
TOGETHER = {  # what a column of the table of verdicts counts together; all others have a column each
    "reproduced": "holds",
    "supported": "holds",
    "not reproduced": "does not hold",
    "refuted": "does not hold",
} | {verdict: "open" for verdict, tone in TONES.items() if tone == "open"}


@dataclass(frozen=True)
class Judged:
    """A claim, its verdict, and what it rests on."""

    id: str
    experiment: str
    source: str
    statement: str
    group: str
    primary: bool
    measured: str
    verdict: str
    lost: bool  # to Holm's correction
    why: str
    effect: str  # with its interval; nothing of what was counted or has none
    mark: Mark | None
    scale: str  # that which it is about and the runs have
    facts: list[tuple[str, str]]
    frames: list[Link]
    records: list[Link]

    @property
    def anchor(self) -> str:
        return "claim-" + self.id.replace(".", "-").replace("_", "-")

    @property
    def rank(self) -> tuple[int, bool]:
        """Reported claims come first, then predictions, later readings and counts; of each the primary ones."""
        return [*GROUPS].index(self.group), not self.primary

    @property
    def asked(self) -> str:
        """The claim that it is a reading of: `kan_vae.best_fid` of `kan_vae.best_fid.fid_64_mixed`."""
        return ".".join(self.id.split(".")[:2])

    @property
    def shown(self) -> str:
        """The verdict as it is shown and counted."""
        return marked(self.verdict, self.lost)

    @property
    def tone(self) -> str:
        return TONES.get(self.verdict, "silent")


def judged(table: pd.DataFrame, results: Results) -> list[Judged]:
    """The rows of a table of claims, with the files that they rest on."""
    return [_judged(row, results) for _, row in table.iterrows()]


def _judged(row: pd.Series, results: Results) -> Judged:
    experiment = row["id"].split(".")[0]
    words = row.drop(list(NUMBERS)).map(lambda value: "" if pd.isna(value) else str(value))
    numbers = row[list(NUMBERS)].astype(float)
    effect, low, high, bound_low, bound_high = numbers
    is_ratio = words["effect_of"].startswith("ratio")
    frames, records = results.evidence(experiment, words["rests_on"])
    return Judged(
        experiment=experiment,
        primary=words["primary"] == "True",
        lost=words["lost_to_holm"] == "True",
        effect=_effect(effect, low, high, is_ratio),
        mark=mark(effect, low, high, bound_low, bound_high, is_ratio),
        facts=_facts(words, numbers),
        frames=frames,
        records=records,
        **{key: words[key] for key in ("id", "source", "statement", "group", "measured", "verdict", "why", "scale")},
    )


def _effect(effect: float, low: float, high: float, is_ratio: bool) -> str:
    """`1.99 [1.55, 2.44]`, of a ratio `5.35 times [5.32, 5.45]`; nothing without an interval."""
    if not math.isfinite(high - low) or high <= low:
        return ""
    centre, *ends = (f"{value:.3g}".replace("-", "−") for value in (effect, low, high))
    return f"{centre}{' times' if is_ratio else ''} [{', '.join(ends)}]"


def _facts(words: pd.Series, numbers: pd.Series) -> list[tuple[str, str]]:
    """What can be unfolded: its words and what it is, where it is anything."""
    effect, low, high, bound_low, bound_high = numbers
    shown = words.to_dict() | {
        "kind": ASKS.get(words["kind"], words["kind"]),
        "effect": "" if pd.isna(effect) else f"{effect:.4g} ({words['effect_of']})",
        "interval": "" if pd.isna(low) or pd.isna(high) else f"{low:.4g} to {high:.4g}",
        "bounds": _range(bound_low, bound_high),
        "p": _rounded(words["p"]),
        "p_holm": _rounded(words["p_holm"]),
    }
    return [(title, shown[name]) for name, title in COLUMNS.items() if shown[name]]


def _range(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f"{low:.4g} to {high:.4g}"
    if math.isfinite(low):
        return f"above {low:.4g}"
    return f"below {high:.4g}" if math.isfinite(high) else ""


def _rounded(p: str) -> str:
    return f"{float(p):.2g}" if p else ""


def counted(claims: list[Judged]) -> dict[str, int]:
    """How many claims have each verdict that one of them has."""
    counts = {verdict: sum(claim.shown == verdict for claim in claims) for verdict in VERDICTS}
    return {verdict: count for verdict, count in counts.items() if count}


def present(claims: list[Judged]) -> list[str]:
    """The verdicts that a claim has, in their order."""
    return [verdict for verdict in VERDICTS if any(claim.shown == verdict for claim in claims)]


def by_group(claims: list[Judged]) -> dict[str, list[Judged]]:
    """The claims below their headings, in the order of these."""
    groups = {title: [claim for claim in claims if claim.group == group] for group, title in GROUPS.items()}
    return {title: own for title, own in groups.items() if own}


def by_source(claims: list[Judged]) -> dict[str, list[Judged]]:
    """The claims of each source, sources in alphabetical order."""
    names = sorted({claim.source for claim in claims})
    return {name: [claim for claim in claims if claim.source == name] for name in names}


def verdict_table(claims: list[Judged]) -> Table:
    """The numbers of claims, and of verdicts on them by source; in brackets what Holm's correction takes away.

    A claim that is read in several ways has several verdicts. The text counts some verdicts together.
    """
    sources = by_source(claims) | {"all": claims}
    verdicts = [verdict for verdict in VERDICTS if any(claim.verdict == verdict for claim in claims)]
    columns = dict.fromkeys(TOGETHER.get(verdict, verdict) for verdict in verdicts)
    counts, texts = [], []
    for name, own in sources.items():
        head = {"source": name, "claims": len({claim.asked for claim in own}), "verdicts": len(own)}
        counts.append(head | {verdict: sum(claim.verdict == verdict for claim in own) for verdict in verdicts})
        lost = {
            column: [claim.lost for claim in own if TOGETHER.get(claim.verdict, claim.verdict) == column]
            for column in columns
        }
        texts.append({key: str(value) for key, value in head.items()} | {v: _cell(each) for v, each in lost.items()})
    return Table(pd.DataFrame(counts), pd.DataFrame(texts), "In brackets: what Holm's correction takes away.")


def _cell(lost: list[bool]) -> str:
    return (f"{len(lost)} ({sum(lost)})" if any(lost) else str(len(lost))) if lost else ""
