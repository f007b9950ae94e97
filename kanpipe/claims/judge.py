"""The table of verdicts. See CONTRIBUTING.md for what each word means."""

import math
from typing import Any

import numpy as np
import pandas as pd

from kanpipe.claims.effects import LEVEL, Effect
from kanpipe.claims.kinds import FINDERS, Finding, number
from kanpipe.claims.model import Claim
from kanpipe.claims.questions import Bounds
from kanpipe.claims.rows import Frames, NotRun, rows_of
from kanpipe.claims.words import ASKS, GROUPS, marked
from kanpipe.reporting.tables import NOT_RUN, Table

WORDS = {  # group: the claim holds, it fails, the interval holds both
    "reported": ("reproduced", "not reproduced", "within noise"),
    "own": ("supported", "refuted", "undecided"),
    "afterwards": ("supported", "refuted", "undecided"),
    "count": ("agrees", "differs", ""),
}
BORDERLINE = "borderline"  # a tight interval across a bound, or beside the number that it is within the margin of
TIGHT = 0.1  # of what is claimed: the width between two bounds, or the size of the one
STRICT = ("above", "least")  # claims that do not hold of what is equal
UNDECIDABLE = "undecidable"
NOTE = (
    "A claim holds where its effect lies between its bounds; the verdict is read from the 95 % interval of the effect "
    "(of a rank correlation: from its p). p: the least level at which the data leave one verdict; of a ratio of times "
    "the level of its interval, or 1; means over rounds of one process have none. Holm: corrected over all primary "
    "claims of the experiment that runs can decide. A verdict alone is not corrected; one that the correction takes "
    "away is marked: not after Holm. *: primary."
)
SHOWN = {
    "group": "group", "statement": "claim", "place": "place", "reported": "reported", "measured": "measured",
    "kind": "test", "_effect": "effect, 95 % interval", "_holds": "holds", "n": "n", "p": "p", "p_holm": "p (Holm)",
    "verdict": "verdict", "why": "why", "scale": "scale",
}  # fmt: skip


def judge(claims: list[Claim], frames: Frames, parameters: pd.DataFrame) -> Table:
    """A row a claim; `parameters` has those of all variants.

    Raises UserError for a claim that names a column which its rows lack.
    """
    numbers = pd.DataFrame([_row(claim, frames, parameters) for claim in claims])
    numbers["p_holm"] = _holm(numbers)
    numbers["lost_to_holm"] = (numbers["p"] < 1 - LEVEL) & (numbers["p_holm"] >= 1 - LEVEL)
    columns = [*numbers.columns.drop(["p_holm", "lost_to_holm"])]
    columns.insert(columns.index("p") + 1, "p_holm")
    columns.insert(columns.index("verdict") + 1, "lost_to_holm")
    numbers = numbers[columns]
    return Table(numbers, _text(numbers), NOTE, by="group")


def _row(claim: Claim, frames: Frames, parameters: pd.DataFrame) -> dict[str, Any]:
    effect: Effect | None = None
    try:
        if claim.test.kind == "undecidable":
            finding, verdict, p, why = Finding(""), UNDECIDABLE, math.nan, claim.test.reason
        elif claim.test.kind == "unmeasured":
            raise NotRun(claim.test.reason)
        else:
            finding = FINDERS[claim.test.kind](claim, rows_of(claim, frames), parameters)
            effect = finding.effect
            verdict, p, why = _verdict(claim, finding)
    except NotRun as missing:
        finding, verdict, p, why = Finding(NOT_RUN), NOT_RUN, math.nan, str(missing)
    head = claim.model_dump(include={"id", "experiment", "source", "place", "statement"})
    head |= {"group": claim.group, "primary": claim.primary, "kind": claim.test.kind, "reported": str(claim.reported)}
    low, high = _bounds(claim)
    said = "; ".join(filter(None, (why, claim.caution)))
    of = {"rests_on": _rests_on(claim, finding), "bound_because": claim.because}
    return (
        head
        | {"measured": finding.measured}
        | _effect_columns(effect)
        | {"bound_low": _finite(low), "bound_high": _finite(high), "n": effect.n if effect else "", "p": p}
        | {"scale": finding.scale, "verdict": verdict, "why": said}
        | of
    )


def _bounds(claim: Claim) -> Bounds:
    if claim.test.kind == "parameters":
        return float(claim.reported), float(claim.reported)
    return claim.test.bounds


def _effect_columns(effect: Effect | None) -> dict[str, Any]:
    if effect is None:
        return {"effect": math.nan, "low": math.nan, "high": math.nan, "effect_of": ""}
    return {"effect": effect.value, "low": effect.low, "high": effect.high, "effect_of": effect.of}


def _finite(bound: float) -> float:
    return bound if math.isfinite(bound) else math.nan


def _rests_on(claim: Claim, finding: Finding) -> str:
    noise = finding.effect.noise if finding.effect else ""
    return "; ".join(filter(None, (f"{claim.frame}: {finding.read}" if finding.read else "", noise)))


def _verdict(claim: Claim, finding: Finding) -> tuple[str, float, str]:
    """The verdict, its p, and why."""
    bounds = _bounds(claim)
    words = WORDS[claim.group]
    if finding.unjudged and finding.unjudged[0] != "preliminary":
        return finding.unjudged[0], math.nan, finding.unjudged[1]
    assert finding.effect is not None
    reading, p = read(finding.effect, bounds, claim.test.kind in STRICT)
    narrow = reading == 2 and tight(finding.effect, bounds)
    verdict = BORDERLINE if narrow or (reading == 0 and _misses(claim, finding.effect)) else words[reading]
    if finding.unjudged:
        few = finding.unjudged[1]
        return "preliminary", math.nan, f"{few}; reads {verdict}" if math.isfinite(finding.effect.low) else few
    return verdict, p, _why(claim, finding.effect, bounds)


def read(effect: Effect, bounds: Bounds, is_strict: bool = False) -> tuple[int, float]:
    """0 where the effect lies between the bounds, 1 where it does not, 2 where both are left; and p.

    An effect without noise that is a bound itself lies between them, unless the claim `is_strict`.
    """
    low, high = bounds
    inside = low <= effect.value <= high
    if effect.p is None:  # the interval alone is known, or there is no noise
        if is_strict and effect.low == effect.high and effect.value in bounds:
            return 1, math.nan
        if low <= effect.low and effect.high <= high:
            return 0, math.nan
        return (1 if effect.high < low or high < effect.low else 2), math.nan
    against = [effect.p(bound) for bound in bounds if math.isfinite(bound)]
    p = max(against) if inside else effect.p(low if effect.value < low else high)
    if p < 1 - LEVEL:
        return (0 if inside else 1), p
    return 2, p


def tight(effect: Effect, bounds: Bounds) -> bool:
    """Whether the interval is narrow beside what is claimed; of a ratio that is how far its bound lies from 1."""
    finite = [bound for bound in bounds if math.isfinite(bound)]
    if effect.is_ratio:
        return math.log(effect.high / effect.low) < TIGHT * min(abs(math.log(bound)) for bound in finite)
    size = finite[1] - finite[0] if len(finite) == 2 else abs(finite[0])
    return effect.high - effect.low < TIGHT * size


def _why(claim: Claim, effect: Effect, bounds: Bounds) -> str:
    if claim.group == "count":
        return "counted"
    if math.isnan(effect.low):
        return f"{effect.of} over {effect.n}"
    return f"{effect.of} {number(effect.value)}, holds {_range(*bounds)}{_beside(claim, effect)}"


def _beside(claim: Claim, effect: Effect) -> str:
    """Whether a reported number is one that one more run could have, which may be so of many where runs differ much."""
    if claim.test.kind != "number":
        return ""
    return f"; the reported {claim.test.value:g} lies {'outside' if _misses(claim, effect) else 'inside'} the interval"


def _misses(claim: Claim, effect: Effect) -> bool:
    """Whether a reported number is one that one more run would not have."""
    return claim.test.kind == "number" and not effect.low <= claim.test.value <= effect.high


def _range(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f"from {low:g} to {high:g}"
    return f"above {low:g}" if math.isfinite(low) else f"up to {high:g}"


def _holm(numbers: pd.DataFrame) -> pd.Series:
    """Holm's step-down p (1979) over each experiment's family, as far as its claims have a p."""
    family = numbers[in_family(numbers)]
    return family.groupby("experiment")["p"].transform(holm).reindex(numbers.index)


def in_family(numbers: pd.DataFrame) -> pd.Series:
    """Which rows Holm's correction runs over: primary claims that runs can decide, whether they have been made or not.

    So a verdict does not get weaker when more is run.
    """
    return numbers["primary"] & numbers["group"].ne("count") & numbers["verdict"].ne(UNDECIDABLE)


def holm(p: pd.Series) -> pd.Series:
    """The p of a family, corrected after Holm (1979); one that is missing counts as the largest."""
    ordered = p.sort_values()
    steps = ordered.to_numpy() * np.arange(len(ordered), 0, -1)
    return pd.Series(np.minimum(1, np.maximum.accumulate(steps)), ordered.index).reindex(p.index)


def _text(numbers: pd.DataFrame) -> pd.DataFrame:
    """The columns that people read, own predictions, later readings and counts after the reported claims.

    Where the scale is not the claim's it is why there is no verdict, and stands there.
    """
    made = numbers.assign(
        group=numbers["group"].map(GROUPS),
        kind=numbers["kind"].map(ASKS),
        statement=numbers["statement"] + numbers["primary"].map({True: " *", False: ""}),
        _effect=[_interval(row) for _, row in numbers.iterrows()],
        _holds=[_holds(row) for _, row in numbers.iterrows()],
        p=[_p(value) for value in numbers["p"]],
        p_holm=[_p(value) for value in numbers["p_holm"]],
        verdict=list(map(marked, numbers["verdict"], numbers["lost_to_holm"])),
        scale=numbers["scale"].mask(numbers["verdict"] == "not comparable", ""),
    )
    order = made["group"].map([*GROUPS.values()].index).sort_values(kind="stable").index
    return made.loc[order, list(SHOWN)].rename(columns=SHOWN).fillna("").astype(str)


def _interval(row: pd.Series) -> str:
    if pd.isna(row["effect"]) or row["group"] == "count":
        return ""
    ends = "" if pd.isna(row["low"]) else f" [{number(row['low'])}, {number(row['high'])}]"
    return f"{number(row['effect'])}{ends}"


def _holds(row: pd.Series) -> str:
    low, high = row["bound_low"], row["bound_high"]
    if row["group"] == "count" or (pd.isna(low) and pd.isna(high)):
        return ""
    return _range(-math.inf if pd.isna(low) else low, math.inf if pd.isna(high) else high)


def _p(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2g}"
