"""What each kind of claim measures: one function a kind, from the rows of a claim to a finding."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from kanpipe.claims import effects, rows
from kanpipe.claims.effects import Effect
from kanpipe.claims.model import Claim
from kanpipe.claims.rows import NotRun, of_variant, scores
from kanpipe.errors import UserError

MODELS = 5  # that a trend needs: of four, not even a perfect order is rare enough


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim, in words and as an effect, and what keeps it from a verdict."""

    measured: str
    effect: Effect | None = None
    scale: str = ""
    unjudged: tuple[str, str] | None = None  # a verdict of none, and why
    read: str = ""  # the variants that were read


def _finding(claim: Claim, effect: Effect, measured: str, sides: list[pd.DataFrame], few: str = "") -> Finding:
    words, comparable = rows.scale(claim, pd.concat(sides))
    unjudged = None
    if not comparable:
        unjudged = "not comparable", words
    elif lost := rows.lost(*sides):
        unjudged = "diverged", f"{lost}: the means of the others would flatter it"
    elif few:
        unjudged = "preliminary", few
    return Finding(measured, effect, words, unjudged, ", ".join(side["variant"].iloc[0] for side in sides))


def number(value: float) -> str:
    """Four significant digits, or a whole number."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1000 else f"{value:#.4g}"


def _mean(table: pd.DataFrame) -> str:
    return number(table.to_numpy().mean()) if len(table) else "diverged"


def compared(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """Two variants: above, not above, equal."""
    test: Any = claim.test
    sides = [of_variant(frame, side) for side in (test.left, test.right)]
    left, right = (scores(claim, side, test.metric) for side in sides)
    ratio = getattr(test, "times", None) is not None
    if ratio and any((side <= 0).any(axis=None) for side in (left, right)):
        raise NotRun(f"{test.metric} is not positive, so that it has no ratio")
    effect = effects.difference(left, right, ratio, claim.unit) if len(left) and len(right) else None
    means = map(_mean, effects.compared_runs(left, right))
    return _finding(claim, _known(effect), _named(means, map(_name, sides)), sides, rows.few(left, right))


def _name(side: pd.DataFrame) -> str:
    return side["variant"].iloc[0]


def _named(values: Iterable[str], names: Iterable[str]) -> str:
    """`56.82 (vae) against 54.95 (kan)`; one value alone as it is."""
    pairs = list(zip(values, names, strict=True))
    return " against ".join(f"{value} ({name})" for value, name in pairs) if len(pairs) > 1 else pairs[0][0]


def _known(effect: Effect | None) -> Effect:
    return effect or Effect(math.nan, math.nan, math.nan, "", "")


def level(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """The mean of a metric, or one more run of it."""
    test: Any = claim.test
    side = of_variant(frame, test.variant)
    table = scores(claim, side, test.metric)
    effect = None
    if len(table):
        effect = effects.one_more_run(table) if test.kind == "number" else effects.level(table, claim.unit)
    return _finding(claim, _known(effect), _mean(table), [side], rows.few(table))


def least(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """A variant against each of the others."""
    test: Any = claim.test
    sides = [of_variant(frame, name) for name in (test.variant, *test.others)]
    first, *others = (scores(claim, side, test.metric) for side in sides)
    names = [_name(side) for side in sides[1:]]
    means = {name: table.to_numpy().mean() for name, table in zip(names, others, strict=True) if len(table)}
    lowest = min(means, key=means.__getitem__, default="")
    beside = f"{number(means[lowest])} ({lowest}) and more" if means else "diverged"
    effect = effects.least(first, others) if len(first) and len(means) == len(others) else None
    measured = f"{_mean(first)} ({_name(sides[0])}) against {beside}"
    return _finding(claim, _known(effect), measured, sides, rows.few(first, *others))


def trend(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """The rank correlation of a metric with a number of the variants, over the variants."""
    test: Any = claim.test
    sides = [of_variant(frame, name) for name in test.along]
    tables = [scores(claim, side, test.metric) for side in sides]
    kept = [(along, table) for along, table in zip(test.along.values(), tables, strict=True) if len(table)]
    means = [table.to_numpy().mean() for _, table in kept]
    few = effects.counted(len(kept), "model") if len(kept) < MODELS else ""
    seeds = sorted({len(table) for _, table in kept})
    words = f"models are permuted; runs a model: {', '.join(map(str, seeds))}"
    effect = effects.trend([along for along, _ in kept], means, words) if not few else None
    measured = ", ".join(map(number, means))
    return _finding(claim, _known(effect), measured, sides, few)


def share(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """The mean over runs of the share of a run's rows that lie below a value; NaN does not."""
    test: Any = claim.test
    side = of_variant(frame, test.variant)
    ended = rows.finished(rows.with_metric(side, test.metric))
    below = ended[test.metric] < test.below
    shares = below.groupby(ended["seed"]).mean().to_frame()
    effect = effects.level(shares, claim.unit) if len(shares) else None
    measured = f"{below.sum()} of {len(below)}"
    return _finding(claim, _known(effect), measured, [side], rows.few(shares))


def stated(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """A ratio with an interval of its own, of times that were taken in turns."""
    test: Any = claim.test
    if test.kind == "ratio":
        metric = f"{test.phase}_over_{test.right}"
        variant, to, ends = test.left, test.right, [f"{metric}_low", f"{metric}_high"]
    else:
        metric, variant, to, ends = test.metric, test.variant, test.to, test.ends
        frame = frame if len(frame) and frame["variant"].iloc[0] == to else frame[:0]
    found = frame[frame["variant"] == variant]
    if found.empty or metric not in found or pd.isna(found[metric].iloc[0]):
        raise NotRun(f"no times of {variant} and {to}")
    if len(found) > 1:
        raise UserError(f"claim {claim.id}: {len(found)} rows of {variant} are meant; `where` has to choose one")
    rows.check_has(claim, found, {*ends})
    value, low, high = found[[metric, *ends]].iloc[0]
    effect = effects.ratio_of_times(value, low, high, int(found["rounds"].iloc[0]))
    few = "an interval needs six rounds" if pd.isna(low) else ""
    return _finding(claim, effect, number(value), [found], few)


def _count(claim: Claim, parameters: pd.DataFrame, variant: str) -> int:
    found = parameters[(parameters["experiment"] == claim.experiment) & (parameters["variant"] == variant)]
    if found.empty:
        raise NotRun(f"the configuration has no variant {variant}")
    return int(found["parameters"].iloc[0])


def counted(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """Parameters, or their ratio: exact."""
    test: Any = claim.test
    if test.kind == "parameters":
        value: float = _count(claim, parameters, test.variant)
        effect, names = Effect(value, value, value, "count", ""), [test.variant]
    else:
        names = [test.left, test.right]
        ours, theirs = (_count(claim, parameters, name) for name in names)
        value = ours / theirs
        effect = Effect(value, value, value, "ratio of counts", "")
    return Finding(number(value), effect, read=", ".join(names))


def exact(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """A number that is the same in all rows of a variant, or the difference of those of two."""
    test: Any = claim.test
    names = [name for name in (test.variant, test.less) if name]
    sides = [of_variant(frame, name) for name in names]
    counts = [_same_number(side, test.metric) for side in sides]
    value = round(counts[0] - sum(counts[1:]), 9)  # as many digits as a sum of equal numbers leaves
    words, comparable = rows.scale(claim, pd.concat(sides))
    other = None if comparable else ("not comparable", words)
    return Finding(
        _named(map(number, counts), names), Effect(value, value, value, "number", ""), words, other, ", ".join(names)
    )


def _same_number(side: pd.DataFrame, metric: str) -> float:
    if metric not in side or side[metric].isna().all():
        raise NotRun(f"no {metric} was counted of {side['variant'].iloc[0]}")
    return round(float(side[metric].mean()), 9)


def same_rows(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """Rows that differ from printed ones, of all rows."""
    test: Any = claim.test
    differs = rows.with_metric(of_variant(frame, test.variant), test.metric)[test.metric].dropna()
    count = float((differs != 0).sum())
    words = f"{count:.0f} of {len(differs)} rows differ"
    return Finding(words, Effect(count, count, count, "rows that differ", f"{len(differs)} rows"), read=test.variant)


def stable(claim: Claim, frame: pd.DataFrame, parameters: pd.DataFrame) -> Finding:
    """Runs that have diverged, of all runs."""
    test: Any = claim.test
    side = of_variant(frame, test.variant)
    gone = float(len(side) - len(rows.finished(side)))
    words, comparable = rows.scale(claim, side)
    few = rows.few(side)
    unjudged = ("not comparable", words) if not comparable else ("preliminary", few) if few else None
    measured = f"{gone:.0f} of {effects.counted(len(side), 'run')} diverged"
    most = binomtest(int(gone), len(side)).proportion_ci().high
    noise = f"of all runs up to {most:.0%} may diverge (95 %)"
    effect = Effect(gone, gone, gone, "runs that diverged", effects.counted(len(side), "run"), noise)
    return Finding(measured, effect, words, unjudged, side["variant"].iloc[0])


FINDERS: dict[str, Callable[[Claim, pd.DataFrame, pd.DataFrame], Finding]] = {
    "above": compared,
    "not_above": compared,
    "equal": compared,
    "level": level,
    "number": level,
    "estimate": stated,
    "ratio": stated,
    "trend": trend,
    "least": least,
    "share": share,
    "parameters": counted,
    "parameter_ratio": counted,
    "exact": exact,
    "rows": same_rows,
    "stable": stable,
}
